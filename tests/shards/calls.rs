//! Calls to another shard, and tasks spawned there.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

use futures_util::FutureExt;
use futures_util::future::join_all;
use wakeful::Shards;
use wakeful::shard::Shard;
use wakeful::task::yield_now;

fn run<F: Future<Output = ()> + 'static>(
    shards: usize,
    service: impl Fn(Shard) -> F + Send + Sync + 'static,
) {
    let shards = Shards::builder().shards(shards).on_each(service).unwrap();
    shards.join().unwrap();
}

/// Runs on shard 0, once each shard has a service; the other services wait for its end.
pub(super) fn from_the_first<F: Future<Output = ()> + 'static>(
    shards: usize,
    service: impl Fn(Shard) -> F + Send + Sync + 'static,
) {
    let service = Arc::new(service);
    let started = Arc::new(Barrier::new(shards));
    run(shards, move |shard| {
        let (service, started) = (service.clone(), started.clone());
        async move {
            // Blocks the loops, which have no other task yet.
            started.wait();
            if shard.id().index() == 0 {
                service(shard.clone()).await;
                shard.stop_all(std::time::Duration::from_secs(600));
            }
            shard.stopping().await;
        }
    });
}

#[test]
fn a_closure_creates_a_future_that_is_not_send_on_the_other_shard() {
    from_the_first(2, |shard| async move {
        let task = shard.spawn_on(1, || async {
            let shard = Rc::new(Shard::current());
            yield_now().await;
            shard.id().index()
        });
        assert_eq!(task.await.unwrap(), 1);
        let called = shard.call(1, || async {
            let shard = Rc::new(Shard::current());
            yield_now().await;
            shard.id().index()
        });
        assert_eq!(called.await.unwrap(), 1);
    });
}

#[test]
fn a_shard_can_call_itself() {
    from_the_first(1, |shard| async move {
        assert_eq!(shard.call(0, || async { 7 }).await.unwrap(), 7);
        assert_eq!(shard.spawn_on(0, || async { 8 }).await.unwrap(), 8);
    });
}

#[test]
#[cfg(panic = "unwind")]
fn a_call_to_a_shard_that_does_not_exist_panics_with_the_number() {
    from_the_first(2, |shard| async move {
        let ways: [&dyn Fn(&Shard); 3] = [
            &|shard| drop(shard.spawn_on(2, || async {})),
            &|shard| drop(shard.call(2, || async {})),
            &|shard| _ = shard.handle(2),
        ];
        for way in ways {
            let panic = catch_unwind(AssertUnwindSafe(|| way(&shard))).unwrap_err();
            assert_eq!(
                panic.downcast_ref::<String>().unwrap(),
                "there is no shard 2: there are 2, and the last one is 1"
            );
        }
    });
}

#[test]
#[cfg(panic = "unwind")]
fn a_panic_on_the_other_shard_is_returned_to_the_caller() {
    from_the_first(2, |shard| async move {
        let error = shard
            .call(1, || async { panic!("on purpose") })
            .await
            .map(|(): ()| ())
            .unwrap_err();
        assert_eq!(error.into_panic().downcast_ref(), Some(&"on purpose"));
        #[expect(unreachable_code)]
        let in_the_closure = shard.call(1, || {
            panic!("no future");
            async {}
        });
        let error = in_the_closure.await.unwrap_err();
        assert_eq!(error.into_panic().downcast_ref(), Some(&"no future"));
        assert_eq!(shard.call(1, || async { 7 }).await.unwrap(), 7);
    });
}

thread_local! {
    static SEEN: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) };
    static TOTAL: Cell<u64> = const { Cell::new(0) };
}

/// Asserts that shard 1 has seen the numbers below `count`, in order.
async fn assert_seen_in_order(shard: &Shard, count: usize) {
    let seen = shard.call(1, || async { SEEN.take() }).await.unwrap();
    let strange = (0..).zip(&seen).find(|&(n, seen)| n != *seen);
    assert_eq!((seen.len(), strange), (count, None));
}

#[test]
fn calls_begin_in_the_order_in_which_they_were_made() {
    from_the_first(2, |shard| async move {
        // More than fit into the queue.
        let calls = (0..1_000).map(|n| {
            shard.call(1, move || async move {
                SEEN.with_borrow_mut(|seen| seen.push(n))
            })
        });
        join_all(calls).await;
        assert_seen_in_order(&shard, 1_000).await;
    });
}

/// A new call waits behind those that wait for space.
#[test]
fn a_call_overtakes_none_that_waits_for_space() {
    from_the_first(2, |shard| async move {
        let made = Rc::new(Cell::new(0));
        let ask = || {
            let (shard, made) = (shard.clone(), made.clone());
            wakeful::spawn(async move {
                let n = made.replace(made.get() + 1);
                let see = move || async move { SEEN.with_borrow_mut(|seen| seen.push(n)) };
                shard.call(1, see).await.unwrap();
            })
        };
        let mut asked: Vec<_> = (0..500).map(|_| ask()).collect();
        for _ in 0..500 {
            yield_now().await;
            asked.push(ask());
        }
        join_all(asked).await;
        assert_seen_in_order(&shard, 1_000).await;
    });
}

