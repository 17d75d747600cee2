//! Scheduling order: first in, first out; waking a queued task has no effect.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use proptest::collection::vec;
use proptest::prelude::*;
use wakeful::task::yield_now;

const TASKS: usize = 6;

/// The actions of a task in one poll, before it returns.
#[derive(Clone, Debug)]
struct Step {
    wakes: Vec<usize>,
    /// Whether the task wakes itself at the end.
    goes_on: bool,
}

type Scripts = Vec<Vec<Step>>;

fn scripts() -> impl Strategy<Value = Scripts> {
    let step = (vec(0..TASKS, 0..4), prop::bool::weighted(0.6));
    let step = step.prop_map(|(wakes, goes_on)| Step { wakes, goes_on });
    vec(vec(step, 1..12), TASKS)
}

/// Returns the order of the polls: that of a queue that contains no task twice.
fn reference(scripts: &Scripts) -> Vec<usize> {
    let mut line: VecDeque<usize> = (0..TASKS).collect();
    let mut at = [0; TASKS];
    let mut log = Vec::new();
    while let Some(task) = line.pop_front() {
        log.push(task);
        let Some(step) = scripts[task].get(at[task]) else {
            // The task ends with this poll.
            at[task] = usize::MAX;
            continue;
        };
        at[task] += 1;
        let own = step.goes_on.then_some(task);
        for woken in step.wakes.iter().copied().chain(own) {
            if at[woken] != usize::MAX && !line.contains(&woken) {
                line.push_back(woken);
            }
        }
    }
    log
}

async fn run(scripts: Scripts) -> Vec<usize> {
    let log = Rc::new(RefCell::new(Vec::new()));
    let wakers: Rc<RefCell<Vec<Option<Waker>>>> = Rc::new(RefCell::new(vec![None; TASKS]));
    for (task, script) in scripts.into_iter().enumerate() {
        let (log, wakers) = (log.clone(), wakers.clone());
        let mut script = script.into_iter();
        wakeful::spawn(poll_fn(move |cx| {
            log.borrow_mut().push(task);
            wakers.borrow_mut()[task] = Some(cx.waker().clone());
            let Some(step) = script.next() else {
                return Poll::Ready(());
            };
            for woken in step.wakes {
                // A task that has never been polled has no waker here, and is queued anyway.
                if let Some(waker) = &wakers.borrow()[woken] {
                    waker.wake_by_ref();
                }
            }
            if step.goes_on {
                cx.waker().wake_by_ref();
            }
            Poll::Pending
        }));
    }
    // Between two polls of this future, each queued task is polled once.
    loop {
        let before = log.borrow().len();
        yield_now().await;
        if log.borrow().len() == before {
            return log.take();
        }
    }
}

proptest! {
    #![proptest_config(super::config())]

    #[test]
    fn tasks_run_in_the_order_of_a_queue(scripts in scripts()) {
        let expected = reference(&scripts);
        let log = wakeful::block_on(run(scripts));
        prop_assert_eq!(log, expected);
    }
}
