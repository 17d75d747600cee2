//! Timers, descriptors and primitives of `sync` as resources, waits for them as async operations.
//!
//! The subscriber takes the spans that are entered on the thread as the parents of a new span. So
//! an operation is made inside its resource, and a poll enters resource, operation and poll around
//! the registration of the waker. An operation begins with the first poll that is pending: one that
//! is ready at once costs nothing more.

use std::cell::{Cell, OnceCell};
use std::fmt;
use std::panic::Location;
use std::time::Duration;

use tracing::Level;

use super::span::{EnteredSpans, SafeSpan, is_watched};
use crate::unwind::caught;

/// The kinds of timers.
#[derive(Clone, Copy)]
pub(crate) enum Timer {
    Sleep,
    Timeout,
    Interval,
}

impl Timer {
    fn name(self) -> &'static str {
        match self {
            Timer::Sleep => "Sleep",
            Timer::Timeout => "Timeout",
            Timer::Interval => "Interval",
        }
    }

    /// Returns the function that polls the timer, for users.
    fn source(self) -> &'static str {
        match self {
            Timer::Sleep => "Sleep::poll",
            Timer::Timeout => "Timeout::poll",
            Timer::Interval => "Interval::poll_tick",
        }
    }
}

/// Event that a task waits for.
#[derive(Clone, Copy)]
pub(crate) enum What {
    Elapsed,
    Readable,
    Writable,
    Either,
    /// What a primitive of `sync` gives to its waiters.
    Served,
}

impl What {
    fn source(self, inner: &Inner) -> &'static str {
        match self {
            What::Elapsed => inner.timer.unwrap_or(Timer::Sleep).source(),
            What::Readable => "Source::readable",
            What::Writable => "Source::writable",
            What::Either => "Source::ready",
            What::Served => inner.concrete_type,
        }
    }

    fn op_name(self) -> &'static str {
        match self {
            What::Elapsed => "poll_elapsed",
            What::Readable => "poll_readable",
            What::Writable => "poll_writable",
            What::Either => "poll_ready",
            What::Served => "poll",
        }
    }
}

/// A timer, a descriptor or a primitive. Owner thread only.
pub(crate) struct Resource(Option<Box<Inner>>);

struct Inner {
    span: SafeSpan,
    concrete_type: &'static str,
    timer: Option<Timer>,
    /// The readiness that was reported last.
    reported: Cell<(bool, bool)>,
}

impl Resource {
    /// Reports a new timer that ends `after` a duration.
    #[inline]
    pub(crate) fn timer(
        timer: Timer,
        location: &'static Location<'static>,
        after: impl FnOnce() -> Duration,
    ) -> Resource {
        if !is_watched() {
            return Resource(None);
        }
        // Called first, as reading it later would give a shorter time.
        let after = after();
        let this = Resource(Inner::new(timer.name(), "timer", Some(timer), location));
        this.moved(|| after);
        this
    }

    /// Reports a new descriptor, with the name of its type.
    pub(crate) fn descriptor(
        type_name: &'static str,
        location: &'static Location<'static>,
        fd: i32,
    ) -> Resource {
        let this = Resource(Inner::new(short(type_name), "io", None, location));
        if let Some(inner) = &this.0 {
            let _within = EnteredSpans::new([&inner.span]);
            caught(|| {
                tracing::event!(
                    target: "runtime::resource::state_update",
                    Level::TRACE,
                    fd = fd as u64,
                    fd.op = "override",
                );
            });
            inner.report_readable(false);
            inner.report_writable(false);
        }
        this
    }

    /// Reports that the timer now ends `after` a duration.
    #[inline]
    pub(crate) fn moved(&self, after: impl FnOnce() -> Duration) {
        if let Some(inner) = &self.0 {
            inner.report_duration(after());
        }
    }

    /// Reports whether the descriptor is readable and writable.
    #[inline]
    pub(crate) fn readiness(&self, ready: impl FnOnce() -> (bool, bool)) {
        if let Some(inner) = &self.0 {
            inner.report_readiness(ready());
        }
    }
}

impl Inner {
    /// Makes the span of a resource; `None` if the subscriber has not enabled it.
    fn new(
        concrete_type: &'static str,
        kind: &'static str,
        timer: Option<Timer>,
        location: &'static Location<'static>,
    ) -> Option<Box<Inner>> {
        let span = SafeSpan::new(|| {
            tracing::span!(
                target: "wakeful::resource",
                parent: None,
                Level::TRACE,
                "runtime.resource",
                concrete_type,
                kind,
                is_internal = false,
                loc.file = location.file(),
                loc.line = location.line(),
                loc.col = location.column(),
            )
        })?;
        Some(Box::new(Inner {
            span,
            concrete_type,
            timer,
            reported: Cell::new((false, false)),
        }))
    }

    fn report_duration(&self, after: Duration) {
        // Rounded to the nearest microsecond, as some time has passed since the call of the user.
        let micros = (after.as_nanos() + 500) / 1_000;
        let micros = u64::try_from(micros).unwrap_or(u64::MAX);
        let _within = EnteredSpans::new([&self.span]);
        caught(|| {
            tracing::event!(
                target: "runtime::resource::state_update",
                Level::TRACE,
                duration = micros,
                duration.unit = "us",
                duration.op = "override",
            );
        });
    }

