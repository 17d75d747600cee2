//! Checks exercise 10.

#[cfg_attr(feature = "solutions", path = "../solutions/10.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/10.rs")]
mod program;

use std::process::ExitCode;
use std::rc::Rc;

use program::Board;
use wakeful::trace::{Level, Origin, Snapshot};
use wakeful_lab::exercise::{Exercise, Verdict, let_run, state_of, times};
use wakeful_lab::{self as lab, ensure};

const EXERCISE: Exercise = Exercise {
    answer: 'b',
    replies: &[
        (
            'a',
            "A value calls nothing. The recorder names the task, timer or thread in which the \
             call is made.",
        ),
        (
            'b',
            "Each call of `post` wakes all readers, and it is `editor` that calls `post`: the \
             caller of a wake is the task that runs.",
        ),
        (
            'c',
            "So it should be. But look at which wakers `post` calls.",
        ),
        (
            'd',
            "The caller of a wake is the task that runs when `wake` is called.",
        ),
    ],
    shipped: "for a letter on another topic",
    check,
};

fn main() -> ExitCode {
    EXERCISE.main(program::main, program::ANSWER)
}

/// Records readers of two topics, and an editor that posts letters on these topics.
fn record(topics: &'static [&'static str]) -> Snapshot {
    lab::record(Level::Clones, async {
        let board = Rc::new(Board::default());
        for (name, topic) in [
            ("sport", "sport"),
            ("music", "music"),
            ("sport too", "sport"),
        ] {
            let board = board.clone();
            lab::spawn(name, async move { board.read(topic).await });
        }
        let_run().await;
        let editor = async move {
            for (letter, topic) in (1..).zip(topics) {
                board.post(topic, letter);
                let_run().await;
            }
        };
        lab::spawn("editor", editor)
            .await
            .expect("its panic is reported");
    })
}

fn check() -> Verdict {
    let snapshot = record(&["music"]);
    let state = state_of(&snapshot, "music");
    ensure!(
        state.contains("`Ready`"),
        "A letter on music was posted. {state}"
    );
    for reader in ["sport", "sport too"] {
        let wakes = lab::wakes(&snapshot, reader);
        let callers = wakes.iter().map(|(origin, _)| match origin {
            Origin::Task(task) => snapshot.tasks()[*task].label(),
            _ => "another caller",
        });
        let callers = callers.collect::<Vec<_>>().join("`, `");
        ensure!(
            wakes.is_empty(),
            "A reader of sport was woken {} for a letter on another topic, by `{callers}`, polled, \
             and found nothing.",
            times(wakes.len())
        );
    }

    let snapshot = record(&["music", "sport", "sport"]);
    for reader in ["sport", "music", "sport too"] {
        let state = state_of(&snapshot, reader);
        ensure!(
            state.contains("`Ready`"),
            "One letter on music and two on sport were posted for one reader of music and two of \
             sport. One of them still waits. {state}"
        );
    }
    Ok(())
}
