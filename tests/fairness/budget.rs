//! The cooperative budget.

use std::cell::Cell;
use std::future::{Future, pending, poll_fn, ready};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures_util::FutureExt;
use wakeful::task::{coop, yield_now};
use wakeful::{Runtime, block_on, spawn};

use super::{Story, support, tell};

/// Consumes a unit as a resource does. `consume_budget` yields after some time as well.
pub async fn unit() {
    poll_fn(|cx| coop::poll_proceed(cx).map(coop::RestoreOnPending::made_progress)).await;
}

#[test]
fn an_always_ready_resource_yields() {
    let story = Story::default();
    block_on(async {
        let greedy = spawn({
            let story = story.clone();
            async move {
                for n in 1..=300 {
                    unit().await;
                    if n % 64 == 0 {
                        tell(&story, n.to_string());
                    }
                }
            }
        });
        let other = spawn({
            let story = story.clone();
            async move {
                for _ in 0..3 {
                    tell(&story, "other");
                    yield_now().await;
                }
            }
        });
        greedy.await.unwrap();
        other.await.unwrap();
    });
    // 128 units in each poll.
    let expected = ["64", "128", "other", "192", "256", "other", "other"];
    assert_eq!(*story.borrow(), expected);
}

#[test]
fn joining_ended_tasks_consumes_budget() {
    block_on(async {
        let tasks: Vec<_> = (0..1000).map(|_| spawn(async {})).collect();
        yield_now().await;
        let turns = Rc::new(Cell::new(0));
        let count = turns.clone();
        spawn(async move {
            loop {
                count.set(count.get() + 1);
                yield_now().await;
            }
        });
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(turns.get(), 1000 / 128);
    });
}

#[test]
fn unconstrained_has_no_limit_and_ends_with_its_poll() {
    block_on(async {
        let mut polls = 0;
        let mut work = Box::pin(coop::unconstrained(async {
            for _ in 0..1000 {
                assert!(coop::has_budget_remaining());
                unit().await;
            }
        }));
        poll_fn(|cx| {
            polls += 1;
            work.as_mut().poll(cx)
        })
        .await;
        assert_eq!(polls, 1);
        // Its units were not consumed from the budget of the task around it.
        for _ in 0..128 {
            assert!(coop::has_budget_remaining());
            unit().await;
        }
        assert!(!coop::has_budget_remaining());
    });
}

#[test]
fn an_always_ready_future_yields_in_cooperative() {
    block_on(async {
        let rounds = Rc::new(Cell::new(0));
        let count = rounds.clone();
        let busy = spawn(async move {
            for _ in 0..1_000 {
                coop::cooperative(ready(())).await;
                count.set(count.get() + 1);
            }
        });
        yield_now().await;
        assert_eq!(rounds.get(), 128);
        busy.await.unwrap();
        assert_eq!(rounds.get(), 1_000);
    });
}

#[test]
fn a_pending_future_in_cooperative_consumes_nothing() {
    block_on(async {
        for _ in 0..1_000 {
            assert!(coop::cooperative(pending::<()>()).now_or_never().is_none());
        }
        assert!(coop::has_budget_remaining());
    });
}

#[test]
fn a_pending_operation_consumes_nothing() {
    block_on(poll_fn(|cx| {
        for _ in 0..1000 {
            assert!(coop::poll_proceed(cx).is_ready());
        }
        for _ in 0..128 {
            let Poll::Ready(unit) = coop::poll_proceed(cx) else {
                panic!("the budget is 128")
            };
            unit.made_progress();
        }
        assert!(!coop::has_budget_remaining());
        assert!(coop::poll_proceed(cx).is_pending());
        Poll::Ready(())
    }));
}

#[test]
fn outside_a_task_there_is_no_limit() {
    let mut cx = Context::from_waker(Waker::noop());
    let mut spend = || {
        for _ in 0..1000 {
            match coop::poll_proceed(&mut cx) {
                Poll::Ready(unit) => unit.made_progress(),
                Poll::Pending => panic!("limited"),
            }
        }
    };
    spend();
    // A unit that outlives its poll, and a panic in a poll.
    let mut unit = None;
    block_on(poll_fn(|cx| {
        unit = Some(coop::poll_proceed(cx));
        Poll::Ready(())
    }));
    drop(unit);
    spend();
    support::panic_of(|| {
        block_on(poll_fn(|cx| -> Poll<()> {
            let _ = coop::poll_proceed(cx).map(coop::RestoreOnPending::made_progress);
            panic!("in a poll")
        }))
    });
    spend();
    let runtime = Runtime::new().unwrap();
    runtime.spawn(async {});
    runtime.block_on(yield_now());
    drop(runtime);
    spend();
}

#[test]
fn every_poll_begins_with_a_full_budget() {
    block_on(async {
        for _ in 0..3 {
            for _ in 0..128 {
                assert!(coop::has_budget_remaining());
                unit().await;
            }
            assert!(!coop::has_budget_remaining());
            spawn(async { assert!(coop::has_budget_remaining()) });
            yield_now().await;
        }
    });
}
