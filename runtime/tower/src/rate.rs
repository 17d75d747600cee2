//! A limit of the number of requests in a period.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tower_layer::Layer;
use tower_service::Service;
use wakeful_core::time::{Instant, Sleep, sleep_until};

/// Number of requests in a period.
#[derive(Clone, Copy, Debug)]
struct Rate {
    number: u64,
    period: Duration,
}

impl Rate {
    #[track_caller]
    fn new(number: u64, period: Duration) -> Rate {
        assert!(
            number > 0,
            "a rate limit of 0 requests lets none through: allow at least 1"
        );
        assert!(
            period > Duration::ZERO,
            "a rate limit needs a period that is longer than zero"
        );
        Rate { number, period }
    }
}

/// Layer that adds a [`RateLimit`]. Each service that it wraps has a limit of its own.
#[derive(Clone, Copy, Debug)]
pub struct RateLimitLayer {
    rate: Rate,
}

impl RateLimitLayer {
    /// Creates a layer that lets that many requests through in each period.
    ///
    /// # Panics
    ///
    /// If the number or the period is zero.
    #[track_caller]
    pub fn new(number: u64, period: Duration) -> RateLimitLayer {
        RateLimitLayer {
            rate: Rate::new(number, period),
        }
    }
}

impl<S> Layer<S> for RateLimitLayer {
    type Service = RateLimit<S>;

    fn layer(&self, inner: S) -> RateLimit<S> {
        RateLimit::at(inner, self.rate)
    }
}

/// Service that is ready for a number of requests in each period. A period begins with its first
/// request. After the last one, `poll_ready` waits until the period has ended.
///
/// It is not `Clone`, as the clones would have a limit each: put it into a
/// [`Buffer`](crate::Buffer).
///
/// # Panics
///
/// `poll_ready` panics outside a runtime if it has to wait. `call` panics if `poll_ready` has not
/// returned `Ready` before.
#[derive(Debug)]
pub struct RateLimit<S> {
    inner: S,
    rate: Rate,
    /// The end of the period. `None`: no period has begun.
    end: Option<Instant>,
    /// How many requests the period still has.
    left: u64,
    /// The wait for the end of the period; its allocation is kept for the next one.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl<S> RateLimit<S> {
    /// Wraps a service, with that many requests in each period.
    ///
    /// # Panics
    ///
    /// If the number or the period is zero.
    #[track_caller]
    pub fn new(inner: S, number: u64, period: Duration) -> RateLimit<S> {
        RateLimit::at(inner, Rate::new(number, period))
    }

    fn at(inner: S, rate: Rate) -> RateLimit<S> {
        RateLimit {
            inner,
            rate,
            end: None,
            left: rate.number,
            sleep: None,
        }
    }

    /// Returns a reference to the inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// Returns a mutable reference to the inner service.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Returns the inner service.
    pub fn into_inner(self) -> S {
        self.inner
    }

    /// Waits until the period has ended, if it has no request left.
    fn poll_period(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.left == 0
            && let Some(end) = self.end
        {
            if Instant::now() < end {
                let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(end)));
                if sleep.deadline() != end {
                    sleep.as_mut().reset(end);
                }
                ready!(sleep.as_mut().poll(cx));
            }
            self.left = self.rate.number;
        }
        Poll::Ready(())
    }
}

impl<S: Service<R>, R> Service<R> for RateLimit<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        ready!(self.poll_period(cx));
        self.inner.poll_ready(cx)
    }

    #[track_caller]
    fn call(&mut self, request: R) -> S::Future {
        assert!(
            self.left > 0,
            "`RateLimit::call` was called before `poll_ready` had returned `Ready`"
        );
        let now = Instant::now();
        if self.end.is_none_or(|end| now >= end) {
            self.end = Some(now + self.rate.period);
            self.left = self.rate.number;
        }
        self.left -= 1;
        self.inner.call(request)
    }
}
