//! Task groups: children end before the group's `join` does, and a stop lets them finish.

mod support;

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use wakeful::Runtime;
use wakeful::sync::Notify;
use wakeful::task::{
    self, GroupError, TaskGroup, borrowing_scope, is_stopping, spawn_background, stopping,
    yield_now,
};
use wakeful::time::{Instant, sleep};

use support::Ledger;

type Outcome = Result<u32, String>;

/// Runs a future with a stopped clock.
fn run<F: Future>(future: F) -> F::Output {
    let runtime = Runtime::builder().start_paused(true).build();
    runtime.expect("a runtime can be made").block_on(future)
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn outputs_come_in_the_order_of_the_spawns() {
    let outputs = run(async {
        let mut group = TaskGroup::new();
        for number in 0..5_u32 {
            group.spawn(async move {
                sleep(SECOND * (5 - number)).await;
                Outcome::Ok(number)
            });
        }
        group.join().await
    });
    assert_eq!(outputs.unwrap(), [0, 1, 2, 3, 4]);
}

#[test]
fn an_empty_group_is_joined_at_once() {
    assert_eq!(run(TaskGroup::<u32, String>::new().join()).unwrap(), []);
}

#[test]
fn the_first_error_aborts_the_siblings_which_end_before_join_returns() {
    let ledger = Ledger::new();
    run(async {
        let mut group = TaskGroup::<u32, String>::new();
        let guard = ledger.guard();
        group.spawn(async move {
            let _guard = guard;
            pending().await
        });
        group.spawn(async {
            sleep(SECOND).await;
            Err("first".to_owned())
        });
        group.spawn(async {
            sleep(2 * SECOND).await;
            Err("second".to_owned())
        });
        let error = group.join().await.unwrap_err();
        assert!(matches!(error, GroupError::Failed(text) if text == "first"));
        assert_eq!(ledger.dropped(), 1);
    });
}

#[test]
#[cfg(panic = "unwind")]
fn a_panic_of_a_child_is_the_error_of_the_group() {
    run(async {
        let mut group = TaskGroup::<u32, String>::new();
        group.spawn(pending());
        group.spawn(async { panic!("on purpose") });
        let GroupError::Panicked(error) = group.join().await.unwrap_err() else {
            panic!("the child panicked");
        };
        assert!(error.is_panic());
    });
}

#[test]
fn join_waits_for_what_the_children_spawn() {
    let ended = Rc::new(Cell::new(false));
    let grandchild = ended.clone();
    run(async {
        let mut group = TaskGroup::new();
        group.spawn(async move {
            wakeful::spawn(async move {
                sleep(SECOND).await;
                grandchild.set(true);
            });
            Outcome::Ok(1)
        });
        assert_eq!(group.join().await.unwrap(), [1]);
    });
    assert!(ended.get());
}

#[test]
fn join_aborts_what_runs_in_the_background_and_waits_for_its_end() {
    let ledger = Ledger::new();
    run(async {
        let mut group = TaskGroup::new();
        let (first, second) = (ledger.guard(), ledger.guard());
        group.spawn_background(async move {
            let _guard = first;
            pending::<()>().await;
        });
        group.spawn(async {
            spawn_background(async move {
                let _guard = second;
                // What a background task spawns is in the background, too.
                wakeful::spawn(pending::<()>());
                pending::<()>().await;
            });
            yield_now().await;
            Outcome::Ok(1)
        });
        assert_eq!(group.len(), 1);
        group.join().await.unwrap();
        assert_eq!(ledger.dropped(), 2);
    });
}

#[test]
fn a_stop_reaches_children_and_groups_inside_of_them() {
    run(async {
        let mut group = TaskGroup::new();
        group.spawn(async {
            assert!(!is_stopping());
            let mut inner = TaskGroup::new();
            inner.spawn(async {
                stopping().await;
                assert!(is_stopping());
                Outcome::Ok(1)
            });
            inner
                .join()
                .await
                .map(|outputs| outputs[0])
                .map_err(|error| error.to_string())
        });
        yield_now().await;
        yield_now().await;
        group.stop();
        assert_eq!(group.join().await.unwrap(), [1]);
    });
}

#[test]
fn after_a_stop_the_deadline_aborts_and_names_what_is_left() {
    run(async {
        let began = Instant::now();
        let mut group = TaskGroup::new().deadline(3 * SECOND);
        group.spawn(async {
            stopping().await;
            sleep(SECOND).await;
            Outcome::Ok(1)
        });
        group.spawn(async {
            task::Builder::new().name("deaf").spawn(pending::<()>());
            Outcome::Ok(2)
        });
        yield_now().await;
        group.stop();
        let GroupError::TimedOut(tasks) = group.join().await.unwrap_err() else {
            panic!("a task does not stop");
        };
        assert_eq!(began.elapsed(), 3 * SECOND);
        assert_eq!(tasks.len(), 1);
        assert_eq!(tasks[0].name.as_deref(), Some("deaf"));
        assert_eq!(tasks[0].location.file(), file!());
    });
}

#[test]
fn a_group_that_is_dropped_asks_its_tasks_to_stop_and_aborts_them_at_the_deadline() {
    let ledger = Ledger::new();
    let finished = Rc::new(Cell::new(false));
    let done = finished.clone();
    run(async {
        let mut group = TaskGroup::<u32, String>::new().deadline(5 * SECOND);
        let guard = ledger.guard();
        group.spawn(async move {
            let _guard = guard;
            pending().await
        });
        group.spawn(async move {
            stopping().await;
            sleep(SECOND).await;
            done.set(true);
            Ok(1)
        });
        let parent = wakeful::spawn(group.join());
        yield_now().await;
        parent.abort();
        assert!(parent.await.unwrap_err().is_cancelled());
        assert_eq!(ledger.dropped(), 0);
        sleep(2 * SECOND).await;
        assert!(finished.get());
        assert_eq!(ledger.dropped(), 0);
        sleep(4 * SECOND).await;
        assert_eq!(ledger.dropped(), 1);
    });
}

#[test]
fn an_outer_group_waits_for_the_tasks_of_an_inner_one_that_was_dropped() {
    let ended = Rc::new(Cell::new(false));
    let seen = ended.clone();
    run(async {
        let mut outer = TaskGroup::new();
        outer.spawn(async move {
            let mut inner = TaskGroup::<u32, String>::new();
            inner.spawn(async move {
                stopping().await;
                sleep(SECOND).await;
                seen.set(true);
                Ok(1)
            });
            yield_now().await;
            drop(inner);
            Outcome::Ok(1)
        });
        outer.join().await.unwrap();
    });
    assert!(ended.get());
}

#[test]
fn an_error_of_the_outer_group_gives_the_inner_one_no_more_time() {
    let ledger = Ledger::new();
    run(async {
        let began = Instant::now();
        let mut outer = TaskGroup::<u32, String>::new();
        let guard = ledger.guard();
        outer.spawn(async move {
            let mut inner = TaskGroup::<u32, String>::new();
            inner.spawn(async move {
                let _guard = guard;
                pending().await
            });
            inner
                .join()
                .await
                .map(|_| 1)
                .map_err(|error| error.to_string())
        });
        outer.spawn(async {
            yield_now().await;
            Err("no disk".to_owned())
        });
        outer.join().await.unwrap_err();
        yield_now().await;
        assert_eq!(began.elapsed(), Duration::ZERO);
        assert_eq!(ledger.dropped(), 1);
    });
}

#[test]
fn children_spawn_more_children() {
    run(async {
        let mut group = TaskGroup::new();
        let spawner = group.spawner();
        group.spawn(async move {
            for number in 1..4 {
                spawner.spawn(async move { Outcome::Ok(number) });
            }
            Ok(0)
        });
        assert_eq!(group.join().await.unwrap(), [0, 1, 2, 3]);
    });
}

#[test]
fn a_child_that_is_spawned_after_the_end_is_aborted() {
    run(async {
        let group = TaskGroup::<u32, String>::new();
        let spawner = group.spawner();
        spawner.spawn(async { Err("stops the group".to_owned()) });
        group.join().await.unwrap_err();
        let ran = Rc::new(Cell::new(false));
        let runs = ran.clone();
        let late = spawner.spawn(async move {
            runs.set(true);
            Ok(1)
        });
        yield_now().await;
        yield_now().await;
        assert!(late.is_finished() && !ran.get());
    });
}

#[test]
fn a_scope_returns_the_output_of_its_function_or_the_first_error() {
    run(async {
        let output = TaskGroup::<u32, String>::scope(async |group| {
            group.spawn(async { Ok(1) });
            Ok(7)
        });
        assert_eq!(output.await.unwrap(), 7);
        let failed = TaskGroup::<u32, String>::scope(async |group| {
            group.spawn(pending());
            Err::<(), _>("body".to_owned())
        });
        assert_eq!(failed.await.unwrap_err().to_string(), "body");
    });
}

#[test]
fn outside_a_group_nothing_asks_to_stop() {
    run(async {
        assert!(!is_stopping());
        let mut stop = stopping();
        let polled = poll_fn(|cx| Poll::Ready(std::pin::Pin::new(&mut stop).poll(cx).is_ready()));
        assert!(!polled.await);
        // A task that a child has detached before does not belong to a later group.
        spawn_background(async {}).await.unwrap();
    });
}

#[test]
fn the_end_of_the_runtime_drops_a_group_with_its_tasks() {
    let ledger = Ledger::new();
    let runtime = Runtime::new().unwrap();
    let guard = ledger.guard();
    runtime.block_on(async {
        let mut group = TaskGroup::<u32, String>::new();
        group.spawn(async move {
            let _guard = guard;
            pending().await
        });
        wakeful::spawn(group.join());
        yield_now().await;
    });
    drop(runtime);
    ledger.assert_all_dropped(1);
}

#[test]
fn a_drop_in_a_child_may_stop_and_abort_its_own_group() {
    run(async {
        let group = Rc::new(RefCell::new(Some(TaskGroup::<u32, String>::new())));
        let inside = group.clone();
        let notify = Rc::new(Notify::new());
        let raise = notify.clone();
        let guard = support::OnDrop(move || {
            // Drops the group inside of the drop of one of its tasks.
            drop(inside.take());
            raise.notify_one();
        });
        group.borrow_mut().as_mut().unwrap().spawn(async move {
            let _guard = guard;
            Ok(1)
        });
        notify.notified().await;
        assert!(group.borrow().is_none());
    });
}

#[test]
fn join_sees_the_error_of_a_child_that_is_spawned_while_it_waits() {
    run(async {
        let mut group = TaskGroup::<u32, String>::new();
        let spawner = group.spawner();
        group.spawn(async move {
            spawner.spawn(pending());
            sleep(SECOND).await;
            spawner.spawn(async { Err("late".to_owned()) });
            pending().await
        });
        let error = group.join().await.unwrap_err();
        assert!(matches!(error, GroupError::Failed(text) if text == "late"));
    });
}

#[test]
fn an_error_ends_the_tasks_of_inner_groups_before_join_returns() {
    let ledger = Ledger::new();
    run(async {
        let mut outer = TaskGroup::<u32, String>::new();
        let guard = ledger.guard();
        outer.spawn(async move {
            let mut middle = TaskGroup::<u32, String>::new();
            middle.spawn(async move {
                let mut inner = TaskGroup::<u32, String>::new();
                inner.spawn(async move {
                    let _guard = guard;
                    pending().await
                });
                inner.join().await.map(|_| 1).map_err(|it| it.to_string())
            });
            middle.join().await.map(|_| 1).map_err(|it| it.to_string())
        });
        outer.spawn(async {
            sleep(SECOND).await;
            Err("no disk".to_owned())
        });
        outer.join().await.unwrap_err();
        assert_eq!(ledger.dropped(), 1);
    });
}

#[test]
fn the_tasks_of_an_inner_group_that_was_dropped_end_when_the_outer_group_fails() {
    let ledger = Ledger::new();
    run(async {
        let mut outer = TaskGroup::<u32, String>::new();
        let guard = ledger.guard();
        outer.spawn(async move {
            let mut inner = TaskGroup::<u32, String>::new();
            inner.spawn(async move {
                let _guard = guard;
                pending().await
            });
            yield_now().await;
            drop(inner);
            pending().await
        });
        outer.spawn(async {
            sleep(SECOND).await;
            Err("no disk".to_owned())
        });
        outer.join().await.unwrap_err();
        sleep(SECOND).await;
        assert_eq!(ledger.dropped(), 1);
    });
}

#[test]
fn what_an_aborted_child_spawns_is_aborted_too() {
    let ledger = Ledger::new();
    run(async {
        let mut group = TaskGroup::<u32, String>::new();
        let spawner = group.spawner();
        let guard = ledger.guard();
        group.spawn(async move {
            spawner.abort_all();
            wakeful::spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            });
            Ok(1)
        });
        group.join().await.unwrap();
        assert_eq!(ledger.dropped(), 1);
    });
}

