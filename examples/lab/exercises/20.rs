//! Exercise 20: a future that is kept and not polled.
//!
//! What it should do: `two` makes two entries in a book, which a lock protects. If entry A does not
//! get the lock within a second, B is made as well. Both entries are made, and `two` ends.
//!
//! Repair `two`. Both entries must be made. It needs a change of one or two lines.
//!
//! The question, to answer before you run it: in `main`, task `holder` releases the lock after two
//! seconds. How often is task `two` polled after that, before your repair?
//!
//! - a: never
//! - b: once, and the poll returns `Pending`
//! - c: again and again
//!
//! Run it: `cargo run --example exercise_20`. Check it: `cargo run --example lab -- check 20`.

use std::rc::Rc;
use std::time::Duration;

use wakeful::sync::Mutex;
use wakeful::time::{pause, sleep, timeout};
use wakeful::trace::Level;
use wakeful_lab as lab;

pub const ANSWER: char = '?';

pub type Book = Rc<Mutex<Vec<char>>>;

const SECOND: Duration = Duration::from_secs(1);

pub async fn two(book: Book) {
    let mut a = Box::pin(async {
        book.lock().await.push('A');
    });
    wakeful::select! {
        () = a.as_mut() => return,
        () = sleep(SECOND) => println!("A waits for a second now, so make entry B as well"),
    }
    book.lock().await.push('B');
    a.await;
}

pub fn main() {
    let snapshot = lab::record(Level::Wakes, async {
        pause();
        let book = Rc::new(Mutex::new(Vec::new()));
        let its = book.clone();
        lab::spawn("holder", async move {
            let guard = its.lock().await;
            sleep(2 * SECOND).await;
            drop(guard);
        });
        let task = lab::spawn("two", two(book.clone()));
        let ended = timeout(3600 * SECOND, task).await.is_ok();
        println!("Task `two` has ended within an hour: {ended}.");
    });
    lab::show("exercise_20", &snapshot);
}
