//! Checks exercise 31.

#[cfg_attr(feature = "solutions", path = "../solutions/31.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/31.rs")]
mod program;

use std::cell::Cell;
use std::process::ExitCode;
use std::rc::Rc;

use program::Account;
use wakeful::time::{Instant, pause};
use wakeful_lab::ensure;
use wakeful_lab::exercise::{Exercise, Verdict, step};

const EXERCISE: Exercise = Exercise {
    answer: 'b',
    replies: &[
        (
            'a',
            "So it should be. Each task looks at the balance before it asks the bank. What does the \
             second one see there?",
        ),
        (
            'b',
            "Both tasks have looked at the balance before one of them changes it: the second runs \
             while the first waits for the bank.",
        ),
        ('c', "Nothing refuses the first withdrawal."),
        ('d', "The balance is an `i64`, which may be negative."),
    ],
    shipped: "is below 0",
    check,
};

fn main() -> ExitCode {
    EXERCISE.main(program::main, program::ANSWER)
}

/// Withdraws the amounts at the same time. Returns how many succeeded, the balance after it, and
/// the time in milliseconds.
fn withdraw(balance: i64, amounts: &[i64]) -> (usize, i64, u128) {
    step("in `withdraw`");
    wakeful::block_on(async {
        pause();
        let account = Rc::new(Account {
            balance: Cell::new(balance),
        });
        let start = Instant::now();
        let tasks: Vec<_> = amounts
            .iter()
            .map(|&amount| {
                let account = account.clone();
                wakeful::spawn(async move { account.withdraw(amount).await })
            })
            .collect();
        let mut succeeded = 0;
        for task in tasks {
            succeeded += usize::from(task.await.expect("a panic is reported"));
        }
        let time = start.elapsed().as_millis();
        (succeeded, account.balance.get(), time)
    })
}

fn check() -> Verdict {
    for (balance, amounts, expected) in [
        (100, &[80, 80][..], 1),
        (100, &[40, 40, 40], 2),
        (100, &[60, 40], 2),
        (100, &[100], 1),
    ] {
        let what = format!("An account had {balance}, and {amounts:?} were withdrawn at a time");
        let (succeeded, left, time) = withdraw(balance, amounts);
        ensure!(
            left >= 0,
            "{what}: the balance is {left}, which is below 0."
        );
        let taken: i64 = balance - left;
        ensure!(
            succeeded == expected && taken == amounts[..expected].iter().sum::<i64>(),
            "{what}: {succeeded} calls returned true, not {expected}, and {taken} were taken out."
        );
        ensure!(
            time >= 1000,
            "{what}: the bank was not asked, which takes a second."
        );
        ensure!(
            time < 2000,
            "{what}: it took {} s, as one task waited for the other. Hold no lock while you ask \
             the bank.",
            time / 1000
        );
    }
    let (succeeded, left, _) = withdraw(10, &[20]);
    ensure!(
        succeeded == 0 && left == 10,
        "20 were withdrawn from an account with 10: the balance is {left}."
    );
    Ok(())
}
