//! Checks exercise 22.

#[cfg_attr(feature = "solutions", path = "../solutions/22.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/22.rs")]
mod program;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::process::ExitCode;

use program::checksum;
use wakeful_lab::ensure;
use wakeful_lab::exercise::{Exercise, Verdict};

const EXERCISE: Exercise = Exercise {
    answer: 'b',
    replies: &[
        (
            'a',
            "`block` is not used after the wait. But it was borrowed, and is still in scope \
             there.",
        ),
        (
            'b',
            "`block` is in scope at the wait, so it is in the future of `add_block`. The two \
             futures are awaited one after the other, and share the same bytes.",
        ),
        (
            'c',
            "Each call of `add_block` makes a future of 4 KB. Do both exist at the same time?",
        ),
    ],
    shipped: "not 256",
    check,
};

fn main() -> ExitCode {
    EXERCISE.main(program::main, program::ANSWER)
}

fn check() -> Verdict {
    let data: Vec<u8> = (0..6000).map(|n| (n % 251) as u8).collect();
    let size = size_of_val(&checksum(&data));
    ensure!(
        size <= 256,
        "The future of `checksum` takes {size} bytes, not 256 at most. A variable that is in scope \
         at an `.await` is in the future."
    );
    for length in [0, 10, 4096, 4097, 6000] {
        let data = &data[..length];
        let expected: u32 = data.iter().map(|byte| u32::from(*byte)).sum();
        let mut pending = 0;
        let sum = wakeful::block_on(async {
            let mut future = pin!(checksum(data));
            poll_fn(|cx| {
                let polled = future.as_mut().poll(cx);
                pending += usize::from(polled.is_pending());
                polled
            })
            .await
        });
        ensure!(
            sum == expected,
            "The sum of {length} bytes is {expected}, and not {sum}."
        );
        ensure!(
            pending >= 2,
            "Of a sum of two blocks, {pending} polls returned `Pending`. The other tasks should run \
             after each block."
        );
    }
    Ok(())
}
