//! User code that runs in the middle of the runtime's own work: foreign wakers that poll at once,
//! run the loop or panic, and drops during the unwinding of a panic.

mod support;

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn, ready};
use std::mem::ManuallyDrop;
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Wake, Waker};
use std::thread;
use std::time::Duration;

use support::{Counting, Ledger, OnDrop, Panicking, panic_of, poll_once};
use wakeful::reactor::{Async, Interest};
use wakeful::task::JoinSet;
use wakeful::{Runtime, block_on, spawn};

type Polled = Pin<Box<dyn Future<Output = ()>>>;

thread_local! {
    static INLINE: Cell<Option<Polled>> = const { Cell::new(None) };
    static ON_CLONE: Cell<Option<Box<dyn FnOnce()>>> = const { Cell::new(None) };
}

/// A waker that polls its future at once, as executors without a queue do.
#[derive(Default)]
struct Inline(AtomicUsize);

impl Inline {
    /// Polls the future of this thread, unless it is being polled. Returns whether it has become
    /// ready.
    fn poll(self: &Arc<Self>) -> bool {
        let Some(mut future) = INLINE.take() else {
            return false;
        };
        let waker = Waker::from(self.clone());
        let is_ready = future
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_ready();
        if !is_ready {
            INLINE.set(Some(future));
        }
        is_ready
    }
}

impl Wake for Inline {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
        self.poll();
    }
}

/// Polls `future` by inline wakes only until it is ready. Returns the number of wakes.
fn poll_inline(runtime: &Runtime, future: impl Future<Output = ()> + 'static) -> usize {
    INLINE.set(Some(Box::pin(future)));
    let inline = Arc::new(Inline::default());
    runtime.enter(|| inline.poll());
    for _ in 0..5 {
        runtime.turn().unwrap();
    }
    assert!(INLINE.take().is_none(), "it was not polled to its end");
    inline.0.load(Ordering::SeqCst)
}

#[test]
fn a_waker_that_polls_at_once_finds_the_end_of_a_task() {
    let runtime = Runtime::new().unwrap();
    let task = runtime.spawn(async { 7 });
    let wakes = poll_inline(&runtime, async { assert_eq!(task.await.unwrap(), 7) });
    assert_eq!(wakes, 1);
}

#[test]
fn a_waker_that_polls_at_once_finds_the_end_of_a_member() {
    let runtime = Runtime::new().unwrap();
    let mut set = JoinSet::new();
    runtime.enter(|| set.spawn(async { 7 }));
    let wakes = poll_inline(&runtime, async move {
        assert_eq!(set.join_next().await.unwrap().unwrap(), 7);
    });
    assert_eq!(wakes, 1);
}

#[test]
fn a_waker_that_polls_at_once_finds_the_end_of_an_aborted_member() {
    let runtime = Runtime::new().unwrap();
    let mut set = JoinSet::new();
    runtime.enter(|| {
        set.spawn(pending::<()>());
        set.abort_all();
    });
    poll_inline(&runtime, async move {
        let error = set.join_next().await.unwrap().unwrap_err();
        assert!(error.is_cancelled());
    });
}

/// The set is polled in a drop of its member's future, after the member's end was reported.
#[test]
fn a_set_polled_in_the_drop_of_an_ended_member_is_woken_once_more() {
    let runtime = Runtime::new().unwrap();
    type Output = OnDrop<Box<dyn FnMut()>>;
    let set = Rc::new(RefCell::new(JoinSet::<Output>::new()));
    let (counting, waker) = Counting::new();
    let polls: Box<dyn FnMut()> = {
        let (set, waker) = (Rc::downgrade(&set), waker.clone());
        Box::new(move || {
            let set = set.upgrade().unwrap();
            let mut cx = Context::from_waker(&waker);
            assert!(set.borrow_mut().poll_join_next(&mut cx).is_pending());
        })
    };
    // As the drop of the future panics, its output is dropped after the future.
    let bad = OnDrop(|| panic!("the drop of the future"));
    let mut polls = Some(OnDrop(polls));
    runtime.enter(|| {
        set.borrow_mut().spawn(poll_fn(move |_| {
            let _ = &bad;
            Poll::Ready(polls.take().unwrap())
        }));
    });
    runtime.turn().unwrap();
    assert_eq!(counting.wakes(), 1);
    let mut cx = Context::from_waker(&waker);
    let joined = set.borrow_mut().poll_join_next(&mut cx);
    assert!(matches!(joined, Poll::Ready(Some(Err(error))) if error.is_panic()));
}

