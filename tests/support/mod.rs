//! Code that the task tests share: a count of drops, foreign wakers, waits for other threads.
#![allow(dead_code, reason = "each test file takes what it needs")]

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

/// Counts guards: each must be dropped once, on the thread that created the ledger.
#[derive(Clone)]
pub struct Ledger(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    home: ThreadId,
    made: AtomicUsize,
    dropped: AtomicUsize,
    elsewhere: AtomicUsize,
}

/// A value for futures and outputs.
#[derive(Debug)]
pub struct Guard(Arc<Counts>);

impl Ledger {
    pub fn new() -> Ledger {
        Ledger(Arc::new(Counts {
            home: thread::current().id(),
            made: AtomicUsize::new(0),
            dropped: AtomicUsize::new(0),
            elsewhere: AtomicUsize::new(0),
        }))
    }

    pub fn guard(&self) -> Guard {
        self.0.made.fetch_add(1, Ordering::SeqCst);
        Guard(self.0.clone())
    }

    pub fn dropped(&self) -> usize {
        self.0.dropped.load(Ordering::SeqCst)
    }

    /// Asserts that `n` guards were made, and that all were dropped on the owner thread.
    #[track_caller]
    pub fn assert_all_dropped(&self, n: usize) {
        assert_eq!(self.0.made.load(Ordering::SeqCst), n, "guards made");
        assert_eq!(self.dropped(), n, "guards dropped");
        let elsewhere = self.0.elsewhere.load(Ordering::SeqCst);
        assert_eq!(elsewhere, 0, "guards dropped on another thread");
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if thread::current().id() != self.0.home {
            self.0.elsewhere.fetch_add(1, Ordering::SeqCst);
        }
        self.0.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

/// Calls a closure when dropped.
pub struct OnDrop<F: FnMut()>(pub F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// A waker that counts its wakes.
#[derive(Default)]
pub struct Counting(pub AtomicUsize);

impl Counting {
    pub fn new() -> (Arc<Counting>, Waker) {
        let counting = Arc::new(Counting::default());
        (counting.clone(), counting.into())
    }

    pub fn wakes(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Counting {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A waker whose wake panics.
pub struct Panicking;

impl Wake for Panicking {
    fn wake(self: Arc<Self>) {
        panic!("a foreign waker panics");
    }
}

/// Polls once with that waker.
pub fn poll_once<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    std::pin::Pin::new(future).poll(&mut Context::from_waker(waker))
}

/// Returns the waker of the task that awaits it.
pub async fn my_waker() -> Waker {
    poll_fn(|cx| Poll::Ready(cx.waker().clone())).await
}

/// Waits for a flag, and is woken through the wakers that the caller hands out.
pub async fn until(flag: &AtomicBool) {
    poll_fn(|_| match flag.load(Ordering::SeqCst) {
        true => Poll::Ready(()),
        false => Poll::Pending,
    })
    .await
}

/// Lets other threads run until the condition holds. The limit ends a test that fails.
#[track_caller]
pub fn spin_until(mut condition: impl FnMut() -> bool) {
    let limit = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < limit, "the condition did not hold in time");
        thread::yield_now();
    }
}

/// The same inside a runtime, while its tasks run.
pub async fn yield_until(mut condition: impl FnMut() -> bool) {
    let limit = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < limit, "the condition did not hold in time");
        thread::yield_now();
        wakeful::task::yield_now().await;
    }
}

/// Returns the text of a panic's payload.
pub fn text_of(payload: Box<dyn Any + Send>) -> String {
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => payload
            .downcast_ref::<&str>()
            .copied()
            .unwrap_or("not a text")
            .to_owned(),
    }
}

/// Returns the text of the panic in `f`.
#[track_caller]
pub fn panic_of<R>(f: impl FnOnce() -> R) -> String {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(_) => panic!("it did not panic"),
        Err(payload) => text_of(payload),
    }
}
