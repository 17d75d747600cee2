//! Checks exercise 11.

#[cfg_attr(feature = "solutions", path = "../solutions/11.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/11.rs")]
mod program;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::process::ExitCode;
use std::rc::Rc;
use std::task::Poll;

use program::Door;
use wakeful::task::yield_now;
use wakeful::trace::Level;
use wakeful_lab::exercise::{Exercise, Verdict, let_run, state_of, wakers_left};
use wakeful_lab::{self as lab, ensure};

const EXERCISE: Exercise = Exercise {
    answer: 'c',
    replies: &[
        ('a', "The first poll already leaves a waker."),
        (
            'b',
            "So it should be. But what does each poll do with the clone that it makes?",
        ),
        (
            'c',
            "Each poll adds a clone, and the clones of earlier polls stay.",
        ),
    ],
    shipped: "keeps 9 wakers",
    check,
};

fn main() -> ExitCode {
    EXERCISE.main(program::main, program::ANSWER)
}

fn check() -> Verdict {
    const GUESTS: [&str; 2] = ["first guest", "second guest"];
    let record = |open: bool| {
        lab::record(Level::Clones, async {
            let door = Rc::new(Door::default());
            for name in GUESTS {
                let door = door.clone();
                lab::spawn(name, async move {
                    let mut opened = pin!(door.opened());
                    for _ in 0..8 {
                        poll_fn(|cx| Poll::Ready(opened.as_mut().poll(cx).is_pending())).await;
                        yield_now().await;
                    }
                    opened.await;
                });
            }
            let_run().await;
            if open {
                door.open();
                let_run().await;
            }
        })
    };
    let waiting = record(false);
    for guest in GUESTS {
        let polls = lab::polls(&waiting, guest).len();
        ensure!(
            polls <= 9,
            "A guest that polled the door 9 times, and then waited, was polled {polls} times: it \
             wakes itself. It should sleep until the door opens."
        );
        let wakers = wakers_left(&waiting, guest);
        ensure!(
            wakers > 0,
            "Two guests wait for the door, and it keeps no waker of one of them. {}",
            state_of(&waiting, guest)
        );
        ensure!(
            wakers == 1,
            "Two guests wait for the door, each polled it 9 times, and the door keeps {wakers} \
             wakers of one of them. One is enough: the others would wake the same task."
        );
    }
    let opened = record(true);
    for guest in GUESTS {
        let state = state_of(&opened, guest);
        ensure!(
            state.contains("`Ready`"),
            "Two guests wait for the door, and it was opened. One of them did not notice. {state}"
        );
        ensure!(
            wakers_left(&opened, guest) == 0,
            "The guest has ended, and a waker of it is still kept."
        );
    }
    Ok(())
}
