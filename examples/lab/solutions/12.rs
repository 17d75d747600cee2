//! The solution of exercise 12.
//!
//! `wake` consumes a waker, so after the first tick the clock had none. `wake_by_ref` wakes the
//! task and leaves the waker to the clock, which drops it in `stop`.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use wakeful::trace::Level;
use wakeful_lab as lab;

pub const ANSWER: char = 'b';

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
        for waker in self.listeners.borrow().iter() {
            waker.wake_by_ref();
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
