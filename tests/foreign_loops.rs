//! Other event loops drive Wakeful, and futures of another runtime run inside it.

mod support;
#[path = "support/talk.rs"]
mod talk;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use async_compat::CompatExt;
use calloop::generic::Generic;
use calloop::{EventLoop, Interest, Mode, PostAction};
use futures_util::{AsyncReadExt, AsyncWriteExt};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use support::{my_waker, panic_of, until};
use talk::talk;
use wakeful::net::TcpListener;
use wakeful::reactor::Backend;
use wakeful::time::{Instant, sleep};
use wakeful::{Builder, Runtime};

/// Waits as `poll(2)` waits, and then runs a turn of the runtime.
fn drive(runtime: &Runtime, mut done: impl FnMut() -> bool) {
    loop {
        runtime.turn().unwrap();
        if done() {
            return;
        }
        wait(runtime);
    }
}

fn wait(runtime: &Runtime) {
    let timeout = runtime.next_timeout();
    let timeout = timeout.map(|timeout| Timespec::try_from(timeout).unwrap());
    poll(&mut [PollFd::new(runtime, PollFlags::IN)], timeout.as_ref()).unwrap();
}

fn backends(case: impl Fn(Runtime)) {
    for backend in [Backend::Auto, Backend::Portable] {
        case(Builder::new().backend(backend).build().unwrap());
    }
}

#[test]
fn sockets_timers_files_and_the_pool_work_under_poll() {
    backends(|runtime| {
        let task = runtime.spawn(async {
            talk(1).await;
            let begin = Instant::now();
            sleep(Duration::from_millis(5)).await;
            assert!(begin.elapsed() >= Duration::from_millis(5));
            assert!(
                wakeful::fs::read_to_string("Cargo.toml")
                    .await
                    .unwrap()
                    .contains("wakeful")
            );
            wakeful::spawn_blocking(|| 7).await.unwrap()
        });
        drive(&runtime, || task.is_finished());
        assert_eq!(runtime.block_on(task).unwrap(), 7);
    });
}

/// The loop waits in `poll(2)`, without a timeout, when the wake comes: it must be notified.
#[test]
fn a_wake_from_a_thread_ends_the_foreign_wait() {
    backends(|runtime| {
        for _ in 0..200 {
            let flag = Arc::new(AtomicBool::new(false));
            let theirs = flag.clone();
            let task = runtime.spawn(async move {
                let waker = my_waker().await;
                let setter = thread::spawn({
                    let theirs = theirs.clone();
                    move || {
                        theirs.store(true, Ordering::SeqCst);
                        waker.wake();
                    }
                });
                until(&theirs).await;
                setter.join().unwrap();
            });
            drive(&runtime, || task.is_finished());
        }
        assert!(runtime.metrics().remote_messages > 0);
    });
}

#[test]
fn the_timeout_depends_on_ready_tasks_and_timers() {
    let runtime = Runtime::new().unwrap();
    runtime.turn().unwrap();
    assert_eq!(runtime.next_timeout(), None);
    let nap = runtime.spawn(async { sleep(Duration::from_secs(3600)).await });
    assert_eq!(
        runtime.next_timeout(),
        Some(Duration::ZERO),
        "a task is ready"
    );
    runtime.turn().unwrap();
    let timeout = runtime.next_timeout().unwrap();
    assert!(timeout > Duration::from_secs(3500) && timeout <= Duration::from_secs(3600));
    nap.abort();
    assert_eq!(
        runtime.next_timeout(),
        Some(Duration::ZERO),
        "a task is to be dropped"
    );
    runtime.turn().unwrap();
    assert_eq!(runtime.next_timeout(), None);
    // A message from another thread, before the loop waits and after it has computed the timeout.
    let handle = runtime.handle();
    thread::spawn(move || drop(handle.spawn_with(|| async {})))
        .join()
        .unwrap();
    let ready = poll(
        &mut [PollFd::new(&runtime, PollFlags::IN)],
        Some(&Timespec::default()),
    );
    assert_eq!(ready, Ok(1), "the descriptor says so");
    assert_eq!(runtime.next_timeout(), Some(Duration::ZERO));
}

/// After turns for a foreign loop the runtime is "asleep" in the handshake with other threads.
#[test]
fn turns_and_block_on_alternate() {
    let runtime = Runtime::new().unwrap();
    for _ in 0..3 {
        runtime.turn().unwrap();
        assert_eq!(runtime.next_timeout(), None);
        let before = runtime.metrics().waits;
        runtime.block_on(sleep_a_little());
        // A loop that is marked asleep can't fall asleep: it would spin and never wait.
        assert!(runtime.metrics().waits > before);
        runtime.block_on(talk(1));
    }
}

