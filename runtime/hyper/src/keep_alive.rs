//! A stream that is never silent for long.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::stream::{FusedStream, Stream};
use pin_project_lite::pin_project;
use wakeful_core::time;

use crate::sleep::Sleep;

pin_project! {
    /// Stream that yields an extra item whenever the stream inside has yielded none for some time,
    /// so that a proxy does not close the connection of a slow stream.
    ///
    /// It is the counterpart of `Sse::keep_alive` of axum, which needs tokio. It is `Send` if the
    /// stream and the closure are, as axum requires. The clock is that of the runtime.
    ///
    /// ```
    /// use std::{convert::Infallible, time::Duration};
    /// use axum::response::sse::{Event, Sse};
    /// use futures_util::stream::{Stream, pending};
    /// use wakeful_hyper::KeepAlive;
    ///
    /// async fn events() -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    ///     let events = pending(); // events of yours
    ///     let comment = || Ok(Event::default().comment(""));
    ///     Sse::new(KeepAlive::new(events, Duration::from_secs(15), comment))
    /// }
    /// ```
    #[must_use = "streams do nothing unless polled"]
    pub struct KeepAlive<S, F> {
        // `None` once it has ended.
        #[pin]
        stream: Option<S>,
        extra: F,
        interval: Duration,
        sleep: Option<Pin<Box<Sleep>>>,
    }
}

impl<S: Stream, F: FnMut() -> S::Item> KeepAlive<S, F> {
    /// Adds an item, which `extra` returns, whenever `interval` has passed since the last one.
    pub fn new(stream: S, interval: Duration, extra: F) -> KeepAlive<S, F> {
        KeepAlive {
            stream: Some(stream),
            extra,
            interval,
            sleep: None,
        }
    }
}

/// # Panics
///
/// The first poll panics outside a runtime.
impl<S: Stream, F: FnMut() -> S::Item> Stream for KeepAlive<S, F> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let mut this = self.project();
        let Some(stream) = this.stream.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        match stream.poll_next(cx) {
            Poll::Ready(None) => {
                this.stream.set(None);
                *this.sleep = None;
                return Poll::Ready(None);
            }
            Poll::Ready(item) => {
                restart(this.sleep, *this.interval);
                return Poll::Ready(item);
            }
            Poll::Pending => {}
        }
        if this.sleep.is_none() {
            restart(this.sleep, *this.interval);
        }
        let sleep = this.sleep.as_mut().expect("it was just set");
        match sleep.as_mut().poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => {
                restart(this.sleep, *this.interval);
                Poll::Ready(Some((this.extra)()))
            }
        }
    }
}

impl<S: Stream, F: FnMut() -> S::Item> FusedStream for KeepAlive<S, F> {
    fn is_terminated(&self) -> bool {
        self.stream.is_none()
    }
}

fn restart(sleep: &mut Option<Pin<Box<Sleep>>>, interval: Duration) {
    match sleep {
        Some(sleep) => {
            let deadline = time::Instant::now() + interval;
            sleep.as_mut().reset(deadline.into_std());
        }
        None => *sleep = Some(Box::pin(Sleep::new(time::sleep(interval)))),
    }
}

impl<S: fmt::Debug, F> fmt::Debug for KeepAlive<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeepAlive")
            .field("stream", &self.stream)
            .field("interval", &self.interval)
            .finish_non_exhaustive()
    }
}
