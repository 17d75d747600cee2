//! The solution of exercise 20.
//!
//! A was kept and not polled while the task waited for the lock a second time. It was the first
//! waiter, so the lock went to A, which could not release it. Both are polled now: `join!` polls A
//! and B until both have ended. To await A before B is right as well.

use std::rc::Rc;
use std::time::Duration;

use wakeful::sync::Mutex;
use wakeful::time::{pause, sleep, timeout};
use wakeful::trace::Level;
use wakeful_lab as lab;

pub const ANSWER: char = 'b';

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
    let b = async { book.lock().await.push('B') };
    wakeful::join!(a, b);
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
