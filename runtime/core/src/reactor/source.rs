//! A registered descriptor: its readiness, and waiting for it.
//!
//! Readiness is a belief that costs no system call: it is set when an event arrives and cleared
//! when a system call returns `WouldBlock`. All of this happens on one thread. Only `Reactor::turn`
//! dispatches events, and no turn happens between a system call and the clearing after it. So no
//! event can be lost between the two: it waits in the kernel until the next turn, which sets the
//! readiness again.

use std::fmt;
use std::future::Future;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use super::Reactor;
use super::interest::Interest;
use super::state::{READ_CLOSED, READABLE, State, WRITABLE, WRITE_CLOSED};
use super::waiters::{POLL_READ, POLL_WRITE, WaiterId};
use crate::console::{Op, Resource, What};
use crate::context;
use crate::task::coop;

/// Registration of a descriptor with a reactor: its readiness, and waiting for it.
///
/// It belongs to an [`Async`](super::Async), whose [`source`](super::Async::source) lends it.
///
/// # Errors
///
/// Waiting fails once the runtime has ended; operations are still tried.
///
/// ```
/// use std::io::{Read, Write};
/// use std::os::unix::net::UnixStream;
/// use wakeful::reactor::{Async, Interest};
///
/// # fn main() -> std::io::Result<()> {
/// wakeful::block_on(async {
///     let (here, mut there) = UnixStream::pair()?;
///     let here = Async::new(here)?;
///     there.write_all(b"x")?;
///     let mut buf = [0; 8];
///     let mut read = || here.get_ref().read(&mut buf);
///     assert_eq!(here.source().io(Interest::READABLE, &mut read).await?, 1);
///     assert!(here.source().try_io(Interest::READABLE, &mut read).is_err());
///     Ok(())
/// })
/// # }
/// ```
pub struct Source {
    reactor: Rc<Reactor>,
    state: Rc<State>,
    key: usize,
    fd: RawFd,
    // The waits of the `poll_*` calls, for the console.
    reads: Op,
    writes: Op,
    resource: Resource,
}

// Foreign wakers and operations run with nothing borrowed and no change half done, so their panics
// leave the source as it was.
impl UnwindSafe for Source {}
impl RefUnwindSafe for Source {}

impl Source {
    /// Registers a descriptor. The caller keeps it open until the source is dropped. `type_name` is
    /// the name of the type that the descriptor belongs to.
    #[track_caller]
    pub(super) fn new(
        reactor: Rc<Reactor>,
        fd: BorrowedFd<'_>,
        type_name: &'static str,
    ) -> io::Result<Source> {
        let number = fd.as_raw_fd();
        // Made first, as this calls a `tracing` subscriber: if it panics, nothing is registered
        // yet.
        let resource = Resource::descriptor(type_name, Location::caller(), number);
        let state = Rc::new(State::default());
        let key = reactor.register(fd, state.clone())?;
        Ok(Source {
            reactor,
            state,
            key,
            fd: number,
            reads: Op::new(),
            writes: Op::new(),
            resource,
        })
    }

    /// Reports the readiness to the console.
    #[inline(always)]
    fn update_console(&self) {
        let ready = &self.state.ready;
        let has = |bit| ready.get() & bit != 0;
        self.resource.readiness(|| (has(READABLE), has(WRITABLE)));
    }

    /// Notes a foreign wait if the running loop and the descriptor belong to different runtimes:
    /// the reactor of the descriptor can't run meanwhile.
    fn note_foreign(&self) {
        if context::is_running() && !context::is_running_reactor(&self.reactor) {
            let what = format!("descriptor {}, registered with the reactor", self.fd);
            self.reactor.note_foreign(what);
        }
    }

    /// Sets whether the wait for the descriptor is the runtime's own, on behalf of no task that
    /// waits at present. Then it does not count as something that may end a sleep of the loop.
    #[allow(dead_code, reason = "for the ring and for signals")]
    pub(crate) fn set_background(&self, background: bool) {
        self.state.background.set(background);
    }

    fn is_ready(&self, interest: Interest) -> bool {
        self.state.ready.get() & interest.bits() != 0
    }

    /// Assumes that the descriptor is ready without an event, so the next operation tries. For
    /// descriptors that most likely are ready, such as a connection that was just accepted.
    pub fn assume_ready(&self, interest: Interest) {
        self.state
            .ready
            .set(self.state.ready.get() | interest.bits());
        self.update_console();
    }

