//! Checks exercise 20.

#[cfg_attr(feature = "solutions", path = "../solutions/20.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/20.rs")]
mod program;

use std::process::ExitCode;
use std::time::Duration;

use program::{Book, two};
use wakeful::time::{pause, sleep, timeout};
use wakeful::trace::Level;
use wakeful_lab::exercise::{Exercise, Verdict, state_of, step};
use wakeful_lab::{self as lab, ensure};

const EXERCISE: Exercise = Exercise {
    answer: 'b',
    replies: &[
        (
            'a',
            "The lock goes to the first waiter, which is A, and A's waker is that of task `two`.",
        ),
        (
            'b',
            "The lock goes to A, so the task is woken. It is in the second `lock().await`, so the \
             poll does not reach A, and B waits behind A.",
        ),
        ('c', "A task is polled after a wake, and there is one wake."),
    ],
    shipped: "still waits after an hour",
    check,
};

fn main() -> ExitCode {
    EXERCISE.main(program::main, program::ANSWER)
}

const SECOND: Duration = Duration::from_secs(1);

fn check() -> Verdict {
    for (held, expected) in [(0, "A"), (2, "AB")] {
        step("in `two`");
        let mut ended = false;
        let mut entries = String::new();
        let snapshot = lab::record(Level::Clones, async {
            pause();
            let book = Book::default();
            let its = book.clone();
            lab::spawn("holder", async move {
                let guard = its.lock().await;
                if held > 0 {
                    sleep(held * SECOND).await;
                }
                drop(guard);
            });
            let mut task = lab::spawn("two", two(book.clone()));
            ended = timeout(3600 * SECOND, &mut task).await.is_ok();
            if let Ok(book) = timeout(SECOND, book.lock()).await {
                entries = book.iter().collect();
            }
        });
        ensure!(
            ended,
            "Task `holder` released the lock after {held} s, and task `two` still waits after an hour. \
             {} The lock went to A, the first waiter. The task was polled, but it does not poll A \
             while it awaits something else.",
            state_of(&snapshot, "two")
        );
        let mut sorted: Vec<char> = entries.chars().collect();
        sorted.sort_unstable();
        let sorted: String = sorted.into_iter().collect();
        ensure!(
            sorted == expected,
            "The lock was held for {held} s. The book should have the entries {expected}, and has \
             {entries:?}. A future that is dropped makes no entry."
        );
    }
    Ok(())
}
