//! The first poll of a call, the drop of its future, and callers that are dropped meanwhile.

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread::{self, ThreadId};
use std::time::Duration;

use futures_util::future::{join, join_all};
use tokio::sync::oneshot;
use wakeful::Shards;
use wakeful::shard::Shard;
use wakeful::task::yield_now;
use wakeful::time::timeout;

use super::calls::{Dropped, from_the_first};

/// A call is polled first where it is received; if it is pending, it becomes a task.
#[test]
fn only_a_pending_call_becomes_a_task() {
    from_the_first(2, |shard| async move {
        let spawned = || async { wakeful::Metrics::current().tasks_spawned };
        let before = shard.call(1, spawned).await.unwrap();
        for n in 0..100 {
            assert_eq!(shard.call(1, move || async move { n }).await.unwrap(), n);
        }
        assert_eq!(shard.call(1, spawned).await.unwrap(), before);
        let waits = || async {
            yield_now().await;
            wakeful::task::id()
        };
        let [a, b] = [shard.call(1, waits), shard.call(1, waits)];
        assert_ne!(a.await.unwrap(), b.await.unwrap());
        assert_eq!(shard.call(1, spawned).await.unwrap(), before + 2);
    });
}

thread_local! {
    static LATER: RefCell<Option<Waker>> = const { RefCell::new(None) };
    static TOLD: Cell<bool> = const { Cell::new(false) };
}

/// The waker of the first poll wakes no task, so the call has to be polled again.
#[test]
fn a_pending_call_is_answered_later() {
    from_the_first(2, |shard| async move {
        let waits = wakeful::spawn(shard.call(1, || {
            poll_fn(|cx| {
                if TOLD.get() {
                    return Poll::Ready(7);
                }
                LATER.set(Some(cx.waker().clone()));
                Poll::Pending
            })
        }));
        yield_now().await;
        let tell = shard.call(1, || async {
            yield_now().await;
            TOLD.set(true);
            LATER.take().unwrap().wake();
        });
        tell.await.unwrap();
        assert_eq!(waits.await.unwrap().unwrap(), 7);
    });
}

/// Panics in the `n`th poll, and optionally in its drop.
struct Panics {
    polls_left: u32,
    in_drop: bool,
    here: Rc<()>,
}

impl Future for Panics {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        assert_eq!(Rc::strong_count(&self.here), 1);
        self.polls_left -= 1;
        assert!(self.polls_left > 0, "in a poll");
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Drop for Panics {
    fn drop(&mut self) {
        assert!(!self.in_drop, "in the drop");
    }
}

#[test]
#[cfg(panic = "unwind")]
fn a_panic_in_any_poll_ends_only_that_call() {
    from_the_first(2, |shard| async move {
        for polls_left in 1..5 {
            for in_drop in [false, true] {
                let call = shard.call(1, move || Panics {
                    polls_left,
                    in_drop,
                    here: Rc::default(),
                });
                // They are sent in one batch.
                let (panicked, fine) = join(call, shard.call(1, || async { 7 })).await;
                let payload = panicked.unwrap_err().into_panic();
                assert_eq!(payload.downcast_ref(), Some(&"in a poll"));
                assert_eq!(fine.unwrap(), 7);
            }
        }
    });
}

/// Decrements a counter on the thread on which it was created, and records a drop elsewhere.
struct AtHome(ThreadId, Arc<AtomicUsize>);

impl Drop for AtHome {
    fn drop(&mut self) {
        assert_eq!(thread::current().id(), self.0);
        self.1.fetch_add(1, Ordering::Relaxed);
    }
}

/// The future is never sent: not when it ended, not when it panicked, and not when its shard ends
/// while it waits.
#[test]
#[cfg(panic = "unwind")]
fn the_future_of_a_call_is_dropped_on_the_shard_that_created_it() {
    let drops = Arc::new(AtomicUsize::new(0));
    let count = drops.clone();
    let shards = Shards::builder().shards(2).build().unwrap();
    let task = shards.spawn_on(0, move || async move {
        let shard = Shard::current();
        let calls = [0, 1, 2].map(|way| {
            let count = count.clone();
            shard.call(1, move || {
                let here = AtHome(thread::current().id(), count);
                async move {
                    let _here = here;
                    match way {
                        0 => {}
                        1 => panic!("on purpose"),
                        _ => pending().await,
                    }
                }
            })
        });
        let [ends, panics, waits] = calls;
        let waits = wakeful::spawn(waits);
        ends.await.unwrap();
        assert!(panics.await.unwrap_err().is_panic());
        shard.handle(1).shutdown();
        assert!(waits.await.unwrap().unwrap_err().is_cancelled());
    });
    wakeful::block_on(task).unwrap();
    assert_eq!(drops.load(Ordering::Relaxed), 3);
    shards.join().unwrap();
}

/// The caller is dropped before the call is sent, while it waits, and when the answer has arrived.
#[test]
fn a_caller_may_be_dropped_at_any_time() {
    let drops = Arc::new(AtomicUsize::new(0));
    let count = drops.clone();
    from_the_first(2, move |shard| {
        let count = count.clone();
        async move {
            let output = |waits: bool| {
                let dropped = Dropped(count.clone());
                shard.call(1, move || async move {
                    if waits {
                        yield_now().await;
                    }
                    dropped
                })
            };
            // Never polled, so it has no effect.
            drop(output(false));
            assert_eq!(count.load(Ordering::Relaxed), 1);
            for waits in [false, true] {
                let mut call = Box::pin(output(waits));
                assert!(poll_once(&mut call).await.is_pending());
                drop(call);
                let mut call = Box::pin(output(waits));
                assert!(poll_once(&mut call).await.is_pending());
                // Answers come in order. Those of pending calls have arrived after two more.
                for _ in 0..3 {
                    drop(output(true).await.unwrap());
                }
                drop(call);
            }
            shard.call(1, || async {}).await.unwrap();
        }
    });
    assert_eq!(drops.load(Ordering::Relaxed), 1 + 2 * (1 + 1 + 3));
}

async fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(Pin::new(&mut *future).poll(cx))).await
}

