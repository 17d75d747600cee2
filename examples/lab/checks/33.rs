//! Checks exercise 33.

#[cfg_attr(feature = "solutions", path = "../solutions/33.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/33.rs")]
mod program;

use std::process::ExitCode;
use std::time::Duration;

use program::collect;
use wakeful::sync::mpsc;
use wakeful::time::{Instant, pause, sleep, timeout};
use wakeful_lab::ensure;
use wakeful_lab::exercise::{Exercise, Verdict, step};

const EXERCISE: Exercise = Exercise {
    answer: 'c',
    replies: &[
        (
            'a',
            "So it should be. When was the sleep made that is polled in the fifth second?",
        ),
        (
            'b',
            "The last message comes after 20 s. But a message does not end the loop.",
        ),
        (
            'c',
            "Each message ends the round, and its sleep is dropped. The next round has a new one, of \
             five seconds. The one after the last message fires.",
        ),
        (
            'd',
            "After the last message the round is not ended by another one. What happens to its \
             sleep?",
        ),
    ],
    shipped: "not after 5 s",
    check,
};

fn main() -> ExitCode {
    EXERCISE.main(program::main, program::ANSWER)
}

/// What a run showed: the messages, the time, and the messages that were left.
type Seen = (Vec<u32>, Duration, Vec<u32>);

/// Sends `count` messages, one after each `pause`, and calls `collect`.
fn run(count: u32, every: Duration) -> Option<Seen> {
    step("in `collect`");
    wakeful::block_on(async {
        pause();
        let (sender, mut receiver) = mpsc::channel(100);
        let sending = wakeful::spawn(async move {
            for message in 1..=count {
                sleep(every).await;
                let _ = sender.send(message).await;
            }
            sender
        });
        let start = Instant::now();
        let hour = Duration::from_secs(3600);
        let messages = timeout(hour, collect(&mut receiver)).await.ok()?;
        let time = start.elapsed();
        drop(sending.await);
        let mut left = Vec::new();
        while let Some(message) = receiver.recv().await {
            left.push(message);
        }
        Some((messages, time, left))
    })
}

fn check() -> Verdict {
    for (count, every) in [(0, 1000), (20, 1000), (4, 1300), (100, 100), (3, 4000)] {
        let what = format!("{count} messages came, one each {every} ms");
        let Some((messages, time, left)) = run(count, Duration::from_millis(every)) else {
            return Err(format!(
                "{what}, and `collect` did not return within an hour."
            ));
        };
        ensure!(
            time.as_millis().abs_diff(5000) <= 1,
            "{what}, and `collect` returned after {:.1} s, not after 5 s.",
            time.as_secs_f32()
        );
        let all: Vec<u32> = messages.iter().chain(&left).copied().collect();
        ensure!(
            all == (1..=count).collect::<Vec<_>>(),
            "{what}. `collect` returned {messages:?}, and {left:?} were left in the channel: some \
             are lost."
        );
        // One that comes at the last moment may be in either.
        let due = 5000 / every;
        let expected = due.min(u64::from(count));
        ensure!(
            (messages.len() as u64).abs_diff(expected) <= 1,
            "{what}. `collect` returned {} messages, not {expected}.",
            messages.len()
        );
    }
    Ok(())
}