/// Each shard calls each other, many times at once: all calls get their own answers.
#[test]
fn calls_in_both_directions_are_all_answered() {
    const EACH: u64 = 5_000;
    run(3, |shard| async move {
        let ask = |n: u64| {
            let to = (shard.id().index() + n as usize) % shard.count();
            shard.call(to, move || async move {
                TOTAL.set(TOTAL.get() + 1);
                if n.is_multiple_of(7) {
                    yield_now().await;
                }
                n * n
            })
        };
        for first in (0..EACH).step_by(500) {
            let answers = join_all((first..first + 500).map(ask)).await;
            for (n, answer) in (first..).zip(answers) {
                assert_eq!(answer.unwrap(), n * n);
            }
        }
    });
}

#[test]
fn a_nested_call_may_call_the_caller() {
    from_the_first(2, |shard| async move {
        let answer = shard.call(1, || async {
            let back = Shard::current().call(0, || async { Shard::current().id().index() });
            back.await.unwrap() + 10
        });
        assert_eq!(answer.await.unwrap(), 10);
    });
}

#[test]
fn a_dropped_call_is_still_executed() {
    let done = Arc::new(AtomicBool::new(false));
    let said = done.clone();
    from_the_first(2, move |shard| {
        let done = said.clone();
        async move {
            let call = shard.call(
                1,
                move || async move { done.store(true, Ordering::Relaxed) },
            );
            let call = wakeful::spawn(call);
            yield_now().await;
            call.abort();
            let _ = call.await;
            // It is executed after the other.
            shard.call(1, || async {}).await.unwrap();
        }
    });
    assert!(done.load(Ordering::Relaxed));
}

pub(super) struct Dropped(pub(super) Arc<AtomicUsize>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Calls that had begun, queued calls, and later calls all return that the shard ended; their
/// captured values are dropped once. So do calls in reused boxes.
#[test]
fn calls_to_a_shard_that_ends_return_an_error() {
    let drops = Arc::new(AtomicUsize::new(0));
    let count = drops.clone();
    let shards = Shards::builder().shards(2).build().unwrap();
    let task = shards.spawn_on(0, move || async move {
        let shard = Shard::current();
        let ask = |waits: bool| {
            let dropped = Dropped(count.clone());
            shard.call(1, move || async move {
                let _dropped = dropped;
                if waits {
                    pending::<()>().await;
                }
            })
        };
        join_all((0..100).map(|_| ask(false))).await;
        let calls: Vec<_> = (0..300).map(|_| wakeful::spawn(ask(true))).collect();
        yield_now().await;
        // The loop of the other shard ends by a panic, this one continues.
        shard.handle(1).shutdown();
        let mut cancelled = 0;
        for call in calls {
            cancelled += usize::from(call.await.unwrap().unwrap_err().is_cancelled());
        }
        cancelled
    });
    // All of its tasks are cancelled, including the one that receives calls.
    assert_eq!(wakeful::block_on(task).unwrap(), 300);
    let late = shards.spawn_on(0, || async {
        let call = Shard::current().call(1, || async {});
        call.await.unwrap_err().is_cancelled()
    });
    assert!(wakeful::block_on(late).unwrap());
    shards.join().unwrap();
    assert_eq!(drops.load(Ordering::Relaxed), 400);
}

/// The box of a call is used again by the next one, of the same type or not, after any outcome:
/// each gets its own answer.
#[test]
#[cfg(panic = "unwind")]
fn calls_of_many_types_get_their_own_answers() {
    from_the_first(2, |shard| async move {
        let ask = |n: u64| {
            shard.call(1, move || async move {
                for _ in 0..n % 3 {
                    yield_now().await;
                }
                assert!(n % 5 != 4, "on purpose");
                n
            })
        };
        for first in 0..20 {
            // The future of this call is dropped: its box is not used again, but its number is.
            assert!(ask(first).now_or_never().is_none());
            let answers = join_all((first..first + 30).map(ask)).await;
            for (n, answer) in (first..).zip(answers) {
                match n % 5 {
                    4 => assert!(answer.unwrap_err().is_panic()),
                    _ => assert_eq!(answer.unwrap(), n),
                }
            }
            let text = shard.call(1, move || async move { first.to_string() });
            assert_eq!(text.await.unwrap(), first.to_string());
        }
    });
}

/// Both shards end while calls between them are open, in either order: nothing hangs or leaks.
#[test]
fn shards_may_end_with_open_calls() {
    for _ in 0..20 {
        let drops = Arc::new(AtomicUsize::new(0));
        let count = drops.clone();
        run(2, move |shard| {
            let count = count.clone();
            async move {
                for _ in 0..50 {
                    let dropped = Dropped(count.clone());
                    let other = 1 - shard.id().index();
                    let call = shard.call(other, move || async move {
                        let dropped = dropped;
                        yield_now().await;
                        dropped
                    });
                    wakeful::spawn(call);
                }
                yield_now().await;
            }
        });
        assert_eq!(drops.load(Ordering::Relaxed), 100);
    }
}

/// Between busy shards a call is no message through the remote queue, and no system call.
#[test]
fn calls_between_busy_shards_seldom_notify() {
    const CALLS: u64 = 20_000;
    run(2, |shard| async move {
        let other = 1 - shard.id().index();
        // Both shards run.
        shard.call(other, || async {}).await.unwrap();
        let before = wakeful::Metrics::current();
        for _ in 0..CALLS / 100 {
            let calls = (0..100).map(|n| shard.call(other, move || async move { n }));
            join_all(calls).await;
        }
        let after = wakeful::Metrics::current();
        let messages = after.remote_messages - before.remote_messages;
        assert!(
            messages < CALLS / 4,
            "{messages} messages for {CALLS} calls"
        );
    });
}
