//! Wakeful as a guest of tokio, on one thread.

#[path = "support/alone.rs"]
mod alone;
mod support;
#[path = "support/talk.rs"]
mod talk;

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use support::panic_of;
use talk::talk;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use wakeful::net::TcpListener;
use wakeful::reactor::Backend;
use wakeful::time::sleep;
use wakeful::tokio_host::{self, Host};
use wakeful::{Builder, Runtime};

const MS: Duration = Duration::from_millis(1);

/// The runtimes whose notifications and events take different paths.
fn hosts(case: impl Fn(Host)) {
    for backend in [Backend::Auto, Backend::Portable] {
        let runtime = Builder::new().backend(backend).build().unwrap();
        case(Host::of(runtime).unwrap());
    }
    // Each turn of the reactor returns one event, so turns have to go on until none is left.
    let one = Builder::new().max_io_events_per_tick(1).build().unwrap();
    case(Host::of(one).unwrap());
}

#[test]
fn tasks_of_both_runtimes_use_both_on_one_thread() {
    hosts(|host| {
        let this = thread::current().id();
        let local = Rc::new(Cell::new(0));
        host.block_on(async {
            let task = wakeful::spawn({
                let local = local.clone();
                async move {
                    tokio::time::sleep(MS).await;
                    sleep(MS).await;
                    let theirs = tokio::spawn(async { thread::current().id() });
                    assert_eq!(theirs.await.unwrap(), thread::current().id());
                    local.set(local.get() + 1);
                }
            });
            task.await.unwrap();
            // A task of tokio that spawns on Wakeful, and waits for it by a channel of tokio's.
            let (sender, receiver) = tokio::sync::oneshot::channel();
            tokio::spawn(async move {
                drop(wakeful::spawn(async move {
                    sleep(MS).await;
                    sender.send(thread::current().id()).unwrap();
                }));
            });
            assert_eq!(receiver.await.unwrap(), this);
        });
        assert_eq!(local.get(), 1);
    });
}

#[test]
fn sockets_of_both_runtimes_talk_to_each_other() {
    hosts(|host| {
        host.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let addr = listener.local_addr().unwrap();
            let server = wakeful::spawn(async move {
                let mut all = Vec::new();
                for _ in 0..10 {
                    let (stream, _) = listener.accept().await.unwrap();
                    all.push(wakeful::spawn(async move {
                        let mut buf = [0; 64];
                        loop {
                            match stream.read(&mut buf).await.unwrap() {
                                0 => return,
                                n => stream.write_all(&buf[..n]).await.unwrap(),
                            }
                        }
                    }));
                }
                for task in all {
                    task.await.unwrap();
                }
            });
            let clients: Vec<_> = (0..10_u32)
                .map(|n| {
                    tokio::spawn(async move {
                        let mut stream = tokio::net::TcpStream::connect(addr).await.unwrap();
                        for round in 0..50_u32 {
                            let sent = (n * 1000 + round).to_be_bytes();
                            stream.write_all(&sent).await.unwrap();
                            let mut back = [0; 4];
                            stream.read_exact(&mut back).await.unwrap();
                            assert_eq!(back, sent);
                        }
                    })
                })
                .collect();
            for client in clients {
                client.await.unwrap();
            }
            server.await.unwrap();
        });
    });
}

/// Counts how often the future of a `block_on` is polled.
fn counted<F: Future>(future: F, polls: &Cell<u32>) -> impl Future<Output = F::Output> {
    let mut future = Box::pin(future);
    poll_fn(move |cx| {
        polls.set(polls.get() + 1);
        future.as_mut().poll(cx)
    })
}

#[test]
fn wakes_from_other_threads_files_and_the_pool_end_the_wait_of_tokio() {
    hosts(|host| {
        host.block_on(async {
            for _ in 0..100 {
                assert_eq!(wakeful::spawn_blocking(|| 7).await.unwrap(), 7);
                let (sender, receiver) = tokio::sync::oneshot::channel();
                let thread = thread::spawn(move || sender.send(()).unwrap());
                wakeful::spawn(receiver).await.unwrap().unwrap();
                thread.join().unwrap();
            }
            let text = wakeful::fs::read_to_string("Cargo.toml").await.unwrap();
            assert!(text.contains("wakeful"));
        });
    });
}

