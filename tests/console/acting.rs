//! A subscriber is user code: in each call it may run the loop, or close or end the runtime.

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task::Poll;
use std::thread;

use futures_util::task::LocalSpawnExt;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::with_default;
use tracing::{Event, Metadata, Subscriber};
use wakeful::sync::{Mutex, Notify, mpsc, oneshot};
use wakeful::task::JoinSet;
use wakeful::{LocalSpawner, Runtime};

use crate::support::{Counting, Ledger, poll_once};

/// The calls of the subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Span,
    Close,
    Event,
}

type Act = Box<dyn FnOnce()>;

thread_local! {
    static ACT: Cell<Option<(At, Act)>> = const { Cell::new(None) };
}

struct Acting;

fn called(at: At) {
    match ACT.take() {
        Some((when, act)) if when == at => act(),
        other => ACT.set(other),
    }
}

/// The next call of that kind runs this.
fn next(at: At, act: impl FnOnce() + 'static) {
    ACT.set(Some((at, Box::new(act))));
}

impl Subscriber for Acting {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        called(At::Span);
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {
        called(At::Event);
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
    fn try_close(&self, _: Id) -> bool {
        called(At::Close);
        true
    }
}

fn some_turns(runtime: &Runtime) {
    for _ in 0..3 {
        runtime.turn().unwrap();
    }
}

#[test]
fn a_task_whose_spawn_runs_a_loop_that_shuts_down_is_cancelled_once() {
    with_default(Acting, || {
        let ledger = Ledger::new();
        let runtime = Rc::new(Runtime::new().unwrap());
        runtime.handle().shutdown();
        some_turns(&runtime);
        let again = runtime.clone();
        next(At::Span, move || {
            again.handle().shutdown();
            some_turns(&again);
        });
        let guard = ledger.guard();
        let task = runtime.spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        assert!(task.is_finished());
        ledger.assert_all_dropped(1);
        drop(task);
    });
}

/// Spawns on a runtime that `act` ends in that call.
fn spawn_on_a_runtime_that_ends(act: impl FnOnce(Rc<RefCell<Option<Runtime>>>)) {
    with_default(Acting, || {
        let ledger = Ledger::new();
        let runtime = Runtime::new().unwrap();
        let spawner: LocalSpawner = runtime.local_spawner();
        act(Rc::new(RefCell::new(Some(runtime))));
        let guard = ledger.guard();
        let spawned = spawner.spawn_local(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        assert!(spawned.unwrap_err().is_shutdown());
        ledger.assert_all_dropped(1);
    });
}

#[test]
fn a_spawn_on_a_runtime_that_is_dropped_meanwhile_panics_and_leaks_nothing() {
    spawn_on_a_runtime_that_ends(|runtime| {
        next(At::Span, move || drop(runtime.take()));
    });
}

#[test]
fn a_runtime_that_a_spawn_shut_down_may_be_dropped_as_the_span_is_closed() {
    spawn_on_a_runtime_that_ends(|runtime| {
        next(At::Span, move || {
            let running = runtime.borrow();
            let running_ref = running.as_ref().unwrap();
            running_ref.handle().shutdown();
            some_turns(running_ref);
            drop(running);
            next(At::Close, move || drop(runtime.take()));
        });
    });
}

/// Returns a waker of a task, whose clones are reported to the subscriber.
fn own_waker(runtime: &Runtime) -> (std::task::Waker, wakeful::task::JoinHandle<()>) {
    let (send, wakers) = std::sync::mpsc::channel();
    let task = runtime.spawn(poll_fn(move |cx| {
        let _ = send.send(cx.waker().clone());
        Poll::<()>::Pending
    }));
    runtime.turn().unwrap();
    (wakers.recv().unwrap(), task)
}

#[test]
fn a_task_that_ends_while_its_handle_stores_a_waker_is_joined() {
    with_default(Acting, || {
        let runtime = Rc::new(Runtime::new().unwrap());
        let (waker, _other) = own_waker(&runtime);
        let mut task = runtime.spawn(async { 7 });
        let again = runtime.clone();
        next(At::Event, move || some_turns(&again));
        assert!(poll_once(&mut task, &waker).is_pending());
        assert!(task.is_finished());
        assert_eq!(
            runtime.next_timeout(),
            Some(std::time::Duration::ZERO),
            "it is woken"
        );
        let polled = poll_once(&mut task, &waker);
        assert!(matches!(polled, Poll::Ready(Ok(7))), "{polled:?}");
    });
}

#[test]
fn a_member_that_ends_while_its_set_stores_a_waker_is_joined() {
    with_default(Acting, || {
        let runtime = Rc::new(Runtime::new().unwrap());
        let (waker, _other) = own_waker(&runtime);
        let mut set = JoinSet::new();
        runtime.enter(|| set.spawn(async { 7 }));
        let again = runtime.clone();
        next(At::Event, move || some_turns(&again));
        let mut cx = std::task::Context::from_waker(&waker);
        assert!(runtime.enter(|| set.poll_join_next(&mut cx)).is_pending());
        assert_eq!(
            runtime.next_timeout(),
            Some(std::time::Duration::ZERO),
            "it is woken"
        );
        let polled = runtime.enter(|| set.poll_join_next(&mut cx));
        assert!(matches!(polled, Poll::Ready(Some(Ok(7)))), "{polled:?}");
    });
}

#[test]
fn the_end_of_a_task_is_recorded_before_its_span_is_closed() {
    with_default(Acting, || {
        let runtime = Rc::new(Runtime::new().unwrap());
        let (counting, waker) = Counting::new();
        let mut task = runtime.spawn(async { 7 });
        assert!(poll_once(&mut task, &waker).is_pending());
        let (send, seen) = std::sync::mpsc::channel();
        next(At::Close, move || {
            let polled = poll_once(&mut task, &waker);
            let wakes = counting.wakes();
            send.send((matches!(polled, Poll::Ready(Ok(7))), wakes))
                .unwrap();
        });
        runtime.turn().unwrap();
        assert_eq!(seen.try_recv().unwrap(), (true, 1));
    });
}

/// A forgotten scope outlives its runtime.
#[test]
fn a_set_is_usable_if_the_runtime_ends_during_a_spawn() {
    thread::spawn(|| {
        with_default(Acting, || {
            let runtime = Runtime::new().unwrap();
            std::mem::forget(runtime.enter_guard());
            let mut set = JoinSet::new();
            let ended = Cell::new(Some(runtime));
            next(At::Span, move || drop(ended.take()));
            let spawned = catch_unwind(AssertUnwindSafe(|| set.spawn(async {})));
            assert!(spawned.is_err());
            assert!(set.is_empty());
            assert!(set.try_join_next().is_none());
        });
    })
    .join()
    .unwrap();
}

/// Polls a wait while the subscriber ends it in a call, and checks that it is ready or woken.
#[track_caller]
fn ended_meanwhile<T>(
    at: At,
    polls: usize,
    wait: impl Future<Output = T>,
    end: impl FnOnce() + 'static,
) {
    let mut wait = std::pin::pin!(wait);
    let (counting, waker) = Counting::new();
    for _ in 1..polls {
        assert!(poll_once(&mut wait, &waker).is_pending());
    }
    next(at, end);
    if poll_once(&mut wait, &waker).is_pending() {
        assert_eq!(counting.wakes(), 1, "{at:?}, poll {polls}");
        assert!(poll_once(&mut wait, &waker).is_ready());
    }
    assert!(ACT.take().is_none(), "{at:?}, poll {polls}");
}

#[test]
fn a_wait_that_the_subscriber_ends_in_its_report_is_not_lost() {
    with_default(Acting, || {
        // A later poll of the same task makes no span.
        for (at, polls) in [(At::Span, 1), (At::Event, 1), (At::Event, 2)] {
            let (sender, mut receiver) = mpsc::unbounded_channel();
            ended_meanwhile(at, polls, receiver.recv(), move || sender.send(1).unwrap());

            let (sender, receiver) = oneshot::channel();
            ended_meanwhile(at, polls, receiver, move || sender.send(1).unwrap());

            let (mut sender, receiver) = oneshot::channel::<()>();
            ended_meanwhile(at, polls, sender.closed(), move || drop(receiver));

            let notify = Rc::new(Notify::new());
            let notifying = notify.clone();
            ended_meanwhile(at, polls, notify.notified(), move || notifying.notify_one());

            let mutex = Rc::new(Mutex::new(()));
            let guard = mutex.clone().try_lock_owned().unwrap();
            ended_meanwhile(at, polls, mutex.lock(), move || drop(guard));
        }
    });
}
