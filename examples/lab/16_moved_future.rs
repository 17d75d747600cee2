//! Which waker counts when a future moves to another task? That of the latest poll.
//!
//! A future is polled by task `first`, then given to task `second`, which polls it again. Then the
//! door opens. Which task is woken? The stubborn future kept the waker of its first poll: `first`,
//! which does not have the future any more, is woken, and `second` waits forever. The correct
//! future calls `will_wake` at each poll, and replaces the waker if it would wake another task.
//!
//! Look at which task is woken when `main` opens the door.
//!
//! `cargo run --example lab_16_moved_future`; then exercise 16, `exercises/16.rs`.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures_util::FutureExt;
use wakeful::trace::{Effect, Level, Origin, mark};
use wakeful_lab as lab;

#[derive(Default)]
struct Door {
    open: Cell<bool>,
    waiting: RefCell<Option<Waker>>,
}

struct WaitForDoor {
    door: Rc<Door>,
    stubborn: bool,
}

impl Future for WaitForDoor {
    type Output = ();

    fn poll(self: Pin<&mut WaitForDoor>, cx: &mut Context<'_>) -> Poll<()> {
        if self.door.open.get() {
            return Poll::Ready(());
        }
        let mut kept = self.door.waiting.borrow_mut();
        match &mut *kept {
            Some(_) if self.stubborn => println!("stubborn: keep the waker of the first poll"),
            Some(waker) if waker.will_wake(cx.waker()) => println!("same task: keep its waker"),
            _ => *kept = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}

/// Moves a future from one task to another. Returns whether the second task ends.
async fn move_it(names: [&'static str; 2], stubborn: bool) -> bool {
    let door = Rc::new(Door::default());
    let mut future = WaitForDoor {
        door: door.clone(),
        stubborn,
    };
    let table: Rc<Cell<Option<WaitForDoor>>> = Rc::default();

    let handover = table.clone();
    let first = lab::spawn(names[0], async move {
        for _ in 0..2 {
            poll_fn(|cx| Poll::Ready(future.poll_unpin(cx)))
                .await
                .is_pending();
        }
        handover.set(Some(future));
        pending::<()>().await;
    });
    lab::settle().await;
    let future = table.take().expect("the first task has handed it over");
    let second = lab::spawn(names[1], future);
    lab::settle().await;

    mark("the door opens");
    door.open.set(true);
    let waker = door.waiting.take();
    waker.expect("the future left a waker").wake();
    lab::settle().await;
    let ended = second.is_finished();
    first.abort();
    second.abort();
    lab::settle().await;
    ended
}

fn main() {
    let snapshot = lab::record(Level::Wakes, async {
        println!("A future that keeps the waker of its first poll:");
        let ended = move_it(["stubborn, first", "stubborn, second"], true).await;
        println!("ended: {ended}\nA future that keeps the waker of its latest poll:");
        assert!(!ended);
        let ended = move_it(["correct, first", "correct, second"], false).await;
        println!("ended: {ended}");
        assert!(ended);
    });
    lab::show("16_moved_future", &snapshot);

    println!("A future does not belong to a task. Each poll may come from another one.");

    // Only the task of the latest poll must be woken.
    let by_main = (Origin::Task(lab::task(&snapshot, "main")), Effect::Queued);
    assert_eq!(lab::wakes(&snapshot, "stubborn, first"), [by_main]);
    assert_eq!(lab::wakes(&snapshot, "stubborn, second"), []);
    assert_eq!(lab::wakes(&snapshot, "correct, first"), []);
    assert_eq!(lab::wakes(&snapshot, "correct, second"), [by_main]);
}