/// Returns a waker whose first clone calls the closure in `ON_CLONE`. It wakes a counter.
fn waker_with_a_clone(then: impl FnOnce() + 'static) -> (Arc<Counting>, Waker) {
    const VTABLE: RawWakerVTable = RawWakerVTable::new(
        |data| {
            if let Some(act) = ON_CLONE.take() {
                act();
            }
            // SAFETY: the data of this vtable is that of an `Arc`; the waker owns a reference.
            unsafe { Arc::increment_strong_count(data.cast::<Counting>()) };
            RawWaker::new(data, &VTABLE)
        },
        // SAFETY: as above; the reference is consumed.
        |data| Waker::from(unsafe { Arc::from_raw(data.cast::<Counting>()) }).wake(),
        |data| {
            // SAFETY: as above; the reference stays with the waker.
            let counting = ManuallyDrop::new(unsafe { Arc::from_raw(data.cast::<Counting>()) });
            counting.0.fetch_add(1, Ordering::SeqCst);
        },
        // SAFETY: as above; the reference is released.
        |data| drop(unsafe { Arc::from_raw(data.cast::<Counting>()) }),
    );
    ON_CLONE.set(Some(Box::new(then)));
    let counting = Arc::new(Counting::default());
    let raw = RawWaker::new(Arc::into_raw(counting.clone()).cast(), &VTABLE);
    // SAFETY: each function of the vtable keeps the count of the `Arc`, from any thread.
    (counting, unsafe { Waker::from_raw(raw) })
}

fn turns(runtime: &Rc<Runtime>) -> impl FnOnce() + 'static {
    let runtime = runtime.clone();
    move || {
        for _ in 0..3 {
            runtime.turn().unwrap();
        }
    }
}

#[test]
fn a_task_that_ends_in_the_clone_of_a_join_waker_is_seen() {
    let runtime = Rc::new(Runtime::new().unwrap());
    let mut task = runtime.spawn(async { 7 });
    let (counting, waker) = waker_with_a_clone(turns(&runtime));
    assert!(poll_once(&mut task, &waker).is_pending());
    assert_eq!(counting.wakes(), 1);
    assert!(matches!(poll_once(&mut task, &waker), Poll::Ready(Ok(7))));
    drop((task, waker));
    assert_eq!(Arc::strong_count(&counting), 1, "a waker was never dropped");

    // The same if another waker was stored before.
    let mut task = runtime.spawn(async { 7 });
    assert!(poll_once(&mut task, Waker::noop()).is_pending());
    let (counting, waker) = waker_with_a_clone(turns(&runtime));
    assert!(poll_once(&mut task, &waker).is_pending());
    assert_eq!(counting.wakes(), 1);
    assert!(matches!(poll_once(&mut task, &waker), Poll::Ready(Ok(7))));
}

#[test]
fn a_member_that_ends_in_the_clone_of_the_sets_waker_is_seen() {
    let runtime = Rc::new(Runtime::new().unwrap());
    let mut set = JoinSet::new();
    runtime.enter(|| set.spawn(async { 7 }));
    let (counting, waker) = waker_with_a_clone(turns(&runtime));
    let mut cx = Context::from_waker(&waker);
    assert!(set.poll_join_next(&mut cx).is_pending());
    assert_eq!(counting.wakes(), 1);
    let polled = set.poll_join_next(&mut cx);
    assert!(matches!(polled, Poll::Ready(Some(Ok(7)))), "{polled:?}");
}

fn pair(runtime: &Runtime) -> (Async<UnixStream>, UnixStream) {
    let (here, there) = UnixStream::pair().unwrap();
    here.set_nonblocking(true).unwrap();
    (runtime.enter(|| Async::new(here)).unwrap(), there)
}

#[test]
fn an_event_that_comes_in_the_clone_of_a_sockets_waker_is_seen() {
    use std::io::Write;
    let runtime = Rc::new(Runtime::new().unwrap());
    let (here, mut there) = pair(&runtime);
    there.write_all(b"x").unwrap();
    let (_, waker) = waker_with_a_clone(turns(&runtime));
    let mut cx = Context::from_waker(&waker);
    let polled = here.source().poll_ready(&mut cx, Interest::READABLE);
    assert!(matches!(polled, Poll::Ready(Ok(()))), "{polled:?}");

    let (here, mut there) = pair(&runtime);
    there.write_all(b"x").unwrap();
    let mut readable = Box::pin(here.source().ready(Interest::READABLE));
    let (_, waker) = waker_with_a_clone(turns(&runtime));
    let polled = poll_once(&mut readable, &waker);
    assert!(matches!(polled, Poll::Ready(Ok(_))), "{polled:?}");
}

