//! Checks exercise 27.

#[cfg_attr(feature = "solutions", path = "../solutions/27.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/27.rs")]
mod program;

use std::cell::{Cell, RefCell};
use std::process::ExitCode;
use std::rc::{Rc, Weak};
use std::sync::atomic::Ordering::SeqCst;

use program::{Loop, Queue};
use wakeful_lab::ensure;
use wakeful_lab::exercise::{Exercise, Verdict, step};

const EXERCISE: Exercise = Exercise {
    answer: 'b',
    replies: &[
        (
            'a',
            "Then the check finds the message, and the loop does not sleep.",
        ),
        (
            'b',
            "The check has found the queue empty, and `send` finds the flag not set.",
        ),
        ('c', "Then `send` finds the flag set, and notifies."),
        ('d', "Then `send` finds the flag set, and notifies."),
    ],
    shipped: "sleeps with a message in its queue",
    check,
};

fn main() -> ExitCode {
    EXERCISE.main(program::main, program::ANSWER)
}

/// A queue that lets the other thread send a message right after the loop has checked the queue. It
/// runs on the loop's thread, so each check is the same.
#[derive(Default)]
struct Stage {
    messages: RefCell<Vec<u32>>,
    checks: Cell<u32>,
    /// After which check of the queue the message is sent.
    send_after: u32,
    this: RefCell<Weak<Loop<Stage>>>,
}

impl Queue for Stage {
    fn push(&self, message: u32) {
        self.messages.borrow_mut().push(message);
    }

    fn is_empty(&self) -> bool {
        let empty = self.messages.borrow().is_empty();
        self.checks.set(self.checks.get() + 1);
        if self.checks.get() == self.send_after {
            self.this.borrow().upgrade().unwrap().send(1);
        }
        empty
    }
}

fn staged(send_after: u32) -> Rc<Loop<Stage>> {
    let mut receiver = Loop::<Stage>::default();
    receiver.queue.send_after = send_after;
    let receiver = Rc::new(receiver);
    receiver.queue.this.replace(Rc::downgrade(&receiver));
    receiver
}

fn check() -> Verdict {
    step("in `may_sleep`");
    let notifications = |receiver: &Loop<Stage>| receiver.notifications.load(SeqCst);
    let quiet = staged(0);
    ensure!(
        quiet.may_sleep(),
        "The queue was empty and no message came, but `may_sleep` returned `false`: the loop would \
         never sleep."
    );
    quiet.send(1);
    quiet.send(2);
    ensure!(
        notifications(&quiet) == 1,
        "Two messages came to a sleeping loop, with {} notifications. The first should notify.",
        notifications(&quiet)
    );
    ensure!(
        !quiet.may_sleep(),
        "A message was in the queue, and `may_sleep` returned `true`."
    );
    quiet.send(3);
    ensure!(
        notifications(&quiet) == 1,
        "`may_sleep` returned `false`, so the loop does not sleep. A message came, and `send` \
         notified it nevertheless. What does the flag say?"
    );

    // A program may check the queue more than once: the message comes after each of its checks.
    for send_after in 1..=3 {
        let receiver = staged(send_after);
        let sleeps = receiver.may_sleep();
        if receiver.queue.checks.get() < send_after {
            continue;
        }
        ensure!(
            !sleeps || notifications(&receiver) > 0,
            "Another thread sent a message right after check {send_after} of the queue, which found \
             it empty. `send` did not notify, as the flag was not set. Then `may_sleep` returned \
             `true`, and the loop sleeps with a message in its queue."
        );
    }
    let checks = quiet.queue.checks.get();
    ensure!(checks > 0, "`may_sleep` did not check the queue.");
    Ok(())
}