/// The timer of the host is set for an hour when a shorter one is needed.
#[test]
fn a_timer_ends_in_time_though_the_host_waits_for_a_later_one() {
    hosts(|host| {
        let far = host
            .wakeful()
            .spawn(async { sleep(Duration::from_secs(3600)).await });
        host.block_on(async {
            // The loop sleeps meanwhile.
            tokio::time::sleep(MS).await;
            sleep(MS).await;
        });
        far.abort();
    });
}

/// A guest that waits for an hour makes no turns.
#[test]
fn an_idle_guest_is_not_polled() {
    hosts(|host| {
        let runtime = host.wakeful();
        let far = runtime.spawn(async { sleep(Duration::from_secs(3600)).await });
        let waits = Rc::new(Cell::new((0, 0)));
        let seen = waits.clone();
        host.block_on(async {
            // Only tokio works now, in its own task.
            let (sender, receiver) = tokio::sync::oneshot::channel();
            // The descriptor has been readable: it must not count as readable from then on.
            wakeful::spawn_blocking(|| ()).await.unwrap();
            let first = runtime.metrics().waits;
            tokio::spawn(async move {
                for _ in 0..20 {
                    tokio::time::sleep(MS).await;
                }
                sender.send(()).unwrap();
            });
            receiver.await.unwrap();
            seen.set((first, runtime.metrics().waits));
        });
        let (first, last) = waits.get();
        assert!(last - first <= 8, "{first} and {last} waits of the reactor");
        far.abort();
    });
}

#[test]
fn a_busy_host_does_not_starve_the_guest() {
    hosts(|host| {
        host.block_on(async {
            let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
            let busy: Vec<_> = (0..8)
                .map(|_| {
                    let stop = stop.clone();
                    tokio::spawn(async move {
                        while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                            // Ready at once, and behind the other tasks of tokio.
                            let mut first = true;
                            poll_fn(|cx| {
                                cx.waker().wake_by_ref();
                                match std::mem::take(&mut first) {
                                    true => Poll::Pending,
                                    false => Poll::Ready(()),
                                }
                            })
                            .await;
                        }
                    })
                })
                .collect();
            // Events, timers and polls of the guest.
            talk(20).await;
            for _ in 0..5 {
                sleep(MS).await;
            }
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
            for task in busy {
                task.await.unwrap();
            }
        });
    });
}

#[test]
fn a_busy_guest_does_not_starve_the_host() {
    hosts(|host| {
        let guest = host.wakeful();
        let busy: Vec<_> = (0..8)
            .map(|_| {
                guest.spawn(async {
                    loop {
                        wakeful::task::yield_now().await;
                    }
                })
            })
            .collect();
        host.block_on(async {
            // Sockets and timers of tokio, in tasks of tokio.
            let work = tokio::spawn(async {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                let addr = listener.local_addr().unwrap();
                let client = tokio::spawn(async move {
                    let mut stream = tokio::net::TcpStream::connect(addr).await.unwrap();
                    let mut buf = [0; 4];
                    for _ in 0..20 {
                        stream.write_all(b"ping").await.unwrap();
                        stream.read_exact(&mut buf).await.unwrap();
                    }
                });
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut buf = [0; 4];
                for _ in 0..20 {
                    stream.read_exact(&mut buf).await.unwrap();
                    stream.write_all(&buf).await.unwrap();
                }
                client.await.unwrap();
                for _ in 0..5 {
                    tokio::time::sleep(MS).await;
                }
            });
            work.await.unwrap();
        });
        for task in busy {
            task.abort();
        }
    });
}

