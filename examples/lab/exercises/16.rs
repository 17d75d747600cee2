//! Exercise 16: the parcel is announced to the wrong task.
//!
//! What it should do: `arrived` is ready when the parcel is there. The future may be polled by one
//! task and then be given to another one. The task of the latest poll is woken, and no other.
//!
//! Repair the `poll` of `Arrived`. It needs a change of one or two lines.
//!
//! The question, to answer before you run it: in `main`, task `first` polls the future and gives it
//! to task `second`, which awaits it. Then the parcel comes. Which task is woken, before your
//! repair?
//!
//! - a: `first`
//! - b: `second`
//! - c: both
//! - d: neither
//!
//! Run it: `cargo run --example exercise_16`. Check it: `cargo run --example lab -- check 16`.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use wakeful::trace::Level;
use wakeful_lab as lab;

pub const ANSWER: char = '?';

#[derive(Default)]
pub struct Parcel {
    here: Cell<bool>,
    waiting: RefCell<Option<Waker>>,
}

impl Parcel {
    pub fn arrive(&self) {
        self.here.set(true);
        if let Some(waker) = self.waiting.take() {
            waker.wake();
        }
    }

    pub fn arrived(self: &Rc<Parcel>) -> Arrived {
        Arrived(self.clone())
    }
}

/// Ready when the parcel is there.
pub struct Arrived(Rc<Parcel>);

impl Future for Arrived {
    type Output = ();

    fn poll(self: Pin<&mut Arrived>, cx: &mut Context<'_>) -> Poll<()> {
        if self.0.here.get() {
            return Poll::Ready(());
        }
        let mut waiting = self.0.waiting.borrow_mut();
        waiting.get_or_insert_with(|| cx.waker().clone());
        Poll::Pending
    }
}

pub fn main() {
    let snapshot = lab::record(Level::Clones, async {
        let parcel = Rc::new(Parcel::default());
        let table: Rc<Cell<Option<Arrived>>> = Rc::default();
        let (mut arrived, handover) = (parcel.arrived(), table.clone());
        lab::spawn("first", async move {
            poll_fn(|cx| Poll::Ready(Pin::new(&mut arrived).poll(cx).is_pending())).await;
            handover.set(Some(arrived));
            pending::<()>().await;
        });
        lab::settle().await;
        lab::spawn("second", table.take().expect("it was handed over"));
        lab::settle().await;
        parcel.arrive();
        lab::settle().await;
    });
    lab::show("exercise_16", &snapshot);
}
