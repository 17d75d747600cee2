//! I woke my task while it was being polled: is the wake lost? It must not be.
//!
//! A task is not in the queue while it runs. If it is woken then, it may have checked its condition
//! already and be about to return `Pending`. So such a wake has to cause a poll after this one.
//!
//! Two executors for one task come first, of one line's difference: when do they forget the wakes
//! they have answered? Before the poll is right, after it is a bug. Then look at
//! `queued again, during its own poll` in Wakeful's story.
//!
//! `cargo run --example lab_13_wake_during_poll`

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Context, Wake, Waker};

use wakeful::trace::{Effect, End, Level, Origin};
use wakeful_lab as lab;

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Woken>) {
        self.0.store(true, SeqCst);
    }
}

#[derive(Clone, Copy)]
enum Forget {
    BeforePoll,
    AfterPoll,
}

/// Polls as long as the task is woken. Did the future get to its end?
fn run(future: impl Future<Output = ()>, forget: Forget) -> bool {
    let woken = Arc::new(Woken(AtomicBool::new(true)));
    let waker = Waker::from(woken.clone());
    let mut future = pin!(future);
    while woken.0.load(SeqCst) {
        if let Forget::BeforePoll = forget {
            woken.0.store(false, SeqCst);
        }
        if future
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_ready()
        {
            return true;
        }
        if let Forget::AfterPoll = forget {
            woken.0.store(false, SeqCst); // forgets what was said during the poll as well
        }
    }
    false // it waits, and no wake will come
}

/// Wakes its own task, then returns `Pending`.
async fn wake_myself() {
    lab::leave_waker(|waker| waker.wake()).await;
}

fn main() {
    let right = run(wake_myself(), Forget::BeforePoll);
    let wrong = run(wake_myself(), Forget::AfterPoll);
    println!("forget before the poll: ended {right}");
    println!("forget after the poll:  ended {wrong}, the wake is lost");

    let snapshot = lab::record(Level::Wakes, async {
        lab::spawn("selfish", wake_myself())
            .await
            .expect("it does not panic");
    });
    lab::show("13_wake_during_poll", &snapshot);

    println!(
        "A task that wakes itself goes to the end of the line; that is how `yield_now` is made."
    );
    println!("A task that does so all the time keeps the thread busy: the page flags it.");

    // A wake during the poll leads to one more poll.
    assert!(right && !wrong);
    let selfish = Origin::Task(lab::task(&snapshot, "selfish"));
    assert_eq!(
        lab::wakes(&snapshot, "selfish"),
        [(selfish, Effect::DuringPoll)]
    );
    assert_eq!(lab::polls(&snapshot, "selfish"), [End::Pending, End::Ready]);
}
