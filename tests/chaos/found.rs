//! Bugs that the harness found, each as a minimal test.

use rustix::process::{Signal, getpid, kill_process};
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};
use std::thread;
use std::time::{Duration, Instant};
use wakeful::class::LastIn;
use wakeful::signal::unix::{SignalKind, signal};
use wakeful::time::sleep;
use wakeful::{Builder, Runtime};

/// The time after which a test fails.
const PATIENCE: Duration = Duration::from_secs(10);

thread_local! {
    /// The closure that the next clone of the waker calls.
    static ON_CLONE: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
    /// Whether the next drop panics.
    static DROP_PANICS: Cell<bool> = const { Cell::new(false) };
    static WAKES: Cell<usize> = const { Cell::new(0) };
    static ALIVE: Cell<isize> = const { Cell::new(0) };
}

/// Returns a waker of this thread, whose functions act as the cells say.
fn waker() -> Waker {
    fn clone(_: *const ()) -> RawWaker {
        if let Some(f) = ON_CLONE.take() {
            f();
        }
        ALIVE.set(ALIVE.get() + 1);
        RawWaker::new(std::ptr::null(), &VTABLE)
    }
    fn wake(_: *const ()) {
        WAKES.set(WAKES.get() + 1);
        ALIVE.set(ALIVE.get() - 1);
    }
    fn wake_by_ref(_: *const ()) {
        WAKES.set(WAKES.get() + 1);
    }
    fn drop(_: *const ()) {
        ALIVE.set(ALIVE.get() - 1);
        if DROP_PANICS.replace(false) {
            panic!("the drop of a waker panics");
        }
    }
    static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop);
    ALIVE.set(ALIVE.get() + 1);
    // SAFETY: the functions use no data, and the waker stays on this thread.
    unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), &VTABLE)) }
}

/// Runs `f` on a thread, which is detached if it hangs.
#[track_caller]
fn ends(f: impl FnOnce() + Send + 'static) {
    let (done, end) = channel();
    thread::spawn(move || {
        f();
        _ = done.send(());
    });
    end.recv_timeout(PATIENCE)
        .expect("it neither hangs nor panics");
}

/// The clone of a foreign waker drops the runtime, which cancels the task.
#[test]
fn a_runtime_that_ends_while_a_join_waker_is_cloned_wakes_it() {
    let runtime = Runtime::new().unwrap();
    let mut task = runtime.spawn(std::future::pending::<()>());
    ON_CLONE.set(Some(Box::new(move || drop(runtime))));
    let waker = waker();
    let poll = Pin::new(&mut task).poll(&mut Context::from_waker(&waker));
    assert!(task.is_finished());
    assert!(poll.is_ready() || WAKES.get() > 0, "the end was missed");
    drop((task, waker));
    assert_eq!(ALIVE.get(), 0, "a waker was never dropped");
}

/// A clone that is not needed any more is dropped, and its drop panics.
#[test]
fn a_result_is_kept_if_the_drop_of_an_unused_waker_panics() {
    let runtime = Rc::new(Runtime::new().unwrap());
    let held = Rc::new(());
    let mut task = runtime.handle().spawn_with(|| async { 7 });
    let inner = runtime.clone();
    ON_CLONE.set(Some(Box::new(move || {
        // Turns for the task, and for the task that sends its output.
        for _ in 0..3 {
            inner.turn().unwrap();
        }
        DROP_PANICS.set(true);
    })));
    let waker = waker();
    let mut poll = || Pin::new(&mut task).poll(&mut Context::from_waker(&waker));
    let first = catch_unwind(AssertUnwindSafe(&mut poll));
    let result = first.unwrap_or_else(|_| poll());
    assert!(matches!(result, Poll::Ready(Ok(7))), "{result:?}");
    drop(held);
}

/// The same for a signal that is delivered while the waker is cloned.
#[test]
fn a_signal_is_kept_if_the_drop_of_an_unused_waker_panics() {
    let runtime = Rc::new(Runtime::new().unwrap());
    let listen = || runtime.enter(|| signal(SignalKind::user_defined2()).unwrap());
    let (mut first, mut second) = (listen(), listen());
    let inner = runtime.clone();
    ON_CLONE.set(Some(Box::new(move || {
        kill_process(getpid(), Signal::USR2).unwrap();
        let mut cx = Context::from_waker(Waker::noop());
        while second.poll_recv(&mut cx).is_pending() {
            inner.turn().unwrap();
        }
        DROP_PANICS.set(true);
    })));
    let waker = waker();
    let mut poll = || first.poll_recv(&mut Context::from_waker(&waker));
    let heard = catch_unwind(AssertUnwindSafe(&mut poll)).unwrap_or_else(|_| poll());
    assert_eq!(heard, Poll::Ready(Some(())));
}

/// The bug left the loop in the state "asleep", in which it never sleeps again: it spins, and a
/// paused clock does not advance.
#[test]
fn next_timeout_inside_the_loop_does_not_keep_it_from_sleeping() {
    ends(|| {
        let runtime = Rc::new(Builder::new().start_paused(true).build().unwrap());
        let inner = runtime.clone();
        runtime.block_on(async move {
            inner.next_timeout();
            sleep(Duration::from_millis(1)).await;
        });
    });
}

/// At thread exit the executor and the reactor are either both usable or both not.
#[test]
fn at_thread_exit_a_runtime_works_completely_or_not_at_all() {
    struct Late(RefCell<Option<Box<dyn FnOnce()>>>);
    impl Drop for Late {
        fn drop(&mut self) {
            if let Some(f) = self.0.take() {
                f();
            }
        }
    }
    thread_local! {
        static LATE: Late = const { Late(RefCell::new(None)) };
    }
    for first in [true, false] {
        let (done, end) = channel();
        thread::spawn(move || {
            let set = || {
                let done = done.clone();
                LATE.with(|late| {
                    late.0.replace(Some(Box::new(move || {
                        let result = catch_unwind(|| {
                            wakeful::block_on(async { sleep(Duration::from_micros(1)).await })
                        });
                        _ = done.send(result.is_ok());
                    })))
                });
            };
            if first {
                set();
            }
            // Initializes the thread-locals of the runtime.
            wakeful::block_on(async { sleep(Duration::from_micros(1)).await });
            if !first {
                set();
            }
        })
        .join()
        .unwrap();
        assert_eq!(
            end.recv(),
            Ok(true),
            "initialized before the runtime's own: {first}"
        );
    }
}

/// Objects created before the call of the closure have to be dropped.
#[test]
fn a_panic_of_the_closure_that_makes_an_order_leaks_nothing() {
    let held = Arc::new(());
    let theirs = held.clone();
    let built = catch_unwind(AssertUnwindSafe(|| {
        Builder::new()
            .detect_stalls(Duration::from_secs(3600))
            .on_stall(move |_| _ = &theirs)
            .order(|| -> LastIn { panic!("there is no order") })
            .build()
    }));
    assert!(built.is_err());
    // The thread of the watchdog may hold a reference for a moment.
    let limit = Instant::now() + PATIENCE;
    while Arc::strong_count(&held) > 1 && Instant::now() < limit {
        thread::yield_now();
    }
    assert_eq!(Arc::strong_count(&held), 1);
}
