//! Ten wakes: how many polls? One. Wakes are not counted.
//!
//! `main` puts ten letters into a box and wakes the reader after each. All ten wakes come before
//! the reader is polled. The first queues it; the others have no effect.
//!
//! Look at `nothing, it is already queued`. And look at the reader: it takes all letters that are
//! in the box, because one poll may have to handle any number of letters.
//!
//! `cargo run --example lab_14_ten_wakes`; then exercise 14, `exercises/14.rs`.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use wakeful::trace::{Effect, End, Level};
use wakeful_lab as lab;

#[derive(Default)]
struct Letterbox {
    letters: VecDeque<u32>,
    reader: Option<Waker>,
}

fn main() {
    let snapshot = lab::record(Level::Wakes, async {
        let shared: Rc<RefCell<Letterbox>> = Rc::default();
        let letterbox = shared.clone();
        let reader = lab::spawn(
            "reader",
            poll_fn(move |cx| {
                let mut letterbox = letterbox.borrow_mut();
                let read: Vec<u32> = letterbox.letters.drain(..).collect();
                println!("reader: polled, takes {} letters", read.len());
                letterbox.reader = Some(cx.waker().clone());
                if read.is_empty() {
                    Poll::Pending
                } else {
                    Poll::Ready(read)
                }
            }),
        );
        lab::settle().await;

        for letter in 1..=10 {
            println!("main: letter {letter}, and a wake");
            shared.borrow_mut().letters.push_back(letter);
            // The borrow ends before the wake: other executors' wakers may run code that borrows it.
            let waker = shared.borrow().reader.clone();
            waker.expect("the reader was polled once").wake();
        }
        let read = reader.await.expect("it does not panic");
        assert_eq!(read, (1..=10).collect::<Vec<_>>());
    });
    lab::show("14_ten_wakes", &snapshot);

    let effects: Vec<Effect> = lab::wakes(&snapshot, "reader")
        .iter()
        .map(|wake| wake.1)
        .collect();
    println!("Ten wakes, one poll: the first wake queued the reader, the other nine did nothing.");

    // Wakes may be merged, but not lost: a poll after the last wake sees all letters.
    assert_eq!(effects[0], Effect::Queued);
    assert_eq!(effects[1..], [Effect::Coalesced; 9]);
    assert_eq!(lab::polls(&snapshot, "reader"), [End::Pending, End::Ready]);
}
