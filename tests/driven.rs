//! Between two turns of a driven loop, whatever gives the loop something to do makes its descriptor
//! readable.

#[path = "support/keeps.rs"]
mod keeps;
mod support;

use std::cell::Cell;
use std::fs::File;
use std::future::Future;
use std::io::Write;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures_util::AsyncReadExt;
use keeps::Keeps;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use support::{my_waker, panic_of};
use wakeful::class::Class;
use wakeful::fs::Backend as Files;
use wakeful::reactor::Backend;
use wakeful::runtime::MetricsLevel;
use wakeful::time::{Instant, Sleep, sleep};
use wakeful::{Builder, Runtime};

/// Whether the descriptor of the runtime is readable.
fn is_readable(runtime: &Runtime) -> bool {
    let mut fds = [PollFd::new(runtime, PollFlags::IN)];
    poll(&mut fds, Some(&Timespec::default())).unwrap() == 1
}

/// Runs turns until the loop has nothing to do and a host would wait.
fn settle(runtime: &Runtime) -> Option<Duration> {
    loop {
        runtime.turn().unwrap();
        match runtime.next_timeout() {
            Some(Duration::ZERO) => {}
            timeout => {
                assert!(!is_readable(runtime), "nothing has happened");
                return timeout;
            }
        }
    }
}

/// Runs `act` while the loop sleeps. The descriptor must become readable, and stay so only until
/// the next turn.
fn notifies(runtime: &Runtime, act: impl FnOnce()) {
    settle(runtime);
    act();
    assert!(is_readable(runtime), "the host is notified");
    settle(runtime);
}

/// The runtimes whose wakes and notifications take different paths.
fn runtimes(case: impl Fn(Runtime)) {
    for backend in [Backend::Auto, Backend::Portable] {
        case(Builder::new().backend(backend).build().unwrap());
    }
    let times = Builder::new().metrics_level(MetricsLevel::Times);
    case(times.build().unwrap());
}

/// A task that returns once its flag is set. Returns the flag and the task's waker.
fn waiting(runtime: &Runtime) -> (Rc<Cell<bool>>, Waker, wakeful::task::JoinHandle<()>) {
    let flag = Rc::new(Cell::new(false));
    let sent = Rc::new(Cell::new(None));
    let task = runtime.spawn({
        let (flag, sent) = (flag.clone(), sent.clone());
        async move {
            sent.set(Some(my_waker().await));
            std::future::poll_fn(|_| match flag.get() {
                true => Poll::Ready(()),
                false => Poll::Pending,
            })
            .await;
        }
    });
    settle(runtime);
    let waker = sent.take().expect("the task has run");
    (flag, waker, task)
}

#[test]
fn a_wake_on_the_owner_thread_notifies_the_host() {
    runtimes(|runtime| {
        let (flag, waker, task) = waiting(&runtime);
        notifies(&runtime, || {
            flag.set(true);
            waker.wake();
        });
        assert!(task.is_finished());
        // By reference, and twice for one turn.
        let (flag, waker, task) = waiting(&runtime);
        notifies(&runtime, || {
            flag.set(true);
            waker.wake_by_ref();
            waker.wake_by_ref();
        });
        assert!(task.is_finished());
    });
}

/// Such tasks were not yet reported to the host when they were spawned.
#[test]
fn a_wake_of_a_task_that_is_older_than_the_first_turn_notifies_the_host() {
    runtimes(|runtime| {
        let sent = Rc::new(Cell::new(None));
        let polls = Rc::new(Cell::new(0));
        let small = runtime.spawn({
            let (sent, polls) = (sent.clone(), polls.clone());
            std::future::poll_fn(move |cx| {
                polls.set(polls.get() + 1);
                sent.set(Some(cx.waker().clone()));
                Poll::<()>::Pending
            })
        });
        let large = runtime.spawn(async {
            let big = [0_u8; 4096];
            sleep(Duration::from_secs(3600)).await;
            big[0]
        });
        runtime.block_on(wakeful::task::yield_now());
        assert_eq!(polls.get(), 1);
        notifies(&runtime, || sent.take().unwrap().wake());
        assert_eq!(polls.get(), 2);
        notifies(&runtime, || large.abort());
        assert!(large.is_finished());
        drop(small);
    });
}

