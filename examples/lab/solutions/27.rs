//! The solution of exercise 27.
//!
//! If the message comes after the check and before the flag is set, the check has not seen it, and
//! `send` does not see the flag. So the flag must be set first and the queue checked after it: then
//! at least one of the two sees what the other has done. If the loop does not sleep, it clears the
//! flag, so that the next `send` does not notify it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};

pub const ANSWER: char = 'b';

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
        self.asleep.store(true, SeqCst);
        if !self.queue.is_empty() {
            self.asleep.store(false, SeqCst);
            return false;
        }
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
