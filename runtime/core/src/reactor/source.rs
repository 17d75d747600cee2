//! A registered descriptor: its readiness, and waiting for it.
//!
//! Readiness is a belief that costs no system call: it is set when an event arrives and cleared
//! when a system call returns `WouldBlock`. All of this happens on one thread. Only `Reactor::turn`
//! dispatches events, and no turn happens between a system call and the clearing after it. So no
//! event can be lost between the two: it waits in the kernel until the next turn, which sets the
//! readiness again.
//!
//! A guard of `async_fd.rs` may outlive a turn. It notes the number of the last event (`Seen`), and
//! clears nothing if another event has arrived since.

mod futures;

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use super::Reactor;
use super::interest::Interest;
use super::ready::Ready;
use super::state::{ERROR, MARK, PRIORITY, READ_CLOSED, READABLE, State, WRITABLE, WRITE_CLOSED};
use super::waiters::{POLL_READ, POLL_WRITE};
use crate::console::{Op, Resource, What};
use crate::context;
use crate::shutdown_error::runtime_ended;
use crate::task::coop;
use futures::{Io, Transfer, Wait, poll_nothing};

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
    /// Whether the descriptor may have been closed, so that its number must not be used.
    abandoned: Cell<bool>,
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
    /// Registers a descriptor for these events. The caller keeps it open until the source is
    /// dropped, or calls `set_abandoned`. `type_name` is the name of the type that the descriptor
    /// belongs to.
    #[track_caller]
    pub(super) fn new(
        reactor: Rc<Reactor>,
        fd: BorrowedFd<'_>,
        what: Interest,
        type_name: &'static str,
    ) -> io::Result<Source> {
        let number = fd.as_raw_fd();
        // Made first, as this calls a `tracing` subscriber: if it panics, nothing is registered
        // yet.
        let resource = Resource::descriptor(type_name, Location::caller(), number);
        let state = Rc::new(State::default());
        let key = reactor.register(fd, what, state.clone())?;
        Ok(Source {
            reactor,
            state,
            key,
            fd: number,
            abandoned: Cell::new(false),
            reads: Op::new(),
            writes: Op::new(),
            resource,
        })
    }

    /// Registers a simulated socket, which has no descriptor.
    #[allow(dead_code, reason = "for the feature `sim`")]
    #[track_caller]
    pub(super) fn without_descriptor(reactor: Rc<Reactor>, type_name: &'static str) -> Source {
        let resource = Resource::descriptor(type_name, Location::caller(), -1);
        let state = Rc::new(State::default());
        let key = reactor.register_simulated(state.clone());
        Source {
            reactor,
            state,
            key,
            fd: -1,
            abandoned: Cell::new(true),
            reads: Op::new(),
            writes: Op::new(),
            resource,
        }
    }

    /// Returns the key of the registration.
    #[allow(dead_code, reason = "for the feature `sim`")]
    pub(super) fn key(&self) -> usize {
        self.key
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

    /// Ends the wait of a host of the loop, see [`Reactor::notify_host`].
    #[allow(dead_code, reason = "only the ring of `io-uring` queues requests")]
    pub(crate) fn notify_host(&self) {
        self.reactor.notify_host();
    }

    /// Sets whether the wait for the descriptor is the runtime's own, on behalf of no task that
    /// waits at present. Then it does not count as something that may end a sleep of the loop.
    #[allow(dead_code, reason = "for the ring and for signals")]
    pub(crate) fn set_background(&self, background: bool) {
        self.state.background.set(background);
    }

    #[inline(always)]
    fn is_ready(&self, interest: Interest) -> bool {
        self.state.ready.get() & interest.mask() != 0
    }

    /// Returns the number of the descriptor.
    pub(super) fn number(&self) -> RawFd {
        self.fd
    }

    /// Sets whether the descriptor may have been closed, so that the drop does not use its number.
    pub(super) fn set_abandoned(&self, abandoned: bool) {
        self.abandoned.set(abandoned);
    }

    /// Returns what is known of the readiness now.
    pub(super) fn seen(&self, interest: Interest) -> Seen {
        Seen {
            tick: self.state.tick.get(),
            ready: Ready::of(self.state.ready.get() & interest.mask()),
        }
    }

    /// Clears these states, except for closed directions, unless an event has arrived since `tick`.
    pub(super) fn clear_seen(&self, tick: u16, states: Ready) {
        if tick == self.state.tick.get() {
            let clear = states - (Ready::READ_CLOSED | Ready::WRITE_CLOSED);
            let ready = self.state.ready.get() & !clear.bits();
            self.state.ready.set(ready);
            self.update_console();
        }
    }

    /// Assumes that the descriptor is ready without an event, so the next operation tries. For
    /// descriptors that most likely are ready, such as a connection that was just accepted.
    ///
    /// Only reading and writing can be assumed.
    pub fn assume_ready(&self, interest: Interest) {
        let assumed = interest.mask() & (READABLE | WRITABLE);
        self.state.ready.set(self.state.ready.get() | assumed);
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
        if interest.is_readable() && ready & (READ_CLOSED | MARK) == 0 {
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
        let mut clear = 0;
        for (is, states) in [
            (interest.is_readable(), READABLE | READ_CLOSED | MARK),
            (interest.is_writable(), WRITABLE | WRITE_CLOSED),
            // It says nothing of the end of the stream, although that ends the wait, too.
            (interest.is_priority(), PRIORITY),
            (interest.is_error(), ERROR),
        ] {
            clear |= if is { states } else { 0 };
        }
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
        let op = if interest == Interest::WRITABLE {
            &self.writes
        } else {
            &self.reads
        };
        if self.is_ready(interest) {
            self.update_console();
            op.ready(&self.resource, op_kind(interest));
            return Poll::Ready(Ok(()));
        }
        self.check_alive()?;
        self.note_foreign();
        let writes = interest.mask() & (WRITABLE | WRITE_CLOSED);
        let reads = interest.mask() & !writes;
        op.waits(&self.resource, op_kind(interest), || {
            if reads != 0 {
                self.state.wait(POLL_READ, reads, cx.waker());
            }
            if writes != 0 {
                self.state.wait(POLL_WRITE, writes, cx.waker());
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

    /// Waits until the descriptor is ready for any of `interest`, and returns which of these events
    /// there are. Any number of tasks may wait at the same time.
    ///
    /// # Errors
    ///
    /// If the runtime has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe.
    pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        self.wait_seen(interest).await.map(|seen| seen.ready)
    }

    pub(super) async fn wait_seen(&self, interest: Interest) -> io::Result<Seen> {
        Wait::new(self, interest).await?;
        Ok(self.seen(interest))
    }

    /// Calls `op` once, if the descriptor is believed to be ready. A signal that interrupts it is
    /// the caller's to handle, as `op` can't be called again.
    ///
    /// With an interest in both directions, a `WouldBlock` of `op` clears the readiness of both:
    /// pass only the direction that `op` uses.
    ///
    /// # Errors
    ///
    /// As [`try_io`](Self::try_io), and `Interrupted`.
    ///
    /// ```
    /// use std::io::Read;
    /// use std::os::unix::net::UnixStream;
    /// use wakeful::reactor::{Async, Interest};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// wakeful::block_on(async {
    ///     let (here, _there) = UnixStream::pair()?;
    ///     let here = Async::new(here)?;
    ///     let read = || here.get_ref().read(&mut [0; 8]);
    ///     assert!(here.source().try_io_once(Interest::READABLE, read).is_err());
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn try_io_once<R>(
        &self,
        interest: Interest,
        op: impl FnOnce() -> io::Result<R>,
    ) -> io::Result<R> {
        if !self.is_ready(interest) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let mut op = Some(op);
        loop {
            let mut once = || op.take().expect("called at most once")();
            match self.reactor.device.call(self.key, interest, &mut once) {
                // Injected by the feature `faults`, without a call.
                Err(error) if error.kind() == io::ErrorKind::Interrupted && op.is_some() => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.would_block(interest);
                    return Err(error);
                }
                result => return result,
            }
        }
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
        let result = match self.is_ready(interest) {
            true => self.attempt(interest, &mut op),
            false => None,
        };
        result.unwrap_or_else(|| {
            // The task may yield until the descriptor is ready.
            self.reactor.missed_tries.set(true);
            Err(io::ErrorKind::WouldBlock.into())
        })
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
        let fd = (!self.abandoned.get()).then(|| {
            // SAFETY: `Async` and `AsyncFd`, the only owners of sources, keep the owner or the
            // borrow of the descriptor until the source is dropped, or abandon it.
            unsafe { BorrowedFd::borrow_raw(self.fd) }
        });
        self.reactor.deregister(self.fd, fd, self.key);
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
    runtime_ended(
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

/// What was known of the readiness at some moment.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    /// Number of the last event.
    pub(super) tick: u16,
    pub(super) ready: Ready,
}