/// All tasks of the guest share the budget of one task of tokio's.
#[test]
fn a_turn_ends_when_the_budget_of_tokio_is_used_up() {
    let host = Host::new().unwrap();
    let polls = Rc::new(RefCell::new(Vec::new()));
    host.block_on(async {
        let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
        let tasks: Vec<_> = (0..200_u32)
            .map(|n| {
                let (polls, sender) = (polls.clone(), sender.clone());
                wakeful::spawn(async move {
                    polls
                        .borrow_mut()
                        .push(tokio::task::coop::has_budget_remaining());
                    // One unit of tokio's budget for each message.
                    sender.send(n).unwrap();
                    tokio::task::coop::consume_budget().await;
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        drop((sender, receiver));
    });
    let polls = polls.borrow();
    assert_eq!(polls.len(), 200);
    let without = polls.iter().filter(|has| !**has).count();
    assert_eq!(without, 0, "no task is polled without a budget");
}

/// Records its name when it is dropped, and what works there.
struct Recorded(&'static str, Rc<RefCell<Vec<String>>>);

impl Drop for Recorded {
    fn drop(&mut self) {
        let tokio = tokio::runtime::Handle::try_current().is_ok();
        let wakeful = wakeful::Handle::try_current().is_ok();
        let text = format!("{}: tokio {tokio}, wakeful {wakeful}", self.0);
        self.1.borrow_mut().push(text);
    }
}

/// Lets a task of tokio on this thread own what is not `Send`.
struct Unsent<T>(T);
// SAFETY: tokio's current-thread runtime polls and drops its tasks on the thread that runs it.
unsafe impl<T> Send for Unsent<T> {}

impl<F: Future> Future for Unsent<Pin<Box<F>>> {
    type Output = F::Output;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.0.as_mut().poll(cx)
    }
}

#[test]
fn the_guest_ends_before_the_host_and_inside_of_it() {
    let dropped = Rc::new(RefCell::new(Vec::new()));
    let host = Host::new().unwrap();
    host.block_on(async {
        let in_main = Recorded("main", dropped.clone());
        let guest = Recorded("guest", dropped.clone());
        drop(wakeful::spawn(async move {
            let _guest = guest;
            // A socket and a timer of tokio, which the drop of this task gives back.
            let _socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            tokio::time::sleep(Duration::from_secs(3600)).await;
        }));
        let theirs = Recorded("host", dropped.clone());
        drop(tokio::spawn(Unsent(Box::pin(async move {
            let _theirs = theirs;
            std::future::pending::<()>().await;
        }))));
        sleep(MS).await;
        drop(in_main);
    });
    drop(host);
    assert_eq!(
        *dropped.borrow(),
        [
            "main: tokio true, wakeful true",
            "guest: tokio true, wakeful true",
            "host: tokio true, wakeful false",
        ]
    );
}

#[test]
fn a_panic_of_the_future_passes_and_both_runtimes_stay_usable() {
    let host = Host::new().unwrap();
    for _ in 0..2 {
        let text = panic_of(|| host.block_on(async { panic!("on purpose") }));
        assert_eq!(text, "on purpose");
        host.block_on(async {
            wakeful::spawn(sleep_a_little()).await.unwrap();
            tokio::spawn(async {}).await.unwrap();
        });
        host.wakeful().block_on(sleep_a_little());
    }
}

async fn sleep_a_little() {
    sleep(MS).await;
}

#[test]
fn a_dropped_drive_leaves_the_tasks() {
    let host = Host::new().unwrap();
    let runtime = host.wakeful();
    let done = Rc::new(Cell::new(false));
    let task = runtime.spawn({
        let done = done.clone();
        async move {
            sleep(20 * MS).await;
            done.set(true);
        }
    });
    let local = tokio::task::LocalSet::new();
    local.block_on(host.tokio(), async {
        let driven = tokio_host::drive(runtime, std::future::pending::<()>()).unwrap();
        let limit = tokio::time::timeout(MS, driven).await;
        assert!(limit.is_err());
    });
    runtime.block_on(task).unwrap();
    assert!(done.get());
}

/// A host that never waits to the end.
struct Never;

impl wakeful::runtime::Host for Never {
    fn poll_readable(&mut self, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Pending
    }
    fn set_timeout(&mut self, _: Option<Duration>) {}
    fn poll_timeout(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

#[test]
fn only_one_drive_has_the_loop() {
    let host = Host::new().unwrap();
    let other = Runtime::new().unwrap();
    host.tokio().block_on(async {
        let runtime = host.wakeful();
        let mut first = pin!(tokio_host::drive(runtime, std::future::pending::<()>()).unwrap());
        poll_fn(|cx| {
            assert!(first.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        let refused = tokio_host::drive(runtime, async {}).unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::AlreadyExists);
        let mut second = pin!(runtime.drive(Never, async {}));
        let second = panic_of(|| {
            let mut cx = Context::from_waker(std::task::Waker::noop());
            let _ = second.as_mut().poll(&mut cx);
        });
        assert!(
            second.starts_with("`drive` was called while a future of"),
            "{second}"
        );
        let turn = panic_of(|| runtime.turn());
        assert!(turn.starts_with("`turn` was called while"), "{turn}");
        let block_on = panic_of(|| runtime.block_on(async {}));
        assert!(
            block_on.starts_with("`block_on` was called while"),
            "{block_on}"
        );
        // Another runtime is not concerned.
        other.block_on(async {});
    });
    host.wakeful().block_on(async {});
    let inside = panic_of(|| {
        other.block_on(async {
            let _tokio = host.tokio().enter();
            tokio_host::drive(host.wakeful(), async {}).unwrap().await;
        });
    });
    assert!(
        inside.contains("was called inside a Wakeful runtime"),
        "{inside}"
    );
}

#[test]
fn a_stopped_clock_of_the_guest_is_reported() {
    let paused = Builder::new().start_paused(true).build().unwrap();
    let host = Host::of(paused).unwrap();
    let text = panic_of(|| host.block_on(async {}));
    assert!(text.starts_with("the clock of a runtime that"), "{text}");
    // Stopped meanwhile.
    let host = Host::new().unwrap();
    let text = panic_of(|| {
        host.block_on(async {
            wakeful::time::pause();
            sleep(MS).await;
        });
    });
    assert!(text.starts_with("the clock of a runtime that"), "{text}");
}

/// As tokio's timers do when its clock is stopped and jumps.
struct Early;

impl wakeful::runtime::Host for Early {
    fn poll_readable(&mut self, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Pending
    }
    fn set_timeout(&mut self, timeout: Option<Duration>) {
        assert!(timeout > Some(Duration::from_secs(3500)));
    }
    fn poll_timeout(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

#[test]
fn a_timer_of_the_host_that_ends_early_is_reported() {
    let runtime = Runtime::new().unwrap();
    let text = panic_of(|| {
        let nap = async { sleep(Duration::from_secs(3600)).await };
        let mut driven = pin!(runtime.drive(Early, nap));
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let _ = driven.as_mut().poll(&mut cx);
    });
    assert!(
        text.starts_with("a timer of the host ended 3599."),
        "{text}"
    );
    runtime.block_on(async {});
}

#[test]
fn the_future_is_polled_only_when_it_is_woken() {
    let host = Host::new().unwrap();
    let polls = Cell::new(0);
    host.block_on(counted(
        async {
            let naps = (1..=20_u32).map(|n| wakeful::spawn(async move { sleep(n * MS).await }));
            let naps: Vec<_> = naps.collect();
            for nap in naps {
                nap.await.unwrap();
            }
        },
        &polls,
    ));
    assert!(polls.get() <= 21, "{}", polls.get());
}

#[wakeful::test(host = "tokio")]
async fn the_attribute_runs_a_test_in_a_host() {
    let local = Rc::new(7);
    let task = wakeful::spawn(async move {
        tokio::time::sleep(MS).await;
        *local
    });
    assert_eq!(task.await.unwrap(), 7);
}

#[wakeful::main(host = "tokio", name = "guest")]
async fn answer(question: u32) -> u32 {
    assert_eq!(wakeful::Handle::current().name(), Some("guest"));
    tokio::spawn(async move { question + 1 }).await.unwrap()
}

#[test]
fn the_attribute_makes_a_function_that_runs_in_a_host() {
    assert_eq!(answer(41), 42);
}

/// Writes a line and exits after the `block_on` of a host.
#[test]
fn child() {
    if alone::role().is_some() {
        let runtime = Builder::new().max_blocking_threads(1).build().unwrap();
        let host = Host::of(runtime).unwrap();
        // The only thread of the pool is busy until the process exits.
        let (_keep, kept) = std::sync::mpsc::channel::<()>();
        drop(host.wakeful().spawn_blocking(move || kept.recv()));
        let mut err = host.wakeful().enter(wakeful::io::stderr);
        host.block_on(futures_util::AsyncWriteExt::write_all(&mut err, b"line"))
            .unwrap();
        std::process::exit(0);
    }
}

#[test]
fn no_output_is_lost_at_the_end_of_the_block_on_of_a_host() {
    // A socket is written by the pool.
    let (mut here, there) = std::os::unix::net::UnixStream::pair().unwrap();
    let mut command = alone::again("child", "exits");
    command.stdout(std::process::Stdio::null());
    command.stderr(std::os::fd::OwnedFd::from(there));
    assert!(command.status().unwrap().success());
    drop(command);
    let mut printed = String::new();
    std::io::Read::read_to_string(&mut here, &mut printed).unwrap();
    assert_eq!(printed, "line");
}
