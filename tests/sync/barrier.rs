use std::pin::pin;
use std::rc::Rc;

use wakeful::sync::Barrier;
use wakeful::task::JoinSet;

use super::poll::{Polled, is_ready, poll_counting};

#[test]
fn a_barrier_for_none_or_one_does_not_wait() {
    for n in [0, 1] {
        let barrier = Barrier::new(n);
        for _ in 0..3 {
            let Polled::Ready(result) = poll_counting(pin!(barrier.wait())).1 else {
                panic!("no other task is expected");
            };
            assert!(result.is_leader());
        }
    }
}

#[test]
fn the_last_to_arrive_is_the_leader_of_each_round() {
    let barrier = Barrier::new(3);
    for _ in 0..2 {
        let (mut first, mut second) = (pin!(barrier.wait()), pin!(barrier.wait()));
        assert!(!is_ready(first.as_mut()));
        let (wakes, pending) = poll_counting(second.as_mut());
        assert!(matches!(pending, Polled::Pending));
        let Polled::Ready(last) = poll_counting(pin!(barrier.wait())).1 else {
            panic!("all have arrived");
        };
        assert!(last.is_leader());
        assert_eq!(wakes.wakes(), 1);
        for waiting in [first, second] {
            let Polled::Ready(result) = poll_counting(waiting).1 else {
                panic!("all have arrived");
            };
            assert!(!result.is_leader());
        }
    }
}

#[test]
fn a_task_that_arrives_early_for_the_next_round_waits() {
    let barrier = Barrier::new(2);
    let mut first = pin!(barrier.wait());
    assert!(!is_ready(first.as_mut()));
    assert!(is_ready(pin!(barrier.wait())));
    let mut next = pin!(barrier.wait());
    assert!(
        !is_ready(next.as_mut()),
        "the first task has not been polled again"
    );
    assert!(is_ready(first));
    assert!(is_ready(pin!(barrier.wait())));
    assert!(is_ready(next));
}

#[test]
fn a_wait_that_is_dropped_no_longer_counts() {
    let barrier = Barrier::new(2);
    {
        let mut dropped = pin!(barrier.wait());
        assert!(!is_ready(dropped.as_mut()));
    }
    let mut first = pin!(barrier.wait());
    assert!(!is_ready(first.as_mut()));
    assert!(is_ready(pin!(barrier.wait())));
    assert!(is_ready(first));
}

#[test]
fn a_wait_that_is_dropped_after_its_round_changes_nothing() {
    let barrier = Barrier::new(2);
    let mut next = pin!(barrier.wait());
    {
        let mut dropped = pin!(barrier.wait());
        assert!(!is_ready(dropped.as_mut()));
        assert!(is_ready(pin!(barrier.wait())));
        assert!(!is_ready(next.as_mut()));
    }
    assert!(is_ready(pin!(barrier.wait())));
    assert!(is_ready(next));
}

#[test]
fn tasks_meet_many_times() {
    wakeful::block_on(async {
        let barrier = Rc::new(Barrier::new(10));
        let mut tasks = JoinSet::new();
        for _ in 0..10 {
            let barrier = barrier.clone();
            tasks.spawn(async move {
                let mut led = 0;
                for _ in 0..50 {
                    led += usize::from(barrier.wait().await.is_leader());
                }
                led
            });
        }
        let mut led = 0;
        while let Some(task) = tasks.join_next().await {
            led += task.unwrap();
        }
        assert_eq!(led, 50);
    });
}

#[test]
fn a_loop_over_a_barrier_for_one_yields() {
    wakeful::block_on(async {
        let task = wakeful::spawn(async {
            let barrier = Barrier::new(1);
            loop {
                barrier.wait().await;
            }
        });
        wakeful::task::yield_now().await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    });
}
