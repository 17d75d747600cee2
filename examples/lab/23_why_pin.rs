//! Why `Pin`? Because a future may contain a pointer into itself, and must not be moved then.
//!
//! A future that holds a variable and a reference to it across an `.await` is a struct with a
//! pointer into itself. If it were moved after its first poll, the pointer would be wrong. `poll`
//! takes `Pin<&mut Self>`, a promise: from now on, until it is dropped, this value is not moved.
//!
//! Look at the addresses. Before its first poll a future may be moved: it has no such pointer yet.
//! After it, moving the `Pin<Box<_>>` moves the pointer to the future, and not the future.
//!
//! `cargo run --example lab_23_why_pin`; then exercise 23, `exercises/23.rs`.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use wakeful::task::yield_now;
use wakeful::trace::Level;
use wakeful_lab as lab;

/// Stores its address at its first poll, as a reference into itself would.
#[derive(Default)]
struct Unpinned {
    stored: Option<usize>,
}

impl Unpinned {
    /// Returns whether the value is still at the stored address. That is safe, as an address in a
    /// `usize` is only a number.
    fn poll(&mut self) -> bool {
        let here = &raw const *self as usize;
        let stored = *self.stored.get_or_insert(here);
        println!("  the value is at {here:#x}, the stored address is {stored:#x}");
        here == stored
    }
}

/// Holds `local` and a reference to it across two waits, and reports the address at each poll.
async fn points_into_itself(seen: Rc<Cell<Vec<usize>>>) -> u32 {
    let local = 42_u32;
    let reference = &local;
    for _ in 0..2 {
        let mut all = seen.take();
        all.push(&raw const local as usize);
        seen.set(all);
        yield_now().await;
    }
    *reference
}

fn main() {
    println!("A struct that is not pinned, polled, moved, and polled again:");
    let mut unpinned = Unpinned::default();
    let before = unpinned.poll();
    let mut moved = Box::new(unpinned); // allowed, as it is not pinned
    let after = moved.poll();
    println!("  with a reference instead of a number, the second poll would read freed memory");

    println!("An async block, moved before the first poll and then pinned in a box:");
    let seen = Rc::new(Cell::default());
    let future = points_into_itself(seen.clone());
    let size = size_of_val(&future);
    let mut pinned = Box::pin(future); // moves the future: allowed before the first poll
    let start = &raw const *pinned as usize;
    let mut context = Context::from_waker(Waker::noop());
    assert!(pinned.as_mut().poll(&mut context).is_pending());
    // This moves the pointer. To move the future out, `*pinned`, does not compile.
    let mut pinned: Vec<Pin<Box<_>>> = vec![pinned];
    assert!(pinned[0].as_mut().poll(&mut context).is_pending());
    let Poll::Ready(value) = pinned[0].as_mut().poll(&mut context) else {
        panic!("it waits twice");
    };
    let places = seen.take();
    for place in &places {
        println!("  the local is at {place:#x}, inside the future at {start:#x}");
    }

    // A task is pinned from its first poll to its end: Wakeful allocates it once and never moves
    // it.
    let at = Rc::new(Cell::default());
    let report = at.clone();
    let snapshot = lab::record(Level::Polls, async move {
        let task = lab::spawn("pinned", points_into_itself(report));
        assert_eq!(task.await.expect("it does not panic"), 42);
    });
    lab::show("23_why_pin", &snapshot);
    println!("`spawn` and `.await` pin a future. To pin one yourself, use `pin!` or `Box::pin`.");

    // A value that is not pinned may be moved, and pointers into it are wrong then.
    assert!(before && !after);
    assert_eq!(value, 42);
    assert_eq!(places[0], places[1]);
    assert!((start..start + size).contains(&places[0]));
    let places: Vec<usize> = at.take();
    assert_eq!(places[0], places[1]);
}
