//! Models of an inbox that closes: no message stays in it, and a waiting receiver is woken.

use std::sync::Arc as StdArc;
use std::task::Waker;

use loom::sync::Arc;
use loom::thread;

use super::model;
use super::pair_queue::Sleeper;
use super::support::Held;
use crate::shard::call::inbox::Inbox;
use crate::shard::mesh::notify::Notify;

/// Two threads send; the receiver waits for the first message and closes. With `checks` the senders
/// check after a push whether the inbox is closed.
fn the_receiver_closes(checks: bool) {
    let both = Held::new(Arc::new((Inbox::new(), Notify::new())));
    let (inbox, notify) = &**both;
    let senders = [1, 2].map(|message| {
        let both = Arc::clone(&both);
        thread::spawn(move || {
            let (inbox, notify) = &*both;
            if checks {
                inbox.push(message, || notify.notify());
            } else {
                inbox.push_without_check(message);
                notify.notify();
            }
        })
    });
    let sleeper = Held::new(Sleeper::new());
    let waker = Held::new(Waker::from(StdArc::clone(&sleeper)));
    let mut first = inbox.pop();
    while first.is_none() {
        notify.prepare_wait(&waker);
        first = inbox.pop();
        if first.is_none() {
            sleeper.wait();
            first = inbox.pop();
        } else {
            notify.cancel_wait();
        }
    }
    inbox.close();
    for sender in senders {
        sender.join().unwrap();
    }
    assert!(inbox.pop().is_none(), "a message stayed in the queue");
}

#[test]
fn no_message_stays_behind_in_a_closed_inbox() {
    model(|| the_receiver_closes(true));
}

#[test]
#[should_panic(expected = "a message stayed in the queue")]
fn without_the_check_after_the_push() {
    model(|| the_receiver_closes(false));
}
