//! The futures of a source.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::{Source, op_kind};
use crate::console::Op;
use crate::reactor::interest::Interest;
use crate::reactor::waiters::WaiterId;
use crate::task::coop;

/// Future that waits for readiness, with a waiter id of its own.
pub(super) struct Wait<'a> {
    source: &'a Source,
    interest: Interest,
    id: Option<WaiterId>,
    op: Op,
}

impl<'a> Wait<'a> {
    pub(super) fn new(source: &'a Source, interest: Interest) -> Wait<'a> {
        Wait {
            source,
            interest,
            id: None,
            op: Op::new(),
        }
    }

    #[inline(always)]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.source.is_ready(self.interest) {
            self.source.update_console();
            self.op.ready(&self.source.resource, op_kind(self.interest));
            return Poll::Ready(Ok(()));
        }
        self.wait(cx)
    }

    /// Not inlined, to keep the path of a descriptor that is ready short.
    #[inline(never)]
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Source {
            state, resource, ..
        } = self.source;
        self.source.check_alive()?;
        self.source.note_foreign();
        let id = *self.id.get_or_insert_with(|| state.new_id());
        self.op.waits(resource, op_kind(self.interest), || {
            state.wait(id, self.interest.mask(), cx.waker());
        });
        match self.source.recheck(self.interest) {
            None => Poll::Pending,
            Some(result) => {
                self.op.ready(resource, op_kind(self.interest));
                Poll::Ready(result)
            }
        }
    }
}

impl Future for Wait<'_> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let progress = ready!(coop::poll_proceed(cx));
        ready!(self.poll_ready(cx))?;
        progress.made_progress();
        Poll::Ready(Ok(()))
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.source.state.forget(id);
        }
    }
}

/// Future of [`Source::io`].
pub(super) struct Io<'a, F> {
    pub(super) wait: Wait<'a>,
    pub(super) op: F,
}

// `op` is called, never pinned.
impl<F> Unpin for Io<'_, F> {}

impl<R, F: FnMut() -> io::Result<R>> Future for Io<'_, F> {
    type Output = io::Result<R>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<R>> {
        let this = &mut *self;
        let progress = ready!(coop::poll_proceed(cx));
        loop {
            ready!(this.wait.poll_ready(cx))?;
            if let Some(result) = this.wait.source.attempt(this.wait.interest, &mut this.op) {
                progress.made_progress();
                return Poll::Ready(result);
            }
        }
    }
}

/// Future of [`Source::transfer`].
pub(super) struct Transfer<'a, F> {
    pub(super) nothing: bool,
    pub(super) io: Io<'a, F>,
}

impl<F: FnMut() -> io::Result<usize>> Future for Transfer<'_, F> {
    type Output = io::Result<usize>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.nothing {
            return poll_nothing(cx);
        }
        Pin::new(&mut self.io).poll(cx)
    }
}

/// Completes a transfer of nothing, which needs no readiness and no system call. It consumes the
/// cooperative budget, so that a loop of such transfers yields.
#[cold]
pub(super) fn poll_nothing(cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
    ready!(coop::poll_proceed(cx)).made_progress();
    Poll::Ready(Ok(0))
}