thread_local! {
    static BEGUN: Cell<u32> = const { Cell::new(0) };
}

/// However many calls arrive at once, a task of the shard runs after 64 of them.
#[test]
fn many_calls_let_other_tasks_run() {
    from_the_first(2, |shard| async move {
        let watch = wakeful::spawn(shard.call(1, || async {
            let (mut most, mut seen) = (0, 0);
            while seen < 1_280 {
                yield_now().await;
                most = most.max(BEGUN.get() - seen);
                seen = BEGUN.get();
            }
            most
        }));
        yield_now().await;
        // It counts.
        shard.call(1, yield_now).await.unwrap();
        join_all((0..1_280).map(|_| shard.call(1, || async { BEGUN.set(BEGUN.get() + 1) }))).await;
        let most = watch.await.unwrap().unwrap();
        assert!(most <= 64, "{most} calls in one turn");
    });
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("on purpose");
    }
}

/// The output of a call whose future was dropped may panic in its drop. No caller sees the panic,
/// and the shard still makes calls.
#[test]
#[cfg(panic = "unwind")]
fn an_unused_output_may_panic_in_its_drop() {
    from_the_first(2, |shard| async move {
        for waits in [false, true] {
            let mut call = Box::pin(shard.call(1, move || async move {
                if waits {
                    yield_now().await;
                }
                Bomb
            }));
            assert!(poll_once(&mut call).await.is_pending());
            drop(call);
            for n in 0..3 {
                assert_eq!(shard.call(1, move || async move { n }).await.unwrap(), n);
            }
        }
    });
}

/// A future and its output may both panic in their drops; the caller gets the first panic.
#[test]
#[cfg(panic = "unwind")]
fn a_future_and_its_output_may_both_panic_in_their_drops() {
    struct Ends(Bomb);
    impl Future for Ends {
        type Output = Bomb;
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Bomb> {
            Poll::Ready(Bomb)
        }
    }
    from_the_first(2, |shard| async move {
        let error = shard.call(1, || Ends(Bomb)).await.map(std::mem::forget);
        assert!(error.unwrap_err().is_panic());
        assert_eq!(shard.call(1, || async { 7 }).await.unwrap(), 7);
    });
}

/// An answer for a shard that has ended is dropped when it arrives, not when the last shard ends.
#[test]
fn an_answer_that_comes_too_late_is_dropped() {
    let (open, gate) = oneshot::channel::<()>();
    let (answer, dropped) = oneshot::channel::<()>();
    let shards = Shards::builder().shards(2).build().unwrap();
    drop(shards.spawn_on(0, || async {
        let shard = Shard::current();
        let call = shard.call(1, || async {
            gate.await.unwrap_err();
            answer
        });
        wakeful::spawn(async {
            // Closed when this shard ends.
            let _open = open;
            call.await
        });
        yield_now().await;
        // The call has begun there when a later one has.
        shard.call(1, || async {}).await.unwrap();
        shard.handle(0).shutdown();
    }));
    let heard = shards.spawn_on(1, || timeout(Duration::from_secs(60), dropped));
    assert!(wakeful::block_on(heard).unwrap().unwrap().is_err());
    shards.join().unwrap();
}

/// A closure that was sent to an ended shard and panics in its drop does not prevent that.
#[test]
#[cfg(panic = "unwind")]
fn a_closure_for_an_ended_shard_may_panic_in_its_drop() {
    let shards = Shards::builder().shards(3).build().unwrap();
    let task = shards.spawn_on(0, || async {
        let shard = Shard::current();
        shard.handle(1).shutdown();
        while shard.call(1, || async {}).await.is_ok() {}
        let bomb = Bomb;
        let call = shard.call(1, move || async move { std::mem::forget(bomb) });
        assert!(call.await.unwrap_err().is_cancelled());
        for n in 0..3 {
            assert_eq!(shard.call(2, move || async move { n }).await.unwrap(), n);
        }
    });
    wakeful::block_on(task).unwrap();
    shards.join().unwrap();
}
