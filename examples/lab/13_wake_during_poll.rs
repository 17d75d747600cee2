//! I woke my task while it was being polled: is the wake lost? It must not be.
//!
//! A task is not in the queue while it is polled. If it is woken then, it may have checked its
//! condition already and be about to return `Pending`. So such a wake has to cause another poll.
//!
//! The lesson begins with two executors for one task, which differ in one line: when they reset the
//! flag that a wake sets. To reset it before the poll is right, after the poll is a bug. Then look
//! at `queued again, during its own poll` in Wakeful's story.
//!
//! `cargo run --example lab_13_wake_during_poll`; then exercise 13, `exercises/13.rs`.

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
enum Reset {
    BeforePoll,
    AfterPoll,
}

/// Polls the future as long as it is woken. Returns whether it became ready.
fn run(future: impl Future<Output = ()>, reset: Reset) -> bool {
    let woken = Arc::new(Woken(AtomicBool::new(true)));
    let waker = Waker::from(woken.clone());
    let mut future = pin!(future);
    while woken.0.load(SeqCst) {
        if let Reset::BeforePoll = reset {
            woken.0.store(false, SeqCst);
        }
        if future
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_ready()
        {
            return true;
        }
        if let Reset::AfterPoll = reset {
            woken.0.store(false, SeqCst); // loses a wake that came during the poll
        }
    }
    false // it waits, and will not be woken
}

/// Wakes its own task, then returns `Pending`.
async fn wake_myself() {
    lab::leave_waker(|waker| waker.wake()).await;
}

fn main() {
    let right = run(wake_myself(), Reset::BeforePoll);
    let wrong = run(wake_myself(), Reset::AfterPoll);
    println!("flag reset before the poll: ended {right}");
    println!("flag reset after the poll:  ended {wrong}, the wake is lost");

    let snapshot = lab::record(Level::Wakes, async {
        lab::spawn("selfish", wake_myself())
            .await
            .expect("it does not panic");
    });
    lab::show("13_wake_during_poll", &snapshot);

    println!("A task that wakes itself is queued last; `yield_now` works this way.");
    println!("A task that does so all the time keeps the thread busy: the page flags it.");

    // A wake during the poll causes one more poll.
    assert!(right && !wrong);
    let selfish = Origin::Task(lab::task(&snapshot, "selfish"));
    assert_eq!(
        lab::wakes(&snapshot, "selfish"),
        [(selfish, Effect::DuringPoll)]
    );
    assert_eq!(lab::polls(&snapshot, "selfish"), [End::Pending, End::Ready]);
}
