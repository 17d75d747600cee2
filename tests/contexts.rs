//! The runtime that a thread is inside of: scopes that end in any order, at thread exit, or never.

#[path = "support/alone.rs"]
mod alone;
// `corosensei` switches stacks in assembly, which it doesn't have for these processors.
#[cfg(not(any(target_arch = "s390x", target_arch = "powerpc")))]
#[path = "contexts/coroutines.rs"]
mod coroutines;
mod support;

use std::cell::{Cell, RefCell};
use std::future::{Future, pending};
use std::io::{BufRead, BufReader, Read};
use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind};
use std::pin::pin;
use std::process::Stdio;
use std::rc::Rc;
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use futures_util::FutureExt;
use rustix::process::{Signal, getpid, kill_process};
use support::{OnDrop, panic_of};
use wakeful::reactor::{Async, Interest};
use wakeful::signal::unix::{SignalKind, signal};
use wakeful::task::{try_id, yield_now};
use wakeful::{
    EnterGuard, Handle, LocalSpawner, Metrics, Runtime, block_on, spawn, spawn_blocking,
};

/// Whether the thread is inside of this runtime.
fn is_inside(runtime: &Runtime) -> bool {
    let before = runtime.metrics().tasks_spawned;
    drop(spawn(async {}));
    runtime.metrics().tasks_spawned > before
}

fn is_outside() -> bool {
    Handle::try_current().is_err() && Metrics::try_current().is_none() && try_id().is_none()
}

#[test]
fn a_guard_keeps_the_thread_inside_until_it_is_dropped() {
    let runtime = Runtime::new().unwrap();
    let inner = Runtime::new().unwrap();
    let guard = runtime.enter_guard();
    assert!(is_inside(&runtime));
    inner.enter(|| assert!(is_inside(&inner)));
    assert!(is_inside(&runtime));
    inner.block_on(async { assert!(is_inside(&inner)) });
    assert!(is_inside(&runtime));
    drop(guard);
    assert!(is_outside());
}

#[test]
fn guards_dropped_in_any_order_leave_the_newest_of_the_others() {
    const ORDERS: [[usize; 3]; 6] = [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ];
    let runtimes = [(); 3].map(|()| Runtime::new().unwrap());
    for order in ORDERS {
        let mut guards: Vec<Option<EnterGuard<'_>>> = runtimes
            .iter()
            .map(|runtime| Some(runtime.enter_guard()))
            .collect();
        for dropped in order {
            guards[dropped] = None;
            match guards.iter().rposition(Option::is_some) {
                Some(newest) => assert!(is_inside(&runtimes[newest]), "{order:?}"),
                None => assert!(is_outside()),
            }
        }
    }
    // The same runtime twice, with another one in between.
    let [a, b, _] = &runtimes;
    let first = a.enter_guard();
    let second = b.enter_guard();
    let third = a.enter_guard();
    drop(first);
    assert!(is_inside(a));
    drop(third);
    assert!(is_inside(b));
    drop(second);
    assert!(is_outside());
}

#[test]
fn a_forgotten_guard_of_an_ended_runtime_refuses_calls_that_need_tasks() {
    thread::spawn(|| {
        let runtime = Runtime::new().unwrap();
        std::mem::forget(runtime.enter_guard());
        assert!(is_inside(&runtime));
        let spawner = LocalSpawner::current();
        // Drops at the end are inside of the runtime, and tasks that they spawn are cancelled.
        let late = Rc::new(Cell::new(None));
        let guard = OnDrop({
            let late = late.clone();
            move || late.set(Some(spawn(async {})))
        });
        drop(runtime.spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        }));
        drop(runtime);
        let late = late.take().expect("the future was dropped");
        assert!(late.is_finished());

        assert!(is_outside());
        let text = panic_of(|| spawn(async {}));
        assert!(text.contains("has ended"), "{text}");
        let text = panic_of(|| spawn_blocking(|| ()));
        assert!(text.contains("has ended"), "{text}");
        let mut set = wakeful::task::JoinSet::new();
        let text = panic_of(AssertUnwindSafe(|| set.spawn(async {})));
        assert!(text.contains("has ended"), "{text}");
        assert!(set.is_empty());
        let text = panic_of(Handle::current);
        assert!(text.contains("has ended"), "{text}");
        let status = futures_util::task::LocalSpawn::status_local(&spawner);
        assert!(status.unwrap_err().is_shutdown());
        // Other runtimes work, and their scopes end as before.
        assert!(block_on(late).unwrap_err().is_cancelled());
        block_on(async { spawn(yield_now()).await.unwrap() });
        let another = Runtime::new().unwrap();
        another.enter(|| assert!(is_inside(&another)));
        assert!(is_outside());
    })
    .join()
    .unwrap();
}

