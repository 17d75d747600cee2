//! What many send to one that goes: nothing stays behind, and one that waits is woken.

use std::sync::Arc as StdArc;
use std::task::Waker;

use loom::sync::Arc;
use loom::thread;

use super::link::Sleeper;
use super::model;
use super::support::Held;
use crate::shard::call::inbox::Inbox;
use crate::shard::mesh::notify::Bell;

/// Two send, the one that takes waits for the first message and goes.
fn the_one_that_takes_goes(looks: bool) {
    let both = Held::new(Arc::new((Inbox::new(), Bell::new())));
    let (inbox, bell) = &**both;
    let senders = [1, 2].map(|message| {
        let both = Arc::clone(&both);
        thread::spawn(move || {
            let (inbox, bell) = &*both;
            if looks {
                inbox.push(message, || bell.ring());
            } else {
                inbox.push_unseen(message);
                bell.ring();
            }
        })
    });
    let sleeper = Held::new(Sleeper::new());
    let waker = Held::new(Waker::from(StdArc::clone(&sleeper)));
    let mut first = inbox.pop();
    while first.is_none() {
        bell.arm(&waker);
        first = inbox.pop();
        if first.is_none() {
            sleeper.wait();
            first = inbox.pop();
        } else {
            bell.disarm();
        }
    }
    inbox.close();
    for sender in senders {
        sender.join().unwrap();
    }
    assert!(inbox.pop().is_none(), "a message was left behind");
}

#[test]
fn nothing_stays_behind_in_a_closed_inbox() {
    model(|| the_one_that_takes_goes(true));
}

#[test]
#[should_panic(expected = "a message was left behind")]
fn without_the_look_after_the_push() {
    model(|| the_one_that_takes_goes(false));
}
