//! Exercise 27: the loop sleeps through a message.
//!
//! What it should do: `send`, on another thread, puts a message into the queue and notifies the
//! loop if it sleeps. The loop calls `may_sleep` before it sleeps. If that returns `true` and a
//! message comes, before the sleep or during it, `send` must notify. While the loop does not sleep,
//! `send` must not notify, as each notification is a system call.
//!
//! Repair `may_sleep`; `send` is right. It needs a change of a few lines.
//!
//! The question, to answer before you run it: at which moment must the other thread call `send` so
//! that the loop sleeps with a message in its queue, before your repair?
//!
//! - a: before `may_sleep` checks the queue
//! - b: after it has checked the queue, and before it sets `asleep`
//! - c: after it has set `asleep`, and before the loop sleeps
//! - d: while the loop sleeps
//!
//! Run it: `cargo run --example exercise_27`. Check it: `cargo run --example lab -- check 27`.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};

pub const ANSWER: char = '?';

/// A queue of messages. The check has one of its own, which calls `send` at chosen moments.
pub trait Queue {
    fn push(&self, message: u32);
    fn is_empty(&self) -> bool;
}

impl Queue for Mutex<Vec<u32>> {
    fn push(&self, message: u32) {
        self.lock().unwrap().push(message);
    }

    fn is_empty(&self) -> bool {
        self.lock().unwrap().is_empty()
    }
}

#[derive(Default)]
pub struct Loop<Q> {
    pub queue: Q,
    pub notifications: AtomicU32,
    asleep: AtomicBool,
}

impl<Q: Queue> Loop<Q> {
    /// On another thread: puts a message into the queue, and ends the loop's sleep.
    pub fn send(&self, message: u32) {
        self.queue.push(message);
        if self.asleep.swap(false, SeqCst) {
            self.notifications.fetch_add(1, SeqCst);
        }
    }

    /// On the loop's thread: returns whether the loop may sleep until it is notified.
    pub fn may_sleep(&self) -> bool {
        if !self.queue.is_empty() {
            return false;
        }
        self.asleep.store(true, SeqCst);
        true
    }
}

pub fn main() {
    let receiver = Loop::<Mutex<Vec<u32>>>::default();
    println!("the loop may sleep: {}", receiver.may_sleep());
    receiver.send(1);
    println!("notifications: {:?}", receiver.notifications);
    println!("the loop may sleep: {}", receiver.may_sleep());
}