#[test]
fn a_guard_may_be_dropped_as_its_thread_ends() {
    thread_local! {
        static GUARDS: RefCell<Vec<EnterGuard<'static>>> = const { RefCell::new(Vec::new()) };
        static LAST: RefCell<Option<OnDrop<fn()>>> = const { RefCell::new(None) };
    }
    thread::spawn(|| {
        // Initialized first, so destroyed last on Linux; either order works.
        LAST.set(Some(OnDrop(|| {
            if Handle::try_current().is_ok() {
                drop(spawn(async {}));
            }
            block_on(async { spawn(async {}).await.unwrap() });
        })));
        let [a, b] = [(); 2].map(|()| &*Box::leak(Box::new(Runtime::new().unwrap())));
        GUARDS.with_borrow_mut(|guards| {
            guards.push(a.enter_guard());
            guards.push(b.enter_guard());
        });
        assert!(is_inside(b));
    })
    .join()
    .unwrap();
}

#[test]
fn runtimes_guards_and_handles_are_unwind_safe() {
    fn check<T: UnwindSafe + RefUnwindSafe>() {}
    check::<Runtime>();
    check::<EnterGuard<'_>>();
    check::<Handle>();
    check::<LocalSpawner>();

    let runtime = Runtime::new().unwrap();
    let task = runtime.spawn(async { 7 });
    assert!(catch_unwind(|| runtime.block_on(async { panic!("on purpose") })).is_err());
    assert!(is_outside());
    let timer = runtime.enter(|| wakeful::time::sleep(Duration::from_micros(1)));
    assert_eq!(runtime.block_on(task).unwrap(), 7);
    runtime.block_on(timer);
    let outer = catch_unwind(AssertUnwindSafe(|| runtime.enter(|| panic!("on purpose"))));
    assert!(outer.is_err());
    assert!(is_outside());
}

// --- two runtimes on one thread

/// Checks that the report of a wait that never ends contains these texts.
#[track_caller]
fn assert_reports(text: &str, what: &str) {
    for part in [
        "would wait forever",
        "tests/contexts.rs",
        what,
        "another runtime",
        "`wakeful::Handle`",
    ] {
        assert!(text.contains(part), "no {part:?} in: {text}");
    }
}

#[test]
fn a_handle_of_another_runtime_of_the_thread_is_reported_if_nothing_else_can_end_the_wait() {
    let [a, b] = [(); 2].map(|()| Runtime::new().unwrap());
    let mut task = a.spawn(async { 7 });
    let id = task.id();
    let text = panic_of(|| b.block_on(&mut task));
    assert_reports(&text, &format!("task {id} by its `JoinHandle`"));
    // Through a task.
    let other = a.spawn(pending::<()>());
    let text = panic_of(|| b.block_on(async { spawn(other).await }));
    assert_reports(&text, "by its `JoinHandle`");
    // Both runtimes still work.
    assert_eq!(b.block_on(async { spawn(async { 1 }).await.unwrap() }), 1);
    assert_eq!(a.block_on(&mut task).unwrap(), 7);
}

#[test]
fn a_timer_of_another_runtime_of_the_thread_is_reported() {
    let [a, b] = [(); 2].map(|()| Runtime::new().unwrap());
    let mut sleep = Box::pin(a.enter(|| wakeful::time::sleep(Duration::from_millis(1))));
    let text = panic_of(|| b.block_on(&mut sleep));
    assert_reports(&text, "a timer");
    a.block_on(sleep);
}

#[test]
fn a_descriptor_of_another_runtime_of_the_thread_is_reported() {
    let [a, b] = [(); 2].map(|()| Runtime::new().unwrap());
    let (here, _there) = std::os::unix::net::UnixStream::pair().unwrap();
    let here = a.enter(|| Async::new(here).unwrap());
    let text = panic_of(|| b.block_on(here.source().ready(Interest::READABLE)));
    assert_reports(&text, "descriptor");
    let text = panic_of(|| {
        b.block_on(std::future::poll_fn(|cx| {
            here.source().poll_ready(cx, Interest::READABLE)
        }))
    });
    assert_reports(&text, "descriptor");
}

#[test]
fn a_handle_of_another_runtime_is_not_reported_if_something_else_can_end_the_wait() {
    let [a, b] = [(); 2].map(|()| Runtime::new().unwrap());
    let mut task = a.spawn(async { 7 });
    // A timer.
    let late = b.block_on(async {
        wakeful::time::timeout(Duration::from_millis(1), &mut task)
            .await
            .is_err()
    });
    assert!(late);
    // A closure on the pool, here and in a task.
    b.block_on(async {
        let closure = spawn_blocking(|| 1);
        let first = futures_util::future::select(&mut task, closure).await;
        assert!(matches!(first, futures_util::future::Either::Right(_)));
    });
    // Another thread. Whether the loop has slept by then does not matter.
    b.block_on(async {
        let (sender, receiver) = async_channel_of_one();
        thread::spawn(move || sender.wake());
        let first = futures_util::future::select(&mut task, receiver).await;
        assert!(matches!(first, futures_util::future::Either::Right(_)));
    });
    // Single turns report nothing, as another loop may drive both runtimes.
    let both = b.spawn(async move { task.await.unwrap() });
    for _ in 0..3 {
        b.turn().unwrap();
        assert_eq!(b.next_timeout(), None);
    }
    a.turn().unwrap();
    b.turn().unwrap();
    assert_eq!(b.block_on(both).unwrap(), 7);
}