#[test]
fn a_spawn_between_two_turns_notifies_the_host() {
    runtimes(|runtime| {
        let mut task = None;
        notifies(&runtime, || task = Some(runtime.spawn(async {})));
        assert!(task.unwrap().is_finished());
        let mut task = None;
        notifies(&runtime, || {
            task = Some(runtime.enter(|| wakeful::spawn(async {})));
        });
        assert!(task.unwrap().is_finished());
        // In a class, and after a group has used the slow path of spawns for itself.
        let class = runtime.enter(|| Class::builder("other").build().unwrap());
        runtime.block_on(async {
            let mut group = wakeful::task::TaskGroup::<(), ()>::new();
            let member = group.spawn(async { Ok(()) });
            while !member.is_finished() {
                wakeful::task::yield_now().await;
            }
        });
        let mut task = None;
        notifies(&runtime, || {
            task = Some(runtime.enter(|| wakeful::spawn_in(&class, async {})));
        });
        assert!(task.unwrap().is_finished());
        let mut set = wakeful::task::JoinSet::new();
        notifies(&runtime, || drop(runtime.enter(|| set.spawn(async {}))));
    });
}

#[test]
fn an_abort_between_two_turns_notifies_the_host() {
    runtimes(|runtime| {
        let (_, _, task) = waiting(&runtime);
        notifies(&runtime, || task.abort());
        assert!(task.is_finished());
    });
}

/// Counts how often it is woken.
#[derive(Default)]
struct Host(std::sync::atomic::AtomicUsize);

impl Wake for Host {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    }
}

#[test]
fn a_timer_earlier_than_the_announced_timeout_notifies_the_host() {
    runtimes(|runtime| {
        let host = Waker::from(Arc::new(Host::default()));
        let mut cx = Context::from_waker(&host);
        let hours = |n: u64| runtime.enter(|| Box::pin(sleep(Duration::from_secs(n * 3600))));
        let poll = |sleep: &mut Pin<Box<Sleep>>, cx: &mut Context<'_>| {
            assert!(sleep.as_mut().poll(cx).is_pending());
        };
        let mut two = hours(2);
        // No timer was armed, so the wait had no timeout.
        assert_eq!(settle(&runtime), None);
        notifies(&runtime, || poll(&mut two, &mut cx));
        let timeout = settle(&runtime).unwrap();
        assert!(timeout > Duration::from_secs(3600));
        // A later one changes nothing.
        let mut three = hours(3);
        poll(&mut three, &mut cx);
        assert!(!is_readable(&runtime));
        let mut one = hours(1);
        notifies(&runtime, || poll(&mut one, &mut cx));
        assert!(settle(&runtime).unwrap() <= Duration::from_secs(3600));
        // One that is moved forward.
        let soon = runtime.enter(Instant::now) + Duration::from_secs(60);
        notifies(&runtime, || three.as_mut().reset(soon));
        assert!(settle(&runtime).unwrap() <= Duration::from_secs(60));
    });
}

/// The first reset of a sleep that nothing has polled arms no timer, so it must not notify.
#[test]
fn a_timer_that_is_not_armed_does_not_notify_the_host() {
    runtimes(|runtime| {
        settle(&runtime);
        let mut later = runtime.enter(|| Box::pin(sleep(Duration::from_secs(3600))));
        let soon = runtime.enter(Instant::now) + Duration::from_secs(1);
        later.as_mut().reset(soon);
        assert!(!is_readable(&runtime));
    });
}

#[test]
fn a_ready_that_is_dropped_between_two_turns_notifies_the_host() {
    runtimes(|runtime| {
        let kept = Rc::new(Cell::new(None));
        let first = runtime.enter(|| {
            let order = Keeps(Vec::new(), kept.clone());
            let class = Class::builder("keeps").order(order).build().unwrap();
            let first = wakeful::spawn_in(&class, async {});
            // Once the class is removed, the loop does not wait for what its order keeps.
            wakeful::spawn_in(&class, async { Class::current().remove().unwrap() });
            first
        });
        notifies(&runtime, || {
            assert!(!first.is_finished());
            drop(kept.take().expect("the order was given the task"));
        });
        assert!(first.is_finished());
    });
}

