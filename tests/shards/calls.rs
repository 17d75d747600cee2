//! Asking another shard, and starting tasks there.

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

/// On shard 0 only, once there is a service on each; the others wait for its end.
pub(super) fn from_the_first<F: Future<Output = ()> + 'static>(
    shards: usize,
    service: impl Fn(Shard) -> F + Send + Sync + 'static,
) {
    let service = Arc::new(service);
    let started = Arc::new(Barrier::new(shards));
    run(shards, move |shard| {
        let (service, started) = (service.clone(), started.clone());
        async move {
            // Blocks the loops, which have nothing else to do yet.
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
fn a_closure_makes_a_future_there_that_is_not_send() {
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
fn a_shard_that_does_not_exist_is_a_panic_that_says_so() {
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
fn a_panic_there_comes_home_and_breaks_nothing() {
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

/// Who comes when there is room gives way to those that waited for it.
#[test]
fn a_call_overtakes_none_that_waits_for_room() {
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

/// Each asks each, many at a time, both ways at once: all are answered, with what was asked.
#[test]
fn calls_criss_cross() {
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
fn a_nested_call_comes_back_through_its_caller() {
    from_the_first(2, |shard| async move {
        let answer = shard.call(1, || async {
            let back = Shard::current().call(0, || async { Shard::current().id().index() });
            back.await.unwrap() + 10
        });
        assert_eq!(answer.await.unwrap(), 10);
    });
}

#[test]
fn a_call_that_is_given_up_is_still_carried_out() {
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
            // It comes after the other.
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

/// Calls that had begun, calls on their way, and calls made later are all told that it ended; what
/// they captured is dropped once. It is so for calls in boxes that others had before, too.
#[test]
fn calls_to_a_shard_that_ends_are_answered() {
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
        // The other loop ends by a panic of its own, this one goes on.
        shard.handle(1).shutdown();
        let mut cancelled = 0;
        for call in calls {
            cancelled += usize::from(call.await.unwrap().unwrap_err().is_cancelled());
        }
        cancelled
    });
    // All of its tasks are cancelled, those that take calls in among them.
    assert_eq!(wakeful::block_on(task).unwrap(), 300);
    let late = shards.spawn_on(0, || async {
        let call = Shard::current().call(1, || async {});
        call.await.unwrap_err().is_cancelled()
    });
    assert!(wakeful::block_on(late).unwrap());
    shards.join().unwrap();
    assert_eq!(drops.load(Ordering::Relaxed), 400);
}

/// The box of a call is used again by the next one, of its type or not, whatever became of it: each
/// gets its own answer.
#[test]
#[cfg(panic = "unwind")]
fn calls_of_many_kinds_get_their_own_answers() {
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

/// Both end while calls between them are open, in either order: nothing hangs, nothing leaks.
#[test]
fn shards_may_end_with_calls_open() {
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
                    wakeful::task::spawn_background(call);
                }
                yield_now().await;
            }
        });
        assert_eq!(drops.load(Ordering::Relaxed), 100);
    }
}

/// Among busy shards a call is no message through the remote queue, and no syscall.
#[test]
fn calls_among_busy_shards_notify_seldom() {
    const CALLS: u64 = 20_000;
    run(2, |shard| async move {
        let other = 1 - shard.id().index();
        // Both are there.
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