async fn sleep_a_little() {
    sleep(Duration::from_millis(2)).await;
}

/// A task that always wakes itself does not delay the events of the foreign loop.
#[test]
fn a_turn_ends() {
    let runtime = Runtime::new().unwrap();
    let busy = runtime.spawn(async {
        loop {
            wakeful::task::yield_now().await;
        }
    });
    for _ in 0..10 {
        runtime.turn().unwrap();
        assert_eq!(runtime.next_timeout(), Some(Duration::ZERO));
    }
    busy.abort();
}

#[test]
fn a_paused_clock_jumps_under_a_foreign_loop_as_well() {
    let runtime = Builder::new().start_paused(true).build().unwrap();
    let task = runtime.spawn(async {
        let begin = Instant::now();
        sleep(Duration::from_secs(1000)).await;
        // The result of a closure is awaited in real time.
        wakeful::spawn_blocking(|| ()).await.unwrap();
        begin.elapsed()
    });
    drive(&runtime, || task.is_finished());
    assert_eq!(runtime.block_on(task).unwrap(), Duration::from_secs(1000));
}

#[test]
fn a_turn_inside_a_runtime_panics_and_names_the_alternative() {
    let runtime = Runtime::new().unwrap();
    let text = panic_of(|| runtime.block_on(async { Runtime::new().unwrap().turn() }));
    assert!(
        text.starts_with("`turn` was called inside a Wakeful runtime"),
        "{text}"
    );
}

#[test]
fn calloop_drives_a_runtime() {
    let runtime = Rc::new(Runtime::new().unwrap());
    let mut event_loop: EventLoop<'_, u32> = EventLoop::try_new().unwrap();
    let fd = rustix::io::dup(&*runtime).unwrap();
    let source = Generic::new(fd, Interest::READ, Mode::Level);
    let driven = runtime.clone();
    let handle = event_loop.handle();
    handle
        .insert_source(source, move |_, _, turns| {
            driven.turn()?;
            *turns += 1;
            Ok(PostAction::Continue)
        })
        .unwrap();
    let done = Rc::new(Cell::new(false));
    let task_done = done.clone();
    runtime.spawn(async move {
        talk(1).await;
        sleep(Duration::from_millis(2)).await;
        task_done.set(true);
    });
    let mut turns = 0;
    runtime.turn().unwrap();
    while !done.get() {
        event_loop
            .dispatch(runtime.next_timeout(), &mut turns)
            .unwrap();
        // A timeout of Wakeful is not an event of calloop.
        runtime.turn().unwrap();
    }
    assert!(turns > 0, "the descriptor was an event for calloop");
}

/// The opposite: tokio's sockets and timers inside a Wakeful task. `async-compat` runs tokio's
/// reactor on another thread.
#[test]
fn a_tokio_client_talks_to_a_wakeful_server() {
    wakeful::block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let server = wakeful::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut line = [0; 5];
            // With the feature `tokio-io` it has the traits of both.
            AsyncReadExt::read_exact(&mut stream, &mut line)
                .await
                .unwrap();
            AsyncWriteExt::write_all(&mut stream, &line).await.unwrap();
        });
        let client = async move {
            use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
            let mut stream = tokio::net::TcpStream::connect(addr).await.unwrap();
            stream.write_all(b"tokio").await.unwrap();
            let mut line = Vec::new();
            let read = stream.read_to_end(&mut line);
            tokio::time::timeout(Duration::from_secs(60), read)
                .await
                .unwrap()
                .unwrap();
            line
        };
        let client = wakeful::spawn(client.compat());
        assert_eq!(client.await.unwrap(), b"tokio");
        server.await.unwrap();
    });
}

/// A stream of tokio with the traits of `futures-io`, in a Wakeful task.
#[test]
fn a_tokio_stream_works_in_a_wakeful_task() {
    wakeful::block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let stream = tokio::net::TcpStream::connect(addr).compat();
        let (theirs, ours) = futures_util::future::join(stream, listener.accept()).await;
        let (mut theirs, mut ours) = (theirs.unwrap().compat(), ours.unwrap().0);
        AsyncWriteExt::write_all(&mut theirs, b"across")
            .await
            .unwrap();
        drop(theirs);
        let mut text = String::new();
        ours.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "across");
    });
}
