//! The way between shards: the bell, and the queue with its two ends.

use std::sync::Arc as StdArc;
use std::task::{Wake, Waker};

use loom::sync::Arc;
use loom::sync::atomic::AtomicUsize;
use loom::thread;

use super::model;
use super::support::{Bell as Pillow, Held};
use crate::primitives::atomic::{AtomicBool, Ordering, fence};
use crate::primitives::{Bounded, Mutex};
use crate::shard::mesh::notify::Bell;
use crate::shard::mesh::queue::{Link, Refused};

/// A thread that sleeps until it is woken, and how often it was.
pub(super) struct Sleeper {
    pillow: Pillow,
    woken: AtomicUsize,
}

impl Sleeper {
    pub(super) fn new() -> StdArc<Sleeper> {
        StdArc::new(Sleeper {
            pillow: Pillow::new(),
            woken: AtomicUsize::new(0),
        })
    }

    pub(super) fn wait(&self) {
        self.pillow.wait();
    }
}

impl Wake for Sleeper {
    fn wake(self: StdArc<Self>) {
        self.woken.fetch_add(1, Ordering::Relaxed);
        self.pillow.ring();
    }
}

/// What the models need of a bell, sound or flawed.
pub(super) trait Ring: Send + Sync + 'static {
    fn arm(&self, waker: &Waker);
    fn disarm(&self);
    fn ring(&self);
    /// Does the one that waits look once more?
    fn looks_again(&self) -> bool {
        true
    }
}

impl Ring for Bell {
    fn arm(&self, waker: &Waker) {
        self.arm(waker);
    }
    fn disarm(&self) {
        self.disarm();
    }
    fn ring(&self) {
        self.ring();
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    /// Nobody is woken.
    Silent,
    /// The bell stays armed when it is rung.
    StaysArmed,
    /// It goes to sleep without another look.
    LooksOnce,
    /// No fence between the arming and the look.
    ArmsUnfenced,
    /// No fence between the deed and the look at the bell.
    RingsUnfenced,
}

/// A copy of `Bell` with one step taken out.
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

impl Ring for Flawed {
    fn arm(&self, waker: &Waker) {
        *self.waker.lock().unwrap() = Some(waker.clone());
        self.armed.swap(true, Ordering::AcqRel);
        if self.flaw != Flaw::ArmsUnfenced {
            fence(Ordering::SeqCst);
        }
    }

    fn disarm(&self) {
        self.armed.swap(false, Ordering::AcqRel);
    }

