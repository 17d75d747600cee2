//! Spans of a subscriber that may panic, where no panic may pass: the runtime calls it in the middle of
//! what it does to a task.

use std::mem;

use tracing::level_filters::LevelFilter;
use tracing::{Level, Span};

use crate::unwind::caught;

/// Is there a subscriber that might want to see something?
#[inline(always)]
pub(super) fn is_watched() -> bool {
    LevelFilter::current() >= Level::TRACE
}

/// A span that someone wants to see. It is closed when it is dropped.
pub(super) struct Shown(Span);

impl Shown {
    /// `None`: nobody wants to see it.
    #[inline(always)]
    pub(super) fn new(span: impl FnOnce() -> Span) -> Option<Shown> {
        // The usual case, and all that it costs.
        if !is_watched() {
            return None;
        }
        Shown::made(span)
    }

    #[cold]
    #[inline(never)]
    fn made(span: impl FnOnce() -> Span) -> Option<Shown> {
        let span = caught(span)?;
        (!span.is_disabled()).then_some(Shown(span))
    }

    /// How the subscriber calls it; never 0.
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

impl Drop for Shown {
    fn drop(&mut self) {
        let span = mem::replace(&mut self.0, Span::none());
        caught(|| drop(span));
    }
}

/// Spans that are entered, each in the one before, until this is dropped.
pub(super) struct Within<'a, const N: usize>([&'a Shown; N]);

impl<'a, const N: usize> Within<'a, N> {
    pub(super) fn new(spans: [&'a Shown; N]) -> Within<'a, N> {
        for span in spans {
            span.enter();
        }
        Within(spans)
    }
}

impl<const N: usize> Drop for Within<'_, N> {
    fn drop(&mut self) {
        for span in self.0.iter().rev() {
            span.exit();
        }
    }
}
