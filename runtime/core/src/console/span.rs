//! Spans whose subscriber may panic. The runtime calls it in the middle of an operation on a task,
//! where no panic may pass, so all panics are caught here.

use std::mem;

use tracing::level_filters::LevelFilter;
use tracing::{Level, Span};

use crate::unwind::caught;

/// Whether there is a subscriber that may be interested.
#[inline(always)]
pub(super) fn is_watched() -> bool {
    LevelFilter::current() >= Level::TRACE
}

/// A span that the subscriber has enabled. Dropping it closes the span.
pub(super) struct SafeSpan(Span);

impl SafeSpan {
    /// Makes a span; `None` if the subscriber has not enabled it.
    #[inline(always)]
    pub(super) fn new(span: impl FnOnce() -> Span) -> Option<SafeSpan> {
        // The usual case; this check is its whole cost.
        if !is_watched() {
            return None;
        }
        SafeSpan::made(span)
    }

    #[cold]
    #[inline(never)]
    fn made(span: impl FnOnce() -> Span) -> Option<SafeSpan> {
        let span = caught(span)?;
        (!span.is_disabled()).then_some(SafeSpan(span))
    }

    /// Returns the id of the span for the subscriber; never 0.
    pub(super) fn id(&self) -> u64 {
        self.0.id().map_or(0, |id| id.into_u64())
    }

    pub(super) fn span(&self) -> &Span {
        &self.0
    }

    pub(super) fn enter(&self) {
        caught(|| {
            self.0
                .with_subscriber(|(id, subscriber)| subscriber.enter(id))
        });
    }

    pub(super) fn exit(&self) {
        caught(|| {
            self.0
                .with_subscriber(|(id, subscriber)| subscriber.exit(id))
        });
    }
}

impl Drop for SafeSpan {
    fn drop(&mut self) {
        let span = mem::replace(&mut self.0, Span::none());
        caught(|| drop(span));
    }
}

/// Guard for nested spans, which are entered until it is dropped.
pub(super) struct EnteredSpans<'a, const N: usize>([&'a SafeSpan; N]);

impl<'a, const N: usize> EnteredSpans<'a, N> {
    pub(super) fn new(spans: [&'a SafeSpan; N]) -> EnteredSpans<'a, N> {
        for span in spans {
            span.enter();
        }
        EnteredSpans(spans)
    }
}

impl<const N: usize> Drop for EnteredSpans<'_, N> {
    fn drop(&mut self) {
        for span in self.0.iter().rev() {
            span.exit();
        }
    }
}