/// A wake from another thread: the thread waits for the waker, then calls it.
fn async_channel_of_one() -> (Ring, impl Future<Output = ()> + Unpin) {
    let ring = Ring::default();
    let there = ring.clone();
    let future = std::future::poll_fn(move |cx| {
        let mut state = there.0.0.lock().unwrap();
        if state.1 {
            return Poll::Ready(());
        }
        state.0 = Some(cx.waker().clone());
        there.0.1.notify_all();
        Poll::Pending
    });
    (ring, future)
}

#[derive(Clone, Default)]
struct Ring(Arc<(Mutex<(Option<Waker>, bool)>, Condvar)>);

impl Ring {
    fn wake(&self) {
        let mut state = self.0.0.lock().unwrap();
        while state.0.is_none() {
            state = self.0.1.wait(state).unwrap();
        }
        state.1 = true;
        state.0.take().unwrap().wake();
    }
}

/// Runs the test again in a child process, which waits until its standard input is closed. That
/// happens after its first line.
fn first_line_of(test: &str) -> String {
    let mut child = alone::again(test, "child")
        // The child is killed in the middle of its loop.
        .env("ASAN_OPTIONS", "detect_leaks=0")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap())
        .lines()
        .map(Result::unwrap)
        .filter(|line| line.starts_with("wakeful: "));
    let line = lines.next().expect("a report");
    drop(child.stdin.take());
    assert_eq!(lines.next(), None, "one report is enough");
    assert!(child.wait().unwrap().success());
    line
}

#[test]
fn a_handle_of_another_runtime_is_reported_once_if_another_thread_may_end_the_wait() {
    if alone::role().is_none() {
        let line = first_line_of(
            "a_handle_of_another_runtime_is_reported_once_if_another_thread_may_end_the_wait",
        );
        assert!(line.contains("by its `JoinHandle`"), "{line}");
        assert!(line.contains("by its `RemoteJoinHandle`"), "{line}");
        assert!(line.contains("only another thread"), "{line}");
        return;
    }
    let [a, b] = [(); 2].map(|()| Runtime::new().unwrap());
    let task = futures_util::future::select(a.spawn(async { 7 }), a.handle().spawn(async { 8 }));
    let (ring, future) = async_channel_of_one();
    let other = thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        ring.wake();
    });
    b.block_on(futures_util::future::select(task, future));
    other.join().unwrap();
}

#[test]
fn a_block_on_that_nothing_can_wake_is_reported_if_stalls_are_detected() {
    if alone::role().is_none() {
        let line =
            first_line_of("a_block_on_that_nothing_can_wake_is_reported_if_stalls_are_detected");
        for part in [
            "waits forever",
            "tests/contexts.rs",
            "('lost')",
            "spawned at",
        ] {
            assert!(line.contains(part), "no {part:?} in: {line}");
        }
        return;
    }
    let runtime = wakeful::Builder::new()
        .detect_stalls(Duration::from_millis(1))
        .build()
        .unwrap();
    thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    runtime.block_on(async {
        wakeful::task::Builder::new()
            .name("lost")
            .spawn(pending::<()>())
            .await
            .unwrap();
    });
}

#[test]
fn a_listener_for_a_signal_that_waits_no_more_does_not_hide_a_wait_that_never_ends() {
    if alone::role().is_none() {
        let line = first_line_of(
            "a_listener_for_a_signal_that_waits_no_more_does_not_hide_a_wait_that_never_ends",
        );
        assert!(line.contains("waits forever"), "{line}");
        return;
    }
    let runtime = wakeful::Builder::new()
        .detect_stalls(Duration::from_millis(1))
        .build()
        .unwrap();
    thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    runtime.block_on(async {
        let mut listener = signal(SignalKind::user_defined1()).unwrap();
        // It waits, receives, waits again, and stops to wait.
        kill_process(getpid(), Signal::USR1).unwrap();
        listener.recv().await.unwrap();
        assert!(listener.recv().now_or_never().is_none());
        pending::<()>().await;
    });
}

#[test]
fn a_listener_for_a_signal_that_waits_may_end_a_wait_for_another_runtime() {
    if alone::role().is_none() {
        let mut child = alone::again(
            "a_listener_for_a_signal_that_waits_may_end_a_wait_for_another_runtime",
            "child",
        )
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("it waits")));
        drop(child.stdin.take());
        lines.for_each(drop);
        let output = child.wait_with_output().unwrap();
        let printed = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{printed}");
        assert!(!printed.contains("wakeful: "), "{printed}");
        return;
    }
    let [a, b] = [(); 2].map(|()| Runtime::new().unwrap());
    let task = a.spawn(async {});
    let other = thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        kill_process(getpid(), Signal::USR2).unwrap();
    });
    b.block_on(async {
        let mut listener = signal(SignalKind::user_defined2()).unwrap();
        let waits = pin!(async {
            println!("it waits");
            listener.recv().await
        });
        futures_util::future::select(task, waits).await;
    });
    other.join().unwrap();
}
