//! Models of the messages between shards: the notify, and the queue with its two ends.

use std::sync::Arc as StdArc;
use std::task::{Wake, Waker};

use loom::sync::Arc;
use loom::sync::atomic::AtomicUsize;
use loom::thread;

use super::model;
use super::support::{Event, Held};
use crate::primitives::atomic::{AtomicBool, Ordering, fence};
use crate::primitives::{Bounded, Mutex};
use crate::shard::mesh::notify::Notify;
use crate::shard::mesh::queue::{PairQueue, PushError};

/// Sleep of a thread that a waker ends, with the number of wakes.
pub(super) struct Sleeper {
    event: Event,
    woken: AtomicUsize,
}

impl Sleeper {
    pub(super) fn new() -> StdArc<Sleeper> {
        StdArc::new(Sleeper {
            event: Event::new(),
            woken: AtomicUsize::new(0),
        })
    }

    pub(super) fn wait(&self) {
        self.event.wait();
    }
}

impl Wake for Sleeper {
    fn wake(self: StdArc<Self>) {
        self.woken.fetch_add(1, Ordering::Relaxed);
        self.event.set();
    }
}

/// Operations of a notify, sound or flawed.
pub(super) trait Notification: Send + Sync + 'static {
    fn prepare_wait(&self, waker: &Waker);
    fn cancel_wait(&self);
    fn notify(&self);
    /// Whether the waiting side checks once more after `prepare_wait`.
    fn checks_again(&self) -> bool {
        true
    }
}

impl Notification for Notify {
    fn prepare_wait(&self, waker: &Waker) {
        self.prepare_wait(waker);
    }
    fn cancel_wait(&self) {
        self.cancel_wait();
    }
    fn notify(&self) {
        self.notify();
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    /// No waker is called.
    Silent,
    /// The flag stays armed after a notification.
    StaysArmed,
    /// The waiting side sleeps without checking once more.
    ChecksOnce,
    /// No fence between the arming and the second check.
    PreparesUnfenced,
    /// No fence between the change and the check of the flag.
    NotifiesUnfenced,
}

/// Copy of `Notify` with one step taken out.
pub(super) struct Flawed {
    armed: AtomicBool,
    waker: Mutex<Option<Waker>>,
    flaw: Flaw,
}

impl Flawed {
    pub(super) fn new(flaw: Flaw) -> Flawed {
        Flawed {
            armed: AtomicBool::new(false),
            waker: Mutex::new(None),
            flaw,
        }
    }
}

impl Notification for Flawed {
    fn prepare_wait(&self, waker: &Waker) {
        *self.waker.lock().unwrap() = Some(waker.clone());
        self.armed.swap(true, Ordering::AcqRel);
        if self.flaw != Flaw::PreparesUnfenced {
            fence(Ordering::SeqCst);
        }
    }

    fn cancel_wait(&self) {
        self.armed.swap(false, Ordering::AcqRel);
    }

    fn notify(&self) {
        if self.flaw == Flaw::Silent {
            return;
        }
        if self.flaw != Flaw::NotifiesUnfenced {
            fence(Ordering::SeqCst);
        }
        if self.flaw == Flaw::StaysArmed {
            if self.armed.load(Ordering::Relaxed) {
                let waker = self.waker.lock().unwrap().clone();
                waker.into_iter().for_each(Waker::wake);
            }
            return;
        }
        if self.armed.load(Ordering::Relaxed) && self.armed.swap(false, Ordering::AcqRel) {
            let waker = self.waker.lock().unwrap().take();
            waker.into_iter().for_each(Waker::wake);
        }
    }

    fn checks_again(&self) -> bool {
        self.flaw != Flaw::ChecksOnce
    }
}

struct World<N> {
    queue: Bounded<usize>,
    notify: N,
}

fn two_senders<N: Notification>(notify: N) {
    senders::<N, 2>(notify, 1);
}

/// `SENDERS` threads send `each` messages each; the receiver sleeps until it has all. At most one
/// wake follows each `prepare_wait`.
pub(super) fn senders<N: Notification, const SENDERS: usize>(notify: N, each: usize) {
    let world = Held::new(Arc::new(World {
        queue: Bounded::new(SENDERS * each),
        notify,
    }));
    let senders = [(); SENDERS].map(|()| {
        let world = Arc::clone(&world);
        thread::spawn(move || {
            for message in 0..each {
                world.queue.push(message).unwrap();
                world.notify.notify();
            }
        })
    });
    let sleeper = Held::new(Sleeper::new());
    let waker = Held::new(Waker::from(StdArc::clone(&sleeper)));
    let (mut got, mut waits) = (0, 0);
    while got < SENDERS * each {
        if world.queue.pop().is_some() {
            got += 1;
            continue;
        }
        world.notify.prepare_wait(&waker);
        waits += 1;
        if world.notify.checks_again() && world.queue.pop().is_some() {
            world.notify.cancel_wait();
            got += 1;
            continue;
        }
        sleeper.wait();
    }
    for sender in senders {
        sender.join().unwrap();
    }
    let woken = sleeper.woken.load(Ordering::Relaxed);
    assert!(woken <= waits, "more wakes than waits");
}

#[test]
fn two_senders_wake_a_waiting_receiver() {
    model(|| two_senders(Notify::new()));
}

#[test]
#[should_panic(expected = "deadlock")]
fn without_the_wake() {
    model(|| two_senders(Flawed::new(Flaw::Silent)));
}

#[test]
#[should_panic(expected = "more wakes than waits")]
fn without_disarming() {
    model(|| two_senders(Flawed::new(Flaw::StaysArmed)));
}

#[test]
#[should_panic(expected = "deadlock")]
fn without_the_second_check() {
    model(|| two_senders(Flawed::new(Flaw::ChecksOnce)));
}

#[test]
#[cfg_attr(shuttle, ignore = "fails only in a weaker memory model than shuttle's")]
#[should_panic(expected = "deadlock")]
fn without_the_fence_of_the_waiting_side() {
    model(|| two_senders(Flawed::new(Flaw::PreparesUnfenced)));
}

#[test]
#[cfg_attr(shuttle, ignore = "fails only in a weaker memory model than shuttle's")]
#[should_panic(expected = "deadlock")]
fn without_the_fence_of_the_notifying_side() {
    model(|| two_senders(Flawed::new(Flaw::NotifiesUnfenced)));
}

pub(super) struct Pair {
    pub(super) queue: PairQueue<usize>,
    arrived: Notify,
}

impl Pair {
    pub(super) fn new(capacity: usize) -> Arc<Pair> {
        Arc::new(Pair {
            queue: PairQueue::new(capacity),
            arrived: Notify::new(),
        })
    }

