//! Polls of a future by hand.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
pub use std::task::Poll as Polled;

use super::support::Counting;

/// Polls once with a waker of its own, and returns its count of wakes.
pub fn poll_counting<F: Future + ?Sized>(
    future: Pin<&mut F>,
) -> (Arc<Counting>, Polled<F::Output>) {
    let (counting, waker) = Counting::new();
    let polled = future.poll(&mut Context::from_waker(&waker));
    (counting, polled)
}

pub fn is_ready<F: Future + ?Sized>(future: Pin<&mut F>) -> bool {
    poll_counting(future).1.is_ready()
}
