//! Checks exercise 34.

#[cfg_attr(feature = "solutions", path = "../solutions/34.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/34.rs")]
mod program;

use std::process::ExitCode;
use std::rc::Rc;

use program::{Account, transfer};
use wakeful::Metrics;
use wakeful::sync::Mutex;
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

fn accounts() -> Rc<[Account; 3]> {
    Rc::new([7, 3, 5].map(|id| Account {
        id,
        balance: Mutex::new(100),
    }))
}

/// What became of transfers.
#[derive(PartialEq)]
enum Outcome {
    Ended,
    /// No task is polled any more.
    Wait,
    /// Tasks are polled without end.
    Spin,
}

/// Runs the transfers `(from, to)` of 10 at the same time. Returns their outcome, and the balances.
fn run(transfers: &[(usize, usize)]) -> (Outcome, Vec<i64>) {
    step("in `transfer`");
    wakeful::block_on(async {
        let accounts = accounts();
        let tasks: Vec<_> = transfers
            .iter()
            .map(|&(from, to)| {
                let accounts = accounts.clone();
                wakeful::spawn(async move {
                    transfer(&accounts[from], &accounts[to], 10).await;
                })
            })
            .collect();
        let_run().await;
        let outcome = if tasks.iter().all(|task| task.is_finished()) {
            Outcome::Ended
        } else {
            let before = Metrics::current().polls;
            let_run().await; // about 50 polls of this task
            match Metrics::current().polls - before {
                0..75 => Outcome::Wait,
                _ => Outcome::Spin,
            }
        };
        let balances = accounts
            .iter()
            .map(|it| it.balance.try_lock().map_or(-1, |it| *it));
        (outcome, balances.collect())
    })
}

/// Returns the balance of `from` that others see while the transfer waits for the lock of `to`, if
/// they see one.
fn seen_meanwhile(from: usize, to: usize) -> Option<i64> {
    wakeful::block_on(async {
        let accounts = accounts();
        let guard = accounts[to].balance.lock().await;
        let its = accounts.clone();
        let task = wakeful::spawn(async move { transfer(&its[from], &its[to], 10).await });
        let_run().await;
        let seen = accounts[from].balance.try_lock().ok().map(|it| *it);
        drop(guard);
        task.abort();
        seen
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
        let name = |account: usize| ["A", "B", "C"][account];
        let names = transfers.iter();
        let names = names.map(|&(from, to)| format!("{} to {}", name(from), name(to)));
        let names = names.collect::<Vec<_>>().join(", ");
        let (outcome, balances) = run(transfers);
        ensure!(
            outcome != Outcome::Spin,
            "Transfers at the same time: {names}. They have not ended: they are polled again and \
             again, and none of them gets both locks."
        );
        ensure!(
            outcome == Outcome::Ended,
            "Transfers at the same time: {names}. They have not ended: they wait for each other."
        );
        ensure!(
            balances == expected,
            "Transfers of 10 at the same time: {names}. The balances of A, B and C are \
             {balances:?}, not {expected:?}."
        );
    }
    for (from, to) in [(0, 1), (1, 0)] {
        let seen = seen_meanwhile(from, to).unwrap_or(100);
        ensure!(
            seen == 100,
            "While another task held the lock of the target, a transfer had taken the money and \
             released the source: it has {seen}, and the target does not have the rest. Take both \
             locks before the first change."
        );
    }
    Ok(())
}
