//! Checks exercise 14.

#[cfg_attr(feature = "solutions", path = "../solutions/14.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/14.rs")]
mod program;

use std::cell::RefCell;
use std::process::ExitCode;
use std::rc::Rc;

use program::Letterbox;
use wakeful::trace::Level;
use wakeful_lab::exercise::{Exercise, Verdict, let_run, state_of, times};
use wakeful_lab::{self as lab, ensure};

const EXERCISE: Exercise = Exercise {
    answer: 'b',
    replies: &[
        (
            'a',
            "The first of the three wakes queues the reader, and its poll finds letters.",
        ),
        (
            'b',
            "Three wakes cause one poll, and the poll takes one letter. Nothing wakes the reader \
             for the other two.",
        ),
        (
            'c',
            "So it should be. But three wakes cause one poll. How many letters does a poll take?",
        ),
    ],
    shipped: "are still in the box",
    check,
};

fn main() -> ExitCode {
    EXERCISE.main(program::main, program::ANSWER)
}

fn check() -> Verdict {
    // How many letters are posted between two polls of the reader, which waits for 10. In the last
    // case more letters come than it wants.
    for batches in [&[1; 10][..], &[10], &[3, 7], &[4, 0, 6], &[12]] {
        let read: Rc<RefCell<Vec<u32>>> = Rc::default();
        let list = read.clone();
        let snapshot = lab::record(Level::Clones, async {
            let letterbox = Rc::new(Letterbox::default());
            let its = letterbox.clone();
            lab::spawn("reader", async move { its.read(&list, 10).await });
            let_run().await;
            let mut letters = 1..;
            for &batch in batches {
                for letter in letters.by_ref().take(batch) {
                    letterbox.post(letter);
                }
                let_run().await;
            }
        });
        let posted: usize = batches.iter().sum();
        let polls = lab::polls(&snapshot, "reader").len();
        let read = read.borrow();
        let state = state_of(&snapshot, "reader");
        ensure!(
            polls <= batches.len() + 1,
            "Letters were posted {}, and the reader was polled {}. It should sleep while the box is \
             empty, and should not wake itself.",
            times(batches.len()),
            times(polls)
        );
        ensure!(
            read.len() >= 10,
            "{posted} letters were posted, {batches:?} between two polls. The reader has read \
             {read:?}, and {} are still in the box. {state}",
            posted - read.len()
        );
        ensure!(
            *read == (1..=10).collect::<Vec<_>>(),
            "The letters 1 to {posted} were posted, and the reader wanted the first 10. It has read \
             {read:?}. Letters that it does not need should stay in the box."
        );
        ensure!(
            state.contains("`Ready`"),
            "The reader has its 10 letters. {state}"
        );
    }
    Ok(())
}
