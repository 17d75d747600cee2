//! Checks exercise 34.

#[cfg_attr(feature = "solutions", path = "../solutions/34.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/34.rs")]
mod program;

use std::cell::RefCell;
use std::process::ExitCode;
use std::rc::Rc;

use program::{Account, transfer};
use wakeful::sync::Mutex;
use wakeful::task::yield_now;
use wakeful_lab::ensure;
use wakeful_lab::exercise::{Exercise, Verdict, let_run, step};

const EXERCISE: Exercise = Exercise {
    answer: 'c',
    replies: &[
        (
            'a',
            "So it should be. Which locks does each task hold after its first poll?",
        ),
        (
            'b',
            "To end, a transfer needs both locks. Which one could get the second lock?",
        ),
        (
            'c',
            "Each holds the lock that the other one needs. Both are waiters of a mutex, and nothing \
             wakes them.",
        ),
        (
            'd',
            "A task that waits for a mutex is polled after a wake, and the wake comes when the mutex \
             is released.",
        ),
    ],
    shipped: "wait for each other",
    check,
};

fn main() -> ExitCode {
    EXERCISE.main(program::main, program::ANSWER)
}

/// Makes three accounts, runs the transfers `(from, to)` of 10 at the same time, and looks at all
/// accounts meanwhile. Returns whether the transfers ended, the balances, and the sums seen.
fn run(transfers: &[(usize, usize)]) -> (bool, Vec<i64>, Vec<i64>) {
    step("in `transfer`");
    wakeful::block_on(async {
        let accounts = Rc::new([7, 3, 5].map(|id| Account {
            id,
            balance: Mutex::new(100),
        }));
        let tasks: Vec<_> = transfers
            .iter()
            .map(|&(from, to)| {
                let accounts = accounts.clone();
                wakeful::spawn(async move {
                    transfer(&accounts[from], &accounts[to], 10).await;
                })
            })
            .collect();
        let sums = Rc::new(RefCell::new(Vec::new()));
        let (its, seen) = (accounts.clone(), sums.clone());
        let auditor = wakeful::spawn(async move {
            for _ in 0..20 {
                // Without waiting, so that it takes part in no cycle.
                let guards: Vec<_> = its.iter().map(|it| it.balance.try_lock()).collect();
                if guards.iter().all(Result::is_ok) {
                    let sum = guards.iter().flatten().map(|guard| **guard).sum();
                    seen.borrow_mut().push(sum);
                }
                drop(guards);
                yield_now().await;
            }
        });
        let_run().await;
        auditor.abort();
        let ended = tasks.iter().all(|task| task.is_finished());
        let balances = accounts
            .iter()
            .map(|it| it.balance.try_lock().map_or(-1, |it| *it));
        let balances = balances.collect();
        (ended, balances, sums.take())
    })
}

fn check() -> Verdict {
    for (transfers, expected) in [
        (&[(0, 1)][..], [90, 110, 100]),
        (&[(1, 0)], [110, 90, 100]),
        (&[(0, 1), (1, 0)], [100, 100, 100]),
        (&[(1, 0), (0, 1)], [100, 100, 100]),
        (&[(0, 1), (1, 2), (2, 0)], [100, 100, 100]),
        (&[(0, 2), (2, 1), (1, 0), (0, 2)], [90, 100, 110]),
    ] {
        let names: Vec<_> = transfers
            .iter()
            .map(|&(from, to)| format!("{} to {}", ["A", "B", "C"][from], ["A", "B", "C"][to]))
            .collect();
        let names = names.join(", ");
        let (ended, balances, sums) = run(transfers);
        ensure!(
            ended,
            "Transfers at the same time: {names}. They have not ended: they wait for each other."
        );
        ensure!(
            balances == expected,
            "Transfers of 10 at the same time: {names}. The balances of A, B and C are \
             {balances:?}, not {expected:?}."
        );
        let wrong = sums.iter().find(|&&sum| sum != 300);
        ensure!(
            wrong.is_none(),
            "Transfers at the same time: {names}. All locks were free, and the sum of the balances \
             was {}, not 300: hold both locks from the first change to the last.",
            wrong.unwrap_or(&0)
        );
    }
    Ok(())
}
