//! Checks exercise 15.

#[cfg_attr(feature = "solutions", path = "../solutions/15.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/15.rs")]
mod program;

use std::cell::RefCell;
use std::process::ExitCode;
use std::rc::Rc;

use program::Door;
use wakeful::trace::Level;
use wakeful_lab::exercise::{Exercise, Verdict, let_run, state_of, times};
use wakeful_lab::{self as lab, ensure};

const EXERCISE: Exercise = Exercise {
    answer: 'b',
    replies: &[
        (
            'a',
            "So it should be. But the task is polled, and with it both futures. What does the \
             future of door 1 do at its second poll?",
        ),
        (
            'b',
            "The task has one waker for both doors, and each poll of the task polls both futures. \
             That of door 1 believes that a second poll means an open door.",
        ),
        (
            'c',
            "The opened door wakes the task, and its future is polled a second time.",
        ),
    ],
    shipped: "is shut, and its future returned `Ready`",
    check,
};

fn main() -> ExitCode {
    EXERCISE.main(program::main, program::ANSWER)
}

fn check() -> Verdict {
    for order in [[1, 2], [2, 1]] {
        let open: Rc<RefCell<Vec<i32>>> = Rc::default();
        let [mut at_first, mut after_one] = [Vec::new(), Vec::new()];
        let list = open.clone();
        let snapshot = lab::record(Level::Clones, async {
            let doors = Rc::new([Door::default(), Door::default()]);
            let (its, list) = (doors.clone(), list);
            lab::spawn("guest", async move {
                let wait = async |door: usize| {
                    its[door - 1].opened().await;
                    list.borrow_mut().push(door as i32);
                };
                wakeful::join!(wait(1), wait(2));
            });
            let_run().await;
            at_first = open.borrow().clone();
            doors[order[0] - 1].open();
            let_run().await;
            after_one = open.borrow().clone();
            doors[order[1] - 1].open();
            let_run().await;
        });
        let [opened, shut] = order;
        let polls = lab::polls(&snapshot, "guest").len();
        ensure!(
            polls <= 3,
            "Two doors were opened, and the task that waits for both was polled {}. It wakes itself, \
             and should sleep in between.",
            times(polls)
        );
        ensure!(
            at_first.is_empty(),
            "Both doors are shut, and a future returned `Ready`."
        );
        ensure!(
            !after_one.contains(&(shut as i32)),
            "A task waits for two doors with `join!`. Door {opened} was opened. Door {shut} is \
             shut, and its future returned `Ready`: it was polled because the other future of its \
             task was woken."
        );
        let state = state_of(&snapshot, "guest");
        ensure!(
            after_one.len() == 1,
            "Door {opened} was opened, and its future did not return `Ready`."
        );
        ensure!(
            open.borrow().len() == 2,
            "Both doors were opened, door {opened} first. {state}"
        );
    }
    let snapshot = lab::record(Level::Clones, async {
        let door = Door::default();
        door.open();
        lab::spawn("late guest", async move { door.opened().await });
        let_run().await;
    });
    let state = state_of(&snapshot, "late guest");
    ensure!(
        state.contains("`Ready`"),
        "The door was open before the first poll. {state}"
    );
    Ok(())
}