#[test]
fn a_file_request_between_two_turns_notifies_the_host() {
    let build = || Builder::new().fs_backend(Files::Ring).build();
    let runtime = match build() {
        Ok(runtime) => runtime,
        Err(error) => return eprintln!("skipped: no completion ring: {error}"),
    };
    let mut file = tempfile();
    file.write_all(b"text").unwrap();
    let file = runtime.enter(|| wakeful::fs::File::from_std(file));
    let host = Waker::from(Arc::new(Host::default()));
    let mut cx = Context::from_waker(&host);
    // A request whose result the host waits for itself, with no task.
    let mut buf = [0; 4];
    let mut read = Box::pin(file.read_at(&mut buf, 0));
    notifies(&runtime, || {
        let poll = runtime.enter(|| read.as_mut().poll(&mut cx));
        assert!(poll.is_pending());
    });
    let Poll::Ready(result) = runtime.enter(|| read.as_mut().poll(&mut cx)) else {
        panic!("the turn has submitted the request, and the text is in the page cache");
    };
    drop(read);
    assert_eq!((result.unwrap(), &buf), (4, b"text"));
    // One that waits for an empty pipe, and is given up: the next turn cancels it.
    let (reader, _writer) = rustix::pipe::pipe().unwrap();
    let mut pipe = runtime.enter(|| wakeful::fs::File::from_std(File::from(reader)));
    let mut read = pipe.read(&mut buf);
    let poll = runtime.enter(|| Pin::new(&mut read).poll(&mut cx));
    assert!(poll.is_pending());
    notifies(&runtime, || runtime.enter(|| drop(pipe)));
}

fn tempfile() -> File {
    let path = std::env::temp_dir().join(format!("wakeful-driven-{}", std::process::id()));
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(&path);
    let file = file.unwrap();
    std::fs::remove_file(&path).unwrap();
    file
}

#[test]
fn a_clock_that_is_changed_between_two_turns_notifies_the_host() {
    let runtime = Runtime::new().unwrap();
    let nap = runtime.spawn(async { sleep(Duration::from_secs(3600)).await });
    notifies(&runtime, || runtime.enter(wakeful::time::pause));
    assert!(nap.is_finished(), "a stopped clock jumps");
    notifies(&runtime, || runtime.enter(wakeful::time::resume));
}

/// A loop that is awake is not notified, and no write is left over for the next wait.
#[test]
fn wakes_inside_a_turn_and_inside_block_on_do_not_notify() {
    runtimes(|runtime| {
        settle(&runtime);
        runtime.block_on(async {
            for _ in 0..100 {
                wakeful::spawn(wakeful::task::yield_now()).await.unwrap();
            }
        });
        assert!(!is_readable(&runtime));
        let task = runtime.spawn(async {
            for _ in 0..100 {
                wakeful::spawn(wakeful::task::yield_now()).await.unwrap();
            }
        });
        settle(&runtime);
        assert!(task.is_finished());
    });
}

/// A host that begins another drive of the same runtime inside of its first call.
struct Begins<D>(Option<Pin<Box<D>>>, bool);

impl<D: Future> wakeful::runtime::Host for Begins<D> {
    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        if let Some(drive) = self.0.as_mut().filter(|_| !self.1) {
            self.1 = true;
            assert!(drive.as_mut().poll(cx).is_pending());
        }
        Poll::Pending
    }
    fn set_timeout(&mut self, _: Option<Duration>) {}
    fn poll_timeout(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

#[test]
fn a_host_that_begins_another_drive_does_not_share_the_loop() {
    let runtime = Runtime::new().unwrap();
    let other = Begins::<std::future::Ready<()>>(None, true);
    let other = Box::pin(runtime.drive(other, std::future::pending::<()>()));
    let mut first = Box::pin(runtime.drive(Begins(Some(other), false), async {}));
    let text = panic_of(|| {
        let _ = first.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    });
    assert!(
        text.starts_with("`drive` was called while a future of"),
        "{text}"
    );
    // The other one has kept the loop until it is dropped.
    assert!(panic_of(|| runtime.turn()).starts_with("`turn` was called while"));
    drop(first);
    runtime.turn().unwrap();
}