#[test]
fn the_end_of_the_runtime_in_the_clone_of_a_sockets_waker_is_seen() {
    let runtime = Runtime::new().unwrap();
    let (here, _there) = pair(&runtime);
    let (_, waker) = waker_with_a_clone(move || drop(runtime));
    let mut cx = Context::from_waker(&waker);
    let polled = here.source().poll_ready(&mut cx, Interest::READABLE);
    assert!(matches!(polled, Poll::Ready(Err(_))), "{polled:?}");
}

#[test]
fn a_timer_that_is_due_after_the_clone_of_its_waker_fires() {
    let runtime = Rc::new(Runtime::builder().start_paused(true).build().unwrap());
    let mut sleep = runtime.enter(|| Box::pin(wakeful::time::sleep(Duration::from_millis(1))));
    let again = runtime.clone();
    let (counting, waker) = waker_with_a_clone(move || {
        again.block_on(async { wakeful::time::sleep(Duration::from_millis(5)).await });
    });
    if poll_once(&mut sleep, &waker).is_pending() {
        runtime.turn().unwrap();
        assert_eq!(counting.wakes(), 1);
        assert!(poll_once(&mut sleep, &waker).is_ready());
    }
}

#[test]
fn a_panic_of_a_timers_waker_does_not_reach_the_loop() {
    let runtime = Runtime::builder().start_paused(true).build().unwrap();
    let bad = Waker::from(Arc::new(Panicking));
    let (counting, good) = Counting::new();
    let mut sleeps: Vec<_> = runtime.enter(|| {
        let sleep = || Box::pin(wakeful::time::sleep(Duration::from_millis(1)));
        (0..3).map(|_| sleep()).collect()
    });
    for (sleep, waker) in sleeps.iter_mut().zip([&good, &bad, &good]) {
        assert!(poll_once(sleep, waker).is_pending());
    }
    runtime.block_on(async { wakeful::time::sleep(Duration::from_millis(5)).await });
    assert_eq!(counting.wakes(), 2);
}

#[test]
fn a_panic_of_a_join_waker_does_not_reach_the_other_thread() {
    let runtime = Runtime::new().unwrap();
    let mut task = runtime.handle().spawn(async { 7 });
    let bad = Waker::from(Arc::new(Panicking));
    assert!(poll_once(&mut task, &bad).is_pending());
    for _ in 0..3 {
        runtime.turn().unwrap();
    }
    assert!(matches!(poll_once(&mut task, &bad), Poll::Ready(Ok(7))));
}

/// A hand-written future with a lock as a field.
struct Holds<'a, T>(
    #[allow(dead_code, reason = "only its drop matters")] T,
    #[allow(dead_code, reason = "only its drop matters")] MutexGuard<'a, ()>,
);

impl<T> Unpin for Holds<'_, T> {}

impl<T> Future for Holds<'_, T> {
    type Output = ();
    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        panic!("on purpose");
    }
}

#[test]
fn a_future_that_panics_is_dropped_during_the_unwind() {
    let unwinding = Rc::new(Cell::new(None));
    static LOCK: Mutex<()> = Mutex::new(());
    let seen = unwinding.clone();
    let on_drop = OnDrop(move || seen.set(Some(thread::panicking())));
    let error = block_on(async { spawn(Holds(on_drop, LOCK.lock().unwrap())).await }).unwrap_err();
    assert!(error.is_panic());
    assert_eq!(unwinding.get(), Some(true));
    assert!(LOCK.is_poisoned());
}

#[test]
fn a_second_panic_in_that_drop_does_not_abort_the_process() {
    let ledger = Ledger::new();
    static LOCK: Mutex<()> = Mutex::new(());
    let guard = ledger.guard();
    let on_drop = OnDrop(move || {
        let _ = &guard;
        panic!("the second");
    });
    let error = block_on(async { spawn(Holds(on_drop, LOCK.lock().unwrap())).await }).unwrap_err();
    assert_eq!(
        panic_of(|| std::panic::resume_unwind(error.into_panic())),
        "on purpose"
    );
    ledger.assert_all_dropped(1);
    // The loop continues.
    assert_eq!(block_on(async { spawn(ready(7)).await }).unwrap(), 7);
}

