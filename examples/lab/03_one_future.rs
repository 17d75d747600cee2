//! One future, one thread: what `block_on` is, in 40 lines.
//!
//! A future is the state machine of lesson 02 with one method: `poll` goes on as far as it can and
//! returns `Ready` or `Pending`. New is how the caller learns when to poll again. There is no list
//! of interests: the caller passes in a `Waker`, and the code that makes the future ready calls
//! `wake`.
//!
//! Look for the order: poll, sleep, wake, poll. Nothing is polled in between. (There are two
//! threads, so now and then the bell rings before the sleep. It does not matter: a bell remembers.)
//!
//! `cargo run --example lab_03_one_future`

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

/// Polls a future until it is ready, and sleeps whenever it is not.
fn block_on<F: Future>(future: F) -> F::Output {
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(bell.clone());
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        println!("block_on: I poll");
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => println!("block_on: pending, so I sleep until the bell rings"),
        }
        bell.wait();
    }
}

/// Rings once, and remembers it: a ring that comes before the wait is not lost.
#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    ring: Condvar,
}

impl Bell {
    fn wait(&self) {
        let mut rung = self.rung.lock().unwrap();
        while !*rung {
            rung = self.ring.wait(rung).unwrap();
        }
        *rung = false;
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Bell>) {
        println!("waker: I ring the bell");
        *self.rung.lock().unwrap() = true;
        self.ring.notify_one();
    }
}

/// A letter that somebody else will write. Ready when it has come.
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
            println!("letter: it is here");
            return Poll::Ready((text, self.polls));
        }
        println!("letter: not yet; the writer gets the waker");
        // The context is borrowed for this call only. A wake after it needs a clone of the waker.
        let _ = self.to_the_writer.send(cx.waker().clone());
        Poll::Pending
    }
}

fn main() {
    let (to_the_writer, wakers) = mpsc::channel();
    let (pen, letterbox) = mpsc::channel();
    let writer = thread::spawn(move || {
        let waker: Waker = wakers.recv().expect("the future sends its waker");
        pen.send("wish you were here").expect("somebody reads it");
        waker.wake(); // first the letter, then the bell: who is woken finds it
    });

    let (text, polls) = block_on(Letter {
        polls: 0,
        to_the_writer,
        letterbox,
    });
    writer.join().expect("the writer does not panic");
    println!("\nThe letter says \"{text}\", after {polls} polls.");
    println!("`Pending` is a promise: somebody has my waker and will use it.");

    // One poll to start, one because of the wake. None in between: waiting costs nothing.
    assert_eq!((text, polls), ("wish you were here", 2));
}