    /// Clears the readiness after a transfer that was shorter than the buffer: nothing is left to
    /// read, or the send buffer is full. The next operation waits for an event instead of trying.
    ///
    /// This saves a system call that would return `EAGAIN`. The conclusion holds for TCP. Don't
    /// call this after a transfer that was short for another reason: a read of a Unix stream with
    /// descriptors sent along, a read that stops at urgent data, a vectored transfer with more
    /// buffers than the system takes, or a read of a pipe, whose writer may have chosen packet mode
    /// (`O_DIRECT`).
    ///
    /// The call has no effect where the end of the stream may already have been reported, or where
    /// the backend does not report it.
    pub fn drained(&self, interest: Interest) {
        if !self.reactor.reports_hangup() {
            return;
        }
        let ready = self.state.ready.get();
        let mut clear = 0;
        if interest.is_readable() && ready & READ_CLOSED == 0 {
            clear |= READABLE;
        }
        if interest.is_writable() && ready & WRITE_CLOSED == 0 {
            clear |= WRITABLE;
        }
        self.state.ready.set(ready & !clear);
        self.update_console();
    }

    /// Clears the readiness after a system call returned `WouldBlock`. That also clears a reported
    /// end of the stream, as the system call knows better.
    fn would_block(&self, interest: Interest) {
        let mut clear = interest.bits();
        clear |= if interest.is_readable() {
            READ_CLOSED
        } else {
            0
        };
        clear |= if interest.is_writable() {
            WRITE_CLOSED
        } else {
            0
        };
        self.state.ready.set(self.state.ready.get() & !clear);
        self.update_console();
    }

    /// Returns how many of `len` bytes a transfer may ask for: all, unless the feature `faults`
    /// lowers the number.
    #[doc(hidden)]
    #[inline(always)]
    pub fn fault_cap(&self, len: usize) -> usize {
        self.reactor.device.faults.granted(len)
    }

    /// Calls `accept`, unless the feature `faults` makes it fail.
    #[doc(hidden)]
    #[inline(always)]
    pub fn accepting<T>(&self, accept: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        self.reactor.device.faults.accepting(accept)
    }

    /// Checks for readiness and for the end of the runtime again, after a waker was stored. Cloning
    /// and dropping a waker may run user code, as may the console, and that code may run the loop:
    /// an event or a shutdown meanwhile found no waiter. Returns `None` if neither has happened.
    #[inline]
    fn recheck(&self, interest: Interest) -> Option<io::Result<()>> {
        if self.is_ready(interest) {
            return Some(Ok(()));
        }
        self.check_alive().err().map(Err)
    }

    #[inline(always)]
    fn check_alive(&self) -> io::Result<()> {
        if self.reactor.is_shut_down() {
            return Err(orphaned());
        }
        Ok(())
    }

    /// Waits until the descriptor is ready; of several tasks the newest is woken.
    ///
    /// # Errors
    ///
    /// If the runtime has ended.
    pub fn poll_ready(&self, cx: &mut Context<'_>, interest: Interest) -> Poll<io::Result<()>> {
        // Each direction has one such waiter, as two tasks may poll one direction each.
        let op = if interest.is_readable() {
            &self.reads
        } else {
            &self.writes
        };
        if self.is_ready(interest) {
            self.update_console();
            op.ready(&self.resource, op_kind(interest));
            return Poll::Ready(Ok(()));
        }
        self.check_alive()?;
        self.note_foreign();
        op.waits(&self.resource, op_kind(interest), || {
            if interest.is_readable() {
                self.state.wait(POLL_READ, READABLE, cx.waker());
            }
            if interest.is_writable() {
                self.state.wait(POLL_WRITE, WRITABLE, cx.waker());
            }
        });
        match self.recheck(interest) {
            None => Poll::Pending,
            Some(result) => {
                op.ready(&self.resource, op_kind(interest));
                Poll::Ready(result)
            }
        }
    }

    /// Calls `op` when the descriptor is ready, until it returns anything but `WouldBlock`. Of
    /// several tasks the newest is woken.
    ///
    /// # Errors
    ///
    /// Those of `op`, and if the runtime has ended.
    #[inline]
    pub fn poll_io<R>(
        &self,
        cx: &mut Context<'_>,
        interest: Interest,
        mut op: impl FnMut() -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        let progress = ready!(coop::poll_proceed(cx));
        loop {
            ready!(self.poll_ready(cx, interest))?;
            if let Some(result) = self.attempt(interest, &mut op) {
                progress.made_progress();
                return Poll::Ready(result);
            }
        }
    }

    /// Calls `op` when the descriptor is ready, until it returns anything but `WouldBlock`. Any
    /// number of tasks may wait at the same time.
    ///
    /// With an interest in both directions, a `WouldBlock` of `op` clears the readiness of both:
    /// pass only the direction that `op` uses.
    ///
    /// # Errors
    ///
    /// Those of `op`, and if the runtime has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: if the future is dropped, `op` has not succeeded.
    pub fn io<R, F>(&self, interest: Interest, op: F) -> impl Future<Output = io::Result<R>>
    where
        F: FnMut() -> io::Result<R>,
    {
        Io {
            wait: Wait::new(self, interest),
            op,
        }
    }

