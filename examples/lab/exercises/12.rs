//! Exercise 12: a clock that ticks once.
//!
//! What it should do: each call of `tick` wakes all tasks that listen to the clock: they register
//! once. After `stop`, the clock keeps no wakers.
//!
//! Repair `tick`. It needs a change of one or two lines.
//!
//! The question, to answer before you run it: in `main` the clock ticks three times, and the task
//! `sleeper` runs after each tick. How often does a tick wake it, before your repair?
//!
//! - a: never
//! - b: once
//! - c: three times
//!
//! Run it: `cargo run --example exercise_12`. Check it: `cargo run --example lab -- check 12`.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use wakeful::trace::Level;
use wakeful_lab as lab;

pub const ANSWER: char = '?';

#[derive(Default)]
pub struct Clock {
    ticks: Cell<u32>,
    listeners: RefCell<Vec<Waker>>,
}

impl Clock {
    /// Registers a waker. Every tick wakes its task.
    pub fn listen(&self, waker: &Waker) {
        self.listeners.borrow_mut().push(waker.clone());
    }

    pub fn tick(&self) {
        self.ticks.set(self.ticks.get() + 1);
        for waker in self.listeners.borrow_mut().drain(..) {
            waker.wake();
        }
    }

    pub fn ticks(&self) -> u32 {
        self.ticks.get()
    }

    /// Drops all wakers.
    pub fn stop(&self) {
        self.listeners.take();
    }
}

/// Registers with the clock once, and waits until it has ticked `n` times.
async fn wait_for(clock: &Clock, n: u32) {
    let mut registered = false;
    poll_fn(|cx| {
        if !registered {
            registered = true;
            clock.listen(cx.waker());
        }
        match clock.ticks() >= n {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
}

pub fn main() {
    let snapshot = lab::record(Level::Clones, async {
        let clock = Rc::new(Clock::default());
        let its = clock.clone();
        lab::spawn("sleeper", async move { wait_for(&its, 3).await });
        lab::settle().await;
        for _ in 0..3 {
            clock.tick();
            lab::settle().await;
        }
        clock.stop();
    });
    lab::show("exercise_12", &snapshot);
}