    fn ring(&self) {
        if self.flaw == Flaw::Silent {
            return;
        }
        if self.flaw != Flaw::RingsUnfenced {
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

    fn looks_again(&self) -> bool {
        self.flaw != Flaw::LooksOnce
    }
}

struct World<R> {
    queue: Bounded<usize>,
    bell: R,
}

fn two_senders<R: Ring>(bell: R) {
    senders::<R, 2>(bell, 1);
}

/// So many threads send so many messages each; the receiver sleeps until it has all. Each time that it
/// armed the bell was followed by one wake at most.
pub(super) fn senders<R: Ring, const SENDERS: usize>(bell: R, each: usize) {
    let world = Held::new(Arc::new(World {
        queue: Bounded::new(SENDERS * each),
        bell,
    }));
    let senders = [(); SENDERS].map(|()| {
        let world = Arc::clone(&world);
        thread::spawn(move || {
            for message in 0..each {
                world.queue.push(message).unwrap();
                world.bell.ring();
            }
        })
    });
    let sleeper = Held::new(Sleeper::new());
    let waker = Held::new(Waker::from(StdArc::clone(&sleeper)));
    let (mut got, mut armed) = (0, 0);
    while got < SENDERS * each {
        if world.queue.pop().is_some() {
            got += 1;
            continue;
        }
        world.bell.arm(&waker);
        armed += 1;
        if world.bell.looks_again() && world.queue.pop().is_some() {
            world.bell.disarm();
            got += 1;
            continue;
        }
        sleeper.wait();
    }
    for sender in senders {
        sender.join().unwrap();
    }
    let woken = sleeper.woken.load(Ordering::Relaxed);
    assert!(woken <= armed, "a wake too many");
}

#[test]
fn two_senders_against_one_that_waits() {
    model(|| two_senders(Bell::new()));
}

#[test]
#[should_panic(expected = "deadlock")]
fn without_the_wake() {
    model(|| two_senders(Flawed::new(Flaw::Silent)));
}

#[test]
#[should_panic(expected = "a wake too many")]
fn without_disarming() {
    model(|| two_senders(Flawed::new(Flaw::StaysArmed)));
}

#[test]
#[should_panic(expected = "deadlock")]
fn without_another_look() {
    model(|| two_senders(Flawed::new(Flaw::LooksOnce)));
}

#[test]
#[cfg_attr(shuttle, ignore = "takes a weaker memory than shuttle has")]
#[should_panic(expected = "deadlock")]
fn without_the_fence_of_the_one_that_waits() {
    model(|| two_senders(Flawed::new(Flaw::ArmsUnfenced)));
}

#[test]
#[cfg_attr(shuttle, ignore = "takes a weaker memory than shuttle has")]
#[should_panic(expected = "deadlock")]
fn without_the_fence_of_the_one_that_rings() {
    model(|| two_senders(Flawed::new(Flaw::RingsUnfenced)));
}

pub(super) struct Pair {
    pub(super) link: Link<usize>,
    arrived: Bell,
}

impl Pair {
    pub(super) fn new(capacity: usize) -> Arc<Pair> {
        Arc::new(Pair {
            link: Link::new(capacity),
            arrived: Bell::new(),
        })
    }

    /// Sends, and waits for room; `false`: the receiver has gone.
    pub(super) fn send(&self, message: usize, sleeper: &StdArc<Sleeper>) -> bool {
        let waker = Waker::from(sleeper.clone());
        loop {
            match self.link.push(message, || self.arrived.ring()) {
                Ok(()) => return true,
                Err(Refused::Gone(_)) => return false,
                Err(Refused::Full(_)) => {}
            }
            self.link.room.arm(&waker);
            match self.link.push(message, || self.arrived.ring()) {
                Ok(()) => {
                    self.link.room.disarm();
                    return true;
                }
                Err(Refused::Gone(_)) => return false,
                Err(Refused::Full(_)) => sleeper.wait(),
            }
        }
    }

    /// The next one; `None`: the sender has gone.
    pub(super) fn receive(&self, sleeper: &StdArc<Sleeper>, end_first: bool) -> Option<usize> {
        let waker = Waker::from(sleeper.clone());
        let take = || {
            let message = self.link.pop();
            if message.is_some() {
                self.link.made_room();
            }
            message
        };
        loop {
            if let Some(message) = take() {
                return Some(message);
            }
            self.arrived.arm(&waker);
            let over = end_first && self.link.is_over();
            if let Some(message) = take() {
                self.arrived.disarm();
                return Some(message);
            }
            if over || !end_first && self.link.is_over() {
                return None;
            }
            sleeper.wait();
        }
    }
}

fn through_a_narrow_link(messages: usize, end_first: bool) {
    through_a_link(1, messages, end_first);
}

/// One sends, and goes; the other gets all, in order, and then the end.
pub(super) fn through_a_link(room: usize, messages: usize, end_first: bool) {
    let pair = Held::new(Pair::new(room));
    let sender = Arc::clone(&pair);
    let sender = thread::spawn(move || {
        let sleeper = Held::new(Sleeper::new());
        for message in 0..messages {
            assert!(sender.send(message, &sleeper));
        }
        sender.link.sender_goes(&sender.arrived);
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
fn all_of_it_through_a_narrow_link() {
    model(|| through_a_narrow_link(3, true));
}

#[test]
#[should_panic(expected = "a message was lost")]
fn without_asking_for_the_end_before_the_last_look() {
    model(|| through_a_narrow_link(1, false));
}

/// The receiver goes while one sends three with room for one: the sender hears of it, and nothing
/// stays in the queue.
fn the_receiver_goes(leaves_late: bool) {
    let pair = Held::new(Pair::new(1));
    let sender = Arc::clone(&pair);
    let sender = thread::spawn(move || {
        let sleeper = Held::new(Sleeper::new());
        if leaves_late {
            if !sender.link.is_in_vain() {
                let _ = sender.link.push_unseen(1);
            }
            return;
        }
        while sender.send(1, &sleeper) {}
    });
    pair.link.receiver_goes();
    sender.join().unwrap();
    assert!(pair.link.pop().is_none(), "a message was left behind");
}

#[test]
fn a_receiver_that_goes_leaves_nothing_behind() {
    model(|| the_receiver_goes(false));
}

#[test]
#[should_panic(expected = "a message was left behind")]
fn without_the_look_after_the_push() {
    model(|| the_receiver_goes(true));
}