#[test]
fn a_child_that_is_spawned_after_join_has_returned_is_aborted() {
    run(async {
        let group = TaskGroup::<u32, String>::new();
        let spawner = group.spawner();
        group.join().await.unwrap();
        let late = spawner.spawn(pending());
        yield_now().await;
        yield_now().await;
        assert!(late.is_finished());
    });
}

#[test]
fn deeply_nested_groups_are_dropped_without_recursion() {
    const DEPTH: usize = 200_000;
    fn nest(left: usize) -> std::pin::Pin<Box<dyn Future<Output = Outcome>>> {
        Box::pin(async move {
            if left > 0 {
                // The child goes on when this task has ended.
                let mut group = TaskGroup::new();
                group.spawn(nest(left - 1));
                std::mem::forget(group);
            }
            Ok(1)
        })
    }
    run(async {
        let mut group = TaskGroup::new();
        group.spawn(nest(DEPTH));
        group.join().await.unwrap();
        for _ in 0..DEPTH {
            yield_now().await;
        }
    });
}

#[test]
fn children_of_a_borrowing_scope_use_what_is_around_them_and_spawn_more() {
    run(async {
        let mut sums = [0; 3];
        let steps = Cell::new(0);
        let output = borrowing_scope(async |scope| {
            for (number, sum) in sums.iter_mut().enumerate() {
                let (inner, steps) = (scope.clone(), &steps);
                scope.spawn(async move {
                    sleep(SECOND * number as u32).await;
                    *sum += number;
                    inner.spawn(async { steps.set(steps.get() + 1) });
                });
            }
            7
        });
        assert_eq!(output.await, 7);
        assert_eq!((sums, steps.get()), ([0, 1, 2], 3));
    });
}

#[test]
fn a_borrowing_scope_that_is_dropped_drops_its_children() {
    let ledger = Ledger::new();
    run(async {
        let guards = [ledger.guard(), ledger.guard()];
        let scope = borrowing_scope(async |scope| {
            for guard in guards {
                let inner = scope.clone();
                scope.spawn(async move {
                    let _guard = guard;
                    let _inner = inner;
                    pending::<()>().await;
                });
            }
            pending::<()>().await;
        });
        assert!(wakeful::time::timeout(SECOND, scope).await.is_err());
        assert_eq!(ledger.dropped(), 2);
    });
}
