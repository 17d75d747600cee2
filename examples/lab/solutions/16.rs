//! The solution of exercise 16.
//!
//! The future kept the waker of its first poll. Each poll may come from another task, so each must
//! store its waker, or check with `will_wake` that the stored one wakes the same task.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use wakeful::trace::Level;
use wakeful_lab as lab;

pub const ANSWER: char = 'a';

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
        match &mut *waiting {
            Some(waker) => waker.clone_from(cx.waker()), // clones only if it must
            None => *waiting = Some(cx.waker().clone()),
        }
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