    /// As [`io`](Self::io), for a transfer of bytes. `nothing`: the buffer is empty. Then the
    /// result is 0 without a call of `op`.
    #[doc(hidden)]
    #[inline]
    pub fn transfer<F>(
        &self,
        interest: Interest,
        nothing: bool,
        op: F,
    ) -> impl Future<Output = io::Result<usize>>
    where
        F: FnMut() -> io::Result<usize>,
    {
        let wait = Wait::new(self, interest);
        let io = Io { wait, op };
        Transfer { nothing, io }
    }

    /// As [`poll_io`](Self::poll_io), for a transfer of bytes: see [`transfer`](Self::transfer).
    #[doc(hidden)]
    #[inline]
    pub fn poll_transfer(
        &self,
        cx: &mut Context<'_>,
        interest: Interest,
        nothing: bool,
        op: impl FnMut() -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        if nothing {
            return poll_nothing(cx);
        }
        self.poll_io(cx, interest, op)
    }

    /// As [`try_io`](Self::try_io), for a transfer of bytes: see [`transfer`](Self::transfer).
    #[doc(hidden)]
    #[inline]
    pub fn try_transfer(
        &self,
        interest: Interest,
        nothing: bool,
        op: impl FnMut() -> io::Result<usize>,
    ) -> io::Result<usize> {
        if nothing {
            return Ok(0);
        }
        self.try_io(interest, op)
    }

    /// Waits until the descriptor is ready. Any number of tasks may wait at the same time.
    ///
    /// # Errors
    ///
    /// If the runtime has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe.
    pub fn ready(&self, interest: Interest) -> impl Future<Output = io::Result<()>> {
        Wait::new(self, interest)
    }

    /// Calls `op` once, if the descriptor is believed to be ready.
    ///
    /// With an interest in both directions, a `WouldBlock` of `op` clears the readiness of both:
    /// pass only the direction that `op` uses.
    ///
    /// # Errors
    ///
    /// Those of `op`. `WouldBlock` also if the descriptor is known not to be ready; then `op` is
    /// not called.
    pub fn try_io<R>(
        &self,
        interest: Interest,
        mut op: impl FnMut() -> io::Result<R>,
    ) -> io::Result<R> {
        if !self.is_ready(interest) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.attempt(interest, &mut op)
            .unwrap_or_else(|| Err(io::ErrorKind::WouldBlock.into()))
    }

    /// Calls `op` until it is not interrupted. Returns `None` if it would block, after clearing the
    /// readiness.
    #[inline]
    fn attempt<R>(
        &self,
        interest: Interest,
        op: &mut impl FnMut() -> io::Result<R>,
    ) -> Option<io::Result<R>> {
        loop {
            match self.reactor.device.call(self.key, interest, op) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.would_block(interest);
                    return None;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return Some(result),
            }
        }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        // SAFETY: `Async`, the only owner of sources, keeps the owner or the borrow of the
        // descriptor until the source is dropped.
        let fd = unsafe { BorrowedFd::borrow_raw(self.fd) };
        self.reactor.deregister(fd.as_fd(), self.key);
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("fd", &self.fd)
            .field("readable", &self.is_ready(Interest::READABLE))
            .field("writable", &self.is_ready(Interest::WRITABLE))
            .finish()
    }
}

#[cold]
fn orphaned() -> io::Error {
    io::Error::other(
        "the runtime that this descriptor is registered with has been dropped: each \
         `wakeful::block_on` makes a runtime of its own; to go on with one, keep a \
         `wakeful::Runtime`",
    )
}

fn op_kind(interest: Interest) -> What {
    match (interest.is_readable(), interest.is_writable()) {
        (true, false) => What::Readable,
        (false, true) => What::Writable,
        _ => What::Either,
    }
}

/// Future that waits for readiness, with a waiter id of its own.
struct Wait<'a> {
    source: &'a Source,
    interest: Interest,
    id: Option<WaiterId>,
    op: Op,
}

impl<'a> Wait<'a> {
    fn new(source: &'a Source, interest: Interest) -> Wait<'a> {
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
            state.wait(id, self.interest.bits(), cx.waker());
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
struct Io<'a, F> {
    wait: Wait<'a>,
    op: F,
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
struct Transfer<'a, F> {
    nothing: bool,
    io: Io<'a, F>,
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
fn poll_nothing(cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
    ready!(coop::poll_proceed(cx)).made_progress();
    Poll::Ready(Ok(0))
}
