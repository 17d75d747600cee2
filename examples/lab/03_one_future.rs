//! One future, one thread: what `block_on` is, in 40 lines.
//!
//! A future is the state machine of lesson 02 with one method: `poll` goes on as far as it can and
//! returns `Ready` or `Pending`. New is how the caller learns when to poll again. There is no list
//! of interests: the caller passes in a `Waker`, and the code that makes the future ready calls
//! `wake`.
//!
//! Look at the order: poll, sleep, wake, poll. Nothing is polled in between. (There are two
//! threads, so sometimes the wake comes before the sleep. `Notify` stores it, so it is not lost.)
//!
//! `cargo run --example lab_03_one_future`; then exercise 03, `exercises/03.rs`.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

/// Polls a future until it is ready, and sleeps whenever it is not.
fn block_on<F: Future>(future: F) -> F::Output {
    let notify = Arc::new(Notify::default());
    let waker = Waker::from(notify.clone());
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        println!("block_on: poll");
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => println!("block_on: pending, so sleep until the waker is called"),
        }
        notify.wait();
    }
}

/// Lets one thread sleep until another one notifies it. A notification that comes before the wait
/// is stored, so it is not lost.
#[derive(Default)]
struct Notify {
    notified: Mutex<bool>,
    changed: Condvar,
}

impl Notify {
    fn wait(&self) {
        let mut notified = self.notified.lock().unwrap();
        while !*notified {
            notified = self.changed.wait(notified).unwrap();
        }
        *notified = false;
    }
}

impl Wake for Notify {
    fn wake(self: Arc<Notify>) {
        println!("waker: notify the thread of block_on");
        *self.notified.lock().unwrap() = true;
        self.changed.notify_one();
    }
}

/// A letter that another thread writes. Ready when it has arrived.
struct Letter {
    polls: u32,
    to_the_writer: Sender<Waker>,
    letterbox: Receiver<&'static str>,
}

impl Future for Letter {
    type Output = (&'static str, u32);

    fn poll(mut self: Pin<&mut Letter>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.polls += 1;
        if let Ok(text) = self.letterbox.try_recv() {
            println!("letter: it has arrived");
            return Poll::Ready((text, self.polls));
        }
        println!("letter: not here yet; send the waker to the writer");
        // The context is borrowed for this call only. To wake later, the writer needs a clone.
        let _ = self.to_the_writer.send(cx.waker().clone());
        Poll::Pending
    }
}

fn main() {
    let (to_the_writer, wakers) = mpsc::channel();
    let (pen, letterbox) = mpsc::channel();
    let writer = thread::spawn(move || {
        let waker: Waker = wakers.recv().expect("the future sends its waker");
        pen.send("wish you were here").expect("the future reads it");
        waker.wake(); // after the letter, so that the poll finds the letter
    });

    let (text, polls) = block_on(Letter {
        polls: 0,
        to_the_writer,
        letterbox,
    });
    writer.join().expect("the writer does not panic");
    println!("\nThe letter says \"{text}\", after {polls} polls.");
    println!("A future that returns `Pending` has left its waker with code that will call it.");

    // One poll to start, one because of the wake. None in between: waiting costs nothing.
    assert_eq!((text, polls), ("wish you were here", 2));
}
