//! Checks exercise 18.

#[cfg_attr(feature = "solutions", path = "../solutions/18.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/18.rs")]
mod program;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::process::ExitCode;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use program::Door;
use wakeful::time::{pause, sleep, timeout};
use wakeful::trace::{Kind, Level};
use wakeful_lab::exercise::{Exercise, Verdict, state_of, wakers_left};
use wakeful_lab::{self as lab, ensure};

const EXERCISE: Exercise = Exercise {
    answer: 'b',
    replies: &[
        (
            'a',
            "The future is dropped when it returns `Ready`, and the buffer with it.",
        ),
        (
            'b',
            "The future was dropped when the task ended. But a waker refers to the task, and the \
             door keeps that waker.",
        ),
        (
            'c',
            "So it should be. What refers to a task? Follow the clone of its waker.",
        ),
    ],
    shipped: "its memory is not freed",
    check,
};

fn main() -> ExitCode {
    EXERCISE.main(program::main, program::ANSWER)
}

const SECOND: Duration = Duration::from_secs(1);

/// Spawns a guest that gives up after a second, and one that gives up after three.
fn two_guests(door: &Rc<Door>) {
    let its = door.clone();
    lab::spawn("hasty", async move {
        let mut opened = pin!(its.opened());
        poll_fn(|cx| Poll::Ready(opened.as_mut().poll(cx).is_pending())).await;
        sleep(SECOND).await;
        // The future is dropped here, and is not polled before that.
    });
    let its = door.clone();
    lab::spawn("patient", async move {
        let _ = timeout(3 * SECOND, its.opened()).await;
    });
}

fn check() -> Verdict {
    let door = Rc::new(Door::default());
    let snapshot = lab::record(Level::Clones, async {
        pause();
        two_guests(&door);
        sleep(2 * SECOND).await;
    });
    let freed = |name| {
        let wanted = lab::task(&snapshot, name);
        let mut kinds = snapshot.events().iter().map(|event| &event.kind);
        kinds.any(|kind| matches!(*kind, Kind::Freed { task } if task == wanted))
    };
    let wakers = wakers_left(&snapshot, "hasty");
    let state = state_of(&snapshot, "hasty");
    ensure!(
        state.contains("`Ready`"),
        "A guest had patience for a second only. {state}"
    );
    ensure!(
        freed("hasty"),
        "A guest gave up waiting, and its task has ended, but its memory is not freed: the shut \
         door keeps {wakers} waker of it. The future that was dropped must remove it."
    );
    // The second guest still waits. Its waker must not have gone with that of the first one.
    let wakers = wakers_left(&snapshot, "patient");
    ensure!(
        wakers == 2, // one with the door, one with the timer
        "One guest gave up, and the other one still waits for the door, which has no waker of it."
    );

    let snapshot = lab::record(Level::Clones, async {
        pause();
        two_guests(&door);
        sleep(2 * SECOND).await;
        door.open();
        sleep(SECOND / 2).await;
    });
    let state = state_of(&snapshot, "patient");
    ensure!(
        state.contains("`Ready`"),
        "One guest gave up. Then the door was opened, and the guest that still waits did not notice. \
         {state}"
    );
    Ok(())
}
