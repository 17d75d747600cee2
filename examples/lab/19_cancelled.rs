//! What happens on drop? Dropping a future cancels it at its current `.await`, without notice.
//!
//! A timeout, like every `select`, polls two futures and drops the one that is not ready first. The
//! advantage: its drop also cancels its timer and drops its waker.
//!
//! The trap: `read_word` has taken "hel" off the channel when the timeout drops it. The letters
//! were in a local variable, which is a part of the future. The next `read_word` gets "lo".
//!
//! The clock is paused in this lesson and jumps to the next timer, so a second takes no time.
//!
//! `cargo run --example lab_19_cancelled`; then exercise 19, `exercises/19.rs`.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use wakeful::time::{pause, sleep, timeout};
use wakeful::trace::{Level, mark};
use wakeful_lab as lab;

const SECOND: Duration = Duration::from_secs(1);

#[derive(Default)]
struct Channel {
    letters: RefCell<VecDeque<char>>,
    reader: RefCell<Option<Waker>>,
}

impl Channel {
    fn send(&self, letters: &str) {
        self.letters.borrow_mut().extend(letters.chars());
        if let Some(waker) = self.reader.take() {
            waker.wake();
        }
    }

    async fn letter(&self) -> char {
        poll_fn(|cx| match self.letters.borrow_mut().pop_front() {
            Some(letter) => Poll::Ready(letter),
            None => {
                self.reader.replace(Some(cx.waker().clone()));
                Poll::Pending
            }
        })
        .await
    }
}

/// Not cancel safe: the letters that were read are lost if it is dropped before the end.
async fn read_word(channel: &Channel) -> String {
    let mut word = String::new();
    loop {
        match channel.letter().await {
            ' ' => return word,
            letter => word.push(letter),
        }
    }
}

/// Spawns a task that sends "hel", and two seconds later "lo ".
fn slow_writer(channel: &Rc<Channel>) {
    let channel = channel.clone();
    lab::spawn("writer", async move {
        channel.send("hel");
        sleep(2 * SECOND).await;
        channel.send("lo ");
    });
}

fn main() {
    let snapshot = lab::record(Level::Wakes, async {
        pause();
        mark("a timeout of a second drops a sleep of an hour");
        assert!(timeout(SECOND, sleep(3600 * SECOND)).await.is_err());

        mark("a timeout drops a read half way");
        let channel = Rc::new(Channel::default());
        slow_writer(&channel);
        let first = timeout(SECOND, read_word(&channel)).await;
        println!(
            "first try:  {}",
            first.as_deref().unwrap_or("too slow, dropped")
        );
        let second = read_word(&channel).await;
        println!("second try: {second:?}; \"hel\" was in the future that was dropped");
        assert_eq!(second, "lo");

        mark("a read is kept after a timeout");
        slow_writer(&channel);
        let mut read = pin!(read_word(&channel));
        // Only the timeout is dropped, since it has borrowed the read.
        let first = timeout(SECOND, read.as_mut()).await;
        println!(
            "first try:  {}",
            first.as_deref().unwrap_or("too slow, but kept")
        );
        let second = read.await;
        println!("second try: {second:?}");
        assert_eq!(second, "hello");
    });
    lab::show("19_cancelled", &snapshot);

    println!("For each future in a `select`, check that it may be dropped half way: its docs");
    println!("should say whether it is cancel safe.");

    // The future that is not ready is dropped, and its timer is cancelled.
    lab::assert_story(
        &snapshot,
        &[
            "main marks \"a timeout of a second drops a sleep of an hour\"",
            "main arms timer 0",
            "main arms timer 1",
            "timer 1 fires",
            "timer 0 is cancelled",
            "main marks \"a timeout drops a read half way\"",
        ],
    );
}