    /// Sends a message, and waits for space. Returns whether the receiver was there.
    pub(super) fn send(&self, message: usize, sleeper: &StdArc<Sleeper>) -> bool {
        let waker = Waker::from(sleeper.clone());
        loop {
            match self.queue.push(message, || self.arrived.notify()) {
                Ok(()) => return true,
                Err(PushError::Closed(_)) => return false,
                Err(PushError::Full(_)) => {}
            }
            self.queue.not_full.prepare_wait(&waker);
            match self.queue.push(message, || self.arrived.notify()) {
                Ok(()) => {
                    self.queue.not_full.cancel_wait();
                    return true;
                }
                Err(PushError::Closed(_)) => return false,
                Err(PushError::Full(_)) => sleeper.wait(),
            }
        }
    }

    /// Receives the next message. Returns `None` when the sender has closed.
    pub(super) fn receive(&self, sleeper: &StdArc<Sleeper>, end_first: bool) -> Option<usize> {
        let waker = Waker::from(sleeper.clone());
        let take = || {
            let message = self.queue.pop();
            if message.is_some() {
                self.queue.notify_sender();
            }
            message
        };
        loop {
            if let Some(message) = take() {
                return Some(message);
            }
            self.arrived.prepare_wait(&waker);
            let closed = end_first && self.queue.is_sender_closed();
            if let Some(message) = take() {
                self.arrived.cancel_wait();
                return Some(message);
            }
            if closed || !end_first && self.queue.is_sender_closed() {
                return None;
            }
            sleeper.wait();
        }
    }
}

fn through_one_slot(messages: usize, end_first: bool) {
    through_a_queue(1, messages, end_first);
}

/// One thread sends and closes; the other receives all messages, in order, and then the end.
/// `end_first` is whether the receiver checks for the end before its last check of the queue.
pub(super) fn through_a_queue(capacity: usize, messages: usize, end_first: bool) {
    let pair = Held::new(Pair::new(capacity));
    let sender = Arc::clone(&pair);
    let sender = thread::spawn(move || {
        let sleeper = Held::new(Sleeper::new());
        for message in 0..messages {
            assert!(sender.send(message, &sleeper));
        }
        sender.queue.close_sender(&sender.arrived);
    });
    let sleeper = Held::new(Sleeper::new());
    let mut got = 0;
    while let Some(message) = pair.receive(&sleeper, end_first) {
        assert_eq!(message, got);
        got += 1;
    }
    assert_eq!(got, messages, "a message was lost");
    sender.join().unwrap();
}

#[test]
fn all_messages_pass_a_queue_of_one() {
    model(|| through_one_slot(3, true));
}

#[test]
#[should_panic(expected = "a message was lost")]
fn without_checking_for_the_end_before_the_last_check() {
    model(|| through_one_slot(1, false));
}

/// The receiver closes while a thread sends through a queue of one: the sender sees the end, and
/// nothing stays in the queue.
fn the_receiver_closes(checks: bool) {
    let pair = Held::new(Pair::new(1));
    let sender = Arc::clone(&pair);
    let sender = thread::spawn(move || {
        let sleeper = Held::new(Sleeper::new());
        if !checks {
            if !sender.queue.is_receiver_closed() {
                let _ = sender.queue.push_without_check(1);
            }
            return;
        }
        while sender.send(1, &sleeper) {}
    });
    pair.queue.close_receiver();
    sender.join().unwrap();
    assert!(pair.queue.pop().is_none(), "a message stayed in the queue");
}

#[test]
fn no_message_stays_after_the_receiver_has_closed() {
    model(|| the_receiver_closes(true));
}

#[test]
#[should_panic(expected = "a message stayed in the queue")]
fn without_the_check_after_the_push() {
    model(|| the_receiver_closes(false));
}
