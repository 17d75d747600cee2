//! Exercise 18: a waker that outlives its task.
//!
//! What it should do: a door keeps a waker for each task that waits. When a task gives up waiting,
//! its waker is dropped, so the memory of the task can be freed.
//!
//! Repair the `drop` of `Opened`. It needs a few lines.
//!
//! The question, to answer before you run it: in `main` the guest gives up after a second and ends.
//! The door stays shut, and lives on. What is still in memory then, before your repair?
//!
//! - a: the guest's future, with its buffer
//! - b: the memory of the task, in which the future was
//! - c: nothing of the guest
//!
//! Run it: `cargo run --example exercise_18`. Check it: `cargo run --example lab -- check 18`.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use wakeful::time::{pause, timeout};
use wakeful::trace::Level;
use wakeful_lab as lab;

pub const ANSWER: char = '?';

#[derive(Default)]
pub struct Door {
    open: Cell<bool>,
    next_key: Cell<u32>,
    waiting: RefCell<Vec<(u32, Waker)>>,
}

impl Door {
    pub fn open(&self) {
        self.open.set(true);
        for (_key, waker) in self.waiting.take() {
            waker.wake();
        }
    }

    pub fn opened(&self) -> Opened<'_> {
        let key = self.next_key.replace(self.next_key.get() + 1);
        Opened { door: self, key }
    }
}

/// Ready when the door is open.
pub struct Opened<'a> {
    door: &'a Door,
    key: u32,
}

impl Future for Opened<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.door.open.get() {
            return Poll::Ready(());
        }
        let mut waiting = self.door.waiting.borrow_mut();
        waiting.retain(|(key, _)| *key != self.key);
        waiting.push((self.key, cx.waker().clone()));
        Poll::Pending
    }
}

impl Drop for Opened<'_> {
    fn drop(&mut self) {
        println!(
            "a task gives up waiting, or has waited long enough: {}",
            self.key
        );
    }
}

pub fn main() {
    let door = Rc::new(Door::default());
    let snapshot = lab::record(Level::Clones, async {
        pause();
        let its = door.clone();
        let guest = lab::spawn("guest", async move {
            let buffer = [0_u8; 1024];
            let second = Duration::from_secs(1);
            let result = timeout(second, its.opened()).await;
            println!("the guest ends: {result:?}, {} bytes", buffer.len());
        });
        guest.await.expect("it does not panic");
    });
    lab::show("exercise_18", &snapshot);
    println!("wakers in the door: {}", door.waiting.borrow().len());
}
