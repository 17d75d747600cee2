//! The solution of exercise 18.
//!
//! A waker keeps the memory of its task alive, also after the task has ended. A future that has put
//! a waker into a list has to remove it when it is dropped.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use wakeful::time::{pause, timeout};
use wakeful::trace::Level;
use wakeful_lab as lab;

pub const ANSWER: char = 'b';

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
        let mut waiting = self.door.waiting.borrow_mut();
        waiting.retain(|(key, _)| *key != self.key);
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