/// Waits again until the condition holds: on a busy machine a timer may be due before the loop
/// waits.
fn wait_until(runtime: &Runtime, condition: impl Fn() -> bool) {
    runtime.block_on(async {
        while !condition() {
            wakeful::time::sleep(Duration::from_millis(1)).await;
        }
    });
}

/// A runtime whose function runs before each wait.
fn parks(hook: impl Fn() + 'static) -> Runtime {
    Runtime::builder().on_thread_park(hook).build().unwrap()
}

#[test]
fn the_hooks_of_waits_come_in_pairs() {
    let calls = Rc::new(RefCell::new(Vec::new()));
    let (park, unpark) = (calls.clone(), calls.clone());
    let runtime = Runtime::builder()
        .on_thread_park(|| unreachable!("it is replaced"))
        .on_thread_park(move || park.borrow_mut().push("park"))
        .on_thread_unpark(move || unpark.borrow_mut().push("unpark"))
        .build()
        .unwrap();
    // Nothing waits.
    runtime.block_on(async { spawn(async {}).await.unwrap() });
    assert!(calls.borrow().is_empty());
    wait_until(&runtime, || calls.borrow().len() >= 6);
    let calls = calls.take();
    assert!(
        calls.chunks(2).all(|pair| pair == ["park", "unpark"]),
        "{calls:?}"
    );
}

#[test]
fn a_task_that_a_hook_spawns_ends_the_wait() {
    let told = Rc::new(Cell::new(None::<Waker>));
    let hooked = told.clone();
    let runtime = parks(move || {
        if let Some(waker) = hooked.take() {
            drop(spawn(async move { waker.wake() }));
        }
    });
    let mut is_woken = false;
    // Nothing else would ever wake it.
    runtime.block_on(poll_fn(|cx| {
        if std::mem::replace(&mut is_woken, true) {
            return Poll::Ready(());
        }
        told.set(Some(cx.waker().clone()));
        Poll::Pending
    }));
}

#[test]
fn a_hook_that_wakes_the_future_of_block_on_ends_the_wait() {
    let told = Rc::new(Cell::new(None::<Waker>));
    let hooked = told.clone();
    let runtime = parks(move || {
        if let Some(waker) = hooked.take() {
            waker.wake();
        }
    });
    let mut polls = 0;
    runtime.block_on(poll_fn(|cx| {
        polls += 1;
        told.set(Some(cx.waker().clone()));
        if polls < 4 {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    }));
}

#[test]
#[cfg(panic = "unwind")]
fn a_hook_may_panic_and_run_no_loop() {
    let panics = Rc::new(RefCell::new(Vec::new()));
    let hooked = panics.clone();
    let runtime = parks(move || {
        hooked.borrow_mut().push(panic_of(|| block_on(async {})));
        // A runtime of its own, with a hook, may be made and dropped.
        drop(parks(|| ()));
        panic!("in the hook");
    });
    wait_until(&runtime, || panics.borrow().len() >= 2);
    let panics = panics.take();
    assert!(
        panics[0].starts_with("`block_on` was called inside"),
        "{panics:?}"
    );
}

/// A hook is not a part of the task that ran before it, and does not use its budget up.
#[test]
fn a_hook_has_no_budget_and_no_task() {
    use wakeful::task::{coop, try_id};

    let seen = Rc::new(Cell::new(None));
    let hooked = seen.clone();
    let runtime = parks(move || {
        let has_budget = (0..1000).all(|_| {
            let mut cx = Context::from_waker(Waker::noop());
            match coop::poll_proceed(&mut cx) {
                Poll::Ready(progress) => progress.made_progress(),
                Poll::Pending => return false,
            }
            true
        });
        hooked.set(Some((has_budget, try_id())));
    });
    wait_until(&runtime, || seen.get().is_some());
    assert_eq!(seen.get(), Some((true, None)));
}

/// The detection of stalls and the hooks share the slow path of a sleep.
#[test]
fn hooks_and_the_detection_of_stalls_work_together() {
    let parked = Rc::new(Cell::new(0));
    let hooked = parked.clone();
    let runtime = Runtime::builder()
        .detect_stalls(Duration::from_secs(60))
        .on_thread_park(move || hooked.set(hooked.get() + 1))
        .build()
        .unwrap();
    wait_until(&runtime, || parked.get() > 0);
}