    fn report_readiness(&self, ready: (bool, bool)) {
        let before = self.reported.replace(ready);
        if before == ready {
            return;
        }
        let _within = EnteredSpans::new([&self.span]);
        if before.0 != ready.0 {
            self.report_readable(ready.0);
        }
        if before.1 != ready.1 {
            self.report_writable(ready.1);
        }
    }

    fn report_readable(&self, readable: bool) {
        caught(|| {
            tracing::event!(
                target: "runtime::resource::state_update",
                Level::TRACE,
                readable,
                readable.op = "override",
            );
        });
    }

    fn report_writable(&self, writable: bool) {
        caught(|| {
            tracing::event!(
                target: "runtime::resource::state_update",
                Level::TRACE,
                writable,
                writable.op = "override",
            );
        });
    }
}

/// Returns a type name without path and parameters: `Rc` for `alloc::rc::Rc<a::B>`.
fn short(type_name: &'static str) -> &'static str {
    let outer = type_name.split('<').next().unwrap_or(type_name);
    outer.rsplit("::").next().unwrap_or(outer)
}

/// The resource of a primitive, which is made at the first wait for it. Owner thread only.
pub(crate) struct Primitive(OnceCell<Resource>);

const NONE: &Resource = &Resource(None);

impl Primitive {
    #[inline(always)]
    pub(crate) const fn new() -> Primitive {
        Primitive(OnceCell::new())
    }

    /// Returns the resource. Makes it, if the subscriber wants it.
    #[inline(always)]
    pub(crate) fn get(
        &self,
        concrete_type: &'static str,
        location: &'static Location<'static>,
    ) -> &Resource {
        match is_watched() {
            true => self.make(concrete_type, location),
            false => self.made(),
        }
    }

    #[cold]
    #[inline(never)]
    fn make(&self, concrete_type: &'static str, location: &'static Location<'static>) -> &Resource {
        if self.0.get().is_none()
            && let Some(inner) = Inner::new(concrete_type, "sync", None, location)
        {
            // The subscriber may have made one by a wait of its own. Then this one is dropped.
            let _ = self.0.set(Resource(Some(inner)));
        }
        self.made()
    }

    /// Returns the resource, if it has been made.
    #[inline(always)]
    pub(crate) fn made(&self) -> &Resource {
        self.0.get().unwrap_or(NONE)
    }
}

impl fmt::Debug for Primitive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}

/// A wait for a resource, from the first poll that is pending to the poll that is ready, or to the
/// drop. After that the next wait may begin. Owner thread only.
pub(crate) struct Op(Cell<Option<Box<Spans>>>);

/// The spans of a wait. The inner span is closed first.
struct Spans {
    poll: SafeSpan,
    op: SafeSpan,
}

impl Op {
    #[inline(always)]
    pub(crate) const fn new() -> Op {
        Op(Cell::new(None))
    }

    /// Reports a poll that is pending. `wait` registers the waker.
    #[inline(always)]
    pub(crate) fn waits<R>(&self, resource: &Resource, what: What, wait: impl FnOnce() -> R) -> R {
        match &resource.0 {
            None => wait(),
            Some(inner) => self.wait_within(inner, what, wait),
        }
    }

    #[cold]
    fn wait_within<R>(&self, inner: &Inner, what: What, wait: impl FnOnce() -> R) -> R {
        let Some(spans) = self.0.take().or_else(|| Spans::new(inner, what)) else {
            return wait();
        };
        let within = EnteredSpans::new([&inner.span, &spans.op, &spans.poll]);
        let result = wait();
        poll_op(what, false);
        drop(within);
        self.0.set(Some(spans));
        result
    }

    /// Reports a poll that is ready, if the task waited.
    #[inline(always)]
    pub(crate) fn ready(&self, resource: &Resource, what: What) {
        if let Some(inner) = &resource.0
            && let Some(spans) = self.0.take()
        {
            let _within = EnteredSpans::new([&inner.span, &spans.op, &spans.poll]);
            poll_op(what, true);
        }
    }

    /// Ends the wait, if there is one, without a poll that is ready.
    #[inline(always)]
    pub(crate) fn end(&self) {
        drop(self.0.take());
    }
}

impl Spans {
    fn new(inner: &Inner, what: What) -> Option<Box<Spans>> {
        // The subscriber takes the span that is entered now for the resource of the operation.
        let within = EnteredSpans::new([&inner.span]);
        let op = SafeSpan::new(|| {
            tracing::span!(
                target: "wakeful::resource",
                Level::TRACE,
                "runtime.resource.async_op",
                source = what.source(inner),
                inherits_child_attrs = false,
            )
        });
        drop(within);
        let op = op?;
        let poll = SafeSpan::new(|| {
            tracing::span!(
                target: "wakeful::resource",
                parent: op.span(),
                Level::TRACE,
                "runtime.resource.async_op.poll",
            )
        })?;
        Some(Box::new(Spans { poll, op }))
    }
}

fn poll_op(what: What, is_ready: bool) {
    caught(|| {
        tracing::event!(
            target: "runtime::resource::poll_op",
            Level::TRACE,
            op_name = what.op_name(),
            is_ready,
        );
    });
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn the_name_of_a_type_without_its_path() {
        assert_eq!(short("std::net::tcp::TcpStream"), "TcpStream");
        assert_eq!(short("alloc::rc::Rc<std::fs::File>"), "Rc");
        assert_eq!(short("File"), "File");
    }
}
