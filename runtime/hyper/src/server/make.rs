//! One service for all connections.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use tower_service::Service;

/// Service that returns a clone of a service for each connection. [`serve`](super::serve) makes it.
#[derive(Clone, Copy, Debug)]
pub struct Cloned<S>(pub(super) S);

impl<S: Clone, T> Service<T> for Cloned<S> {
    type Response = S;
    type Error = Infallible;
    type Future = Ready<Result<S, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: T) -> Self::Future {
        ready(Ok(self.0.clone()))
    }
}
