//! `AsyncFd`: a descriptor whose readiness the caller clears, with tokio's names.

mod error;
mod guard;

use std::any::type_name;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::task::{Context, Poll, ready};

use super::adapter::{Async, register};
use super::interest::Interest;
use super::source::{Seen, Source};
use crate::task::coop;

pub use error::{AsyncFdRegisterError, AsyncFdTryNewError, TryIoError};
pub use guard::{AsyncFdReadyGuard, AsyncFdReadyMutGuard};

/// A descriptor that is registered with the reactor, for reads and writes that the caller makes.
///
/// It has the names of tokio's `AsyncFd`. [`Async`] is shorter where an operation is one closure.
///
/// Waiting returns a guard. After an operation that returned `WouldBlock`, clear the readiness with
/// [`try_io`](AsyncFdReadyGuard::try_io) or [`clear_ready`](AsyncFdReadyGuard::clear_ready);
/// otherwise the next wait returns at once. A guard clears only what had been reported when it was
/// made: if an event has arrived since, it clears nothing.
///
/// The descriptor must be nonblocking. `AsyncFd` does not make it so.
///
/// ```
/// use std::io::{Read, Write};
/// use std::os::unix::net::UnixStream;
/// use wakeful::reactor::AsyncFd;
///
/// # fn main() -> std::io::Result<()> {
/// wakeful::block_on(async {
///     let (here, mut there) = UnixStream::pair()?;
///     here.set_nonblocking(true)?;
///     let here = AsyncFd::new(here)?;
///     there.write_all(b"hello")?;
///     let mut buf = [0; 16];
///     let n = loop {
///         let mut guard = here.readable().await?;
///         match guard.try_io(|fd| fd.get_ref().read(&mut buf)) {
///             Ok(result) => break result?,
///             Err(_would_block) => continue,
///         }
///     };
///     assert_eq!(&buf[..n], b"hello");
///     Ok(())
/// })
/// # }
/// ```
///
/// # The descriptor of the inner value
///
/// [`AsFd::as_fd`] of `T` must always return the same descriptor. If it returns another one when
/// the `AsyncFd` is dropped, for example because [`get_mut`](Self::get_mut) was used to replace the
/// value, the first descriptor is not deregistered: the system does so when it is closed.
pub struct AsyncFd<T: AsFd> {
    // `None` only after `into_inner`.
    io: Option<Async<T>>,
}

impl<T: AsFd> AsyncFd<T> {
    /// Registers a descriptor for reading and writing. It must be nonblocking.
    ///
    /// # Errors
    ///
    /// As [`Async::new`]. The error has the value: see [`try_new`](Self::try_new).
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn new(inner: T) -> io::Result<AsyncFd<T>> {
        Ok(AsyncFd::try_new(inner)?)
    }

    /// Registers a descriptor for these events only. A wait for other events does not end, unless
    /// there is an error or a hang-up: those are always reported.
    ///
    /// ```
    /// use std::io;
    /// use wakeful::reactor::{AsyncFd, Interest};
    ///
    /// # fn main() -> io::Result<()> {
    /// wakeful::block_on(async {
    ///     let (reader, writer) = io::pipe()?;
    ///     let reader = AsyncFd::with_interest(reader, Interest::READABLE)?;
    ///     drop(writer);
    ///     assert!(reader.readable().await?.ready().is_read_closed());
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Async::new`].
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn with_interest(inner: T, interest: Interest) -> io::Result<AsyncFd<T>> {
        Ok(AsyncFd::try_with_interest(inner, interest)?)
    }

    /// Registers a descriptor as [`new`](Self::new) does. An error returns the value.
    ///
    /// ```
    /// use std::fs::File;
    /// use wakeful::reactor::AsyncFd;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// wakeful::block_on(async {
    ///     let file = File::open("Cargo.toml")?;
    ///     let error = AsyncFd::try_new(file).unwrap_err();
    ///     let (file, cause) = error.into_parts();
    ///     assert_eq!(cause.kind(), std::io::ErrorKind::InvalidInput);
    ///     assert!(file.metadata()?.is_file());
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Async::new`], with the value.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn try_new(inner: T) -> Result<AsyncFd<T>, AsyncFdRegisterError<T>> {
        AsyncFd::try_with_interest(inner, Interest::BOTH)
    }

    /// Registers a descriptor as [`with_interest`](Self::with_interest) does. An error returns the
    /// value.
    ///
    /// # Errors
    ///
    /// As [`Async::new`], with the value.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn try_with_interest(
        inner: T,
        interest: Interest,
    ) -> Result<AsyncFd<T>, AsyncFdRegisterError<T>> {
        match register(inner.as_fd(), interest, type_name::<T>()) {
            Ok(source) => Ok(AsyncFd {
                io: Some(Async::registered(source, inner)),
            }),
            Err(cause) => Err(AsyncFdRegisterError::new(inner, cause)),
        }
    }

    /// Same as [`try_new`](Self::try_new). tokio's function of this name is unsafe, as it takes
    /// types that have only `AsRawFd`.
    ///
    /// # Errors
    ///
    /// As [`try_new`](Self::try_new).
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn register(inner: T) -> Result<AsyncFd<T>, AsyncFdRegisterError<T>> {
        AsyncFd::try_new(inner)
    }

    /// Same as [`try_with_interest`](Self::try_with_interest), as for [`register`](Self::register).
    ///
    /// # Errors
    ///
    /// As [`try_new`](Self::try_new).
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn register_with_interest(
        inner: T,
        interest: Interest,
    ) -> Result<AsyncFd<T>, AsyncFdRegisterError<T>> {
        AsyncFd::try_with_interest(inner, interest)
    }

    fn io(&self) -> &Async<T> {
        self.io.as_ref().expect("only `into_inner` takes it")
    }

    fn parts_mut(&mut self) -> (&Source, &mut T) {
        let io = self.io.as_mut().expect("only `into_inner` takes it");
        io.parts_mut()
    }

    fn source(&self) -> &Source {
        self.io().source()
    }

    /// Returns a reference to the inner value.
    pub fn get_ref(&self) -> &T {
        self.io().get_ref()
    }

    /// Returns a mutable reference to the inner value, which must keep its descriptor.
    pub fn get_mut(&mut self) -> &mut T {
        self.parts_mut().1
    }

    /// Deregisters the descriptor and returns the inner value.
    pub fn into_inner(mut self) -> T {
        let io = self.io.take().expect("only `into_inner` takes it");
        check_descriptor(&io);
        io.into_value()
    }

    /// Waits until the descriptor is ready for an event of `interest`. Any number of tasks may wait
    /// at the same time.
    ///
    /// ```
    /// use std::io::Write;
    /// use std::os::unix::net::UnixStream;
    /// use wakeful::reactor::{AsyncFd, Interest, Ready};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// wakeful::block_on(async {
    ///     let (here, _there) = UnixStream::pair()?;
    ///     here.set_nonblocking(true)?;
    ///     let here = AsyncFd::new(here)?;
    ///     let mut guard = here.ready(Interest::READABLE | Interest::WRITABLE).await?;
    ///     assert!(guard.ready().is_writable() && !guard.ready().is_readable());
    ///     if here.get_ref().write(b"hello").is_err() {
    ///         guard.clear_ready_matching(Ready::WRITABLE);
    ///     }
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the runtime has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe.
    pub async fn ready(&self, interest: Interest) -> io::Result<AsyncFdReadyGuard<'_, T>> {
        let seen = self.source().wait_seen(interest).await?;
        Ok(AsyncFdReadyGuard { fd: self, seen })
    }

    /// As [`ready`](Self::ready), for a guard with mutable access.
    ///
    /// # Errors
    ///
    /// If the runtime has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe.
    pub async fn ready_mut(
        &mut self,
        interest: Interest,
    ) -> io::Result<AsyncFdReadyMutGuard<'_, T>> {
        let seen = self.source().wait_seen(interest).await?;
        Ok(AsyncFdReadyMutGuard { fd: self, seen })
    }

    /// Waits until the descriptor is readable. A read may still return `WouldBlock`.
    ///
    /// # Errors
    ///
    /// If the runtime has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe.
    pub async fn readable(&self) -> io::Result<AsyncFdReadyGuard<'_, T>> {
        self.ready(Interest::READABLE).await
    }

    /// As [`readable`](Self::readable), for a guard with mutable access.
    ///
    /// ```
    /// use std::io::{Read, Write};
    /// use std::os::unix::net::UnixStream;
    /// use wakeful::reactor::AsyncFd;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// wakeful::block_on(async {
    ///     let (here, mut there) = UnixStream::pair()?;
    ///     here.set_nonblocking(true)?;
    ///     let mut here = AsyncFd::new(here)?;
    ///     there.write_all(b"x")?;
    ///     let mut guard = here.readable_mut().await?;
    ///     let mut buf = [0; 8];
    ///     assert_eq!(guard.try_io(|fd| fd.get_mut().read(&mut buf)).unwrap()?, 1);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the runtime has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe.
    pub async fn readable_mut(&mut self) -> io::Result<AsyncFdReadyMutGuard<'_, T>> {
        self.ready_mut(Interest::READABLE).await
    }

    /// Waits until the descriptor is writable. A write may still return `WouldBlock`.
    ///
    /// # Errors
    ///
    /// If the runtime has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe.
    pub async fn writable(&self) -> io::Result<AsyncFdReadyGuard<'_, T>> {
        self.ready(Interest::WRITABLE).await
    }

    /// As [`writable`](Self::writable), for a guard with mutable access.
    ///
    /// # Errors
    ///
    /// If the runtime has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe.
    pub async fn writable_mut(&mut self) -> io::Result<AsyncFdReadyMutGuard<'_, T>> {
        self.ready_mut(Interest::WRITABLE).await
    }

    fn poll_seen(&self, cx: &mut Context<'_>, interest: Interest) -> Poll<io::Result<Seen>> {
        let progress = ready!(coop::poll_proceed(cx));
        let source = self.source();
        ready!(source.poll_ready(cx, interest))?;
        progress.made_progress();
        Poll::Ready(Ok(source.seen(interest)))
    }

    /// Polls for [`readable`](Self::readable). If several tasks poll, only the last one is woken.
    ///
    /// # Errors
    ///
    /// If the runtime has ended.
    pub fn poll_read_ready<'a>(
        &'a self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<AsyncFdReadyGuard<'a, T>>> {
        let seen = ready!(self.poll_seen(cx, Interest::READABLE))?;
        Poll::Ready(Ok(AsyncFdReadyGuard { fd: self, seen }))
    }

    /// As [`poll_read_ready`](Self::poll_read_ready), for a guard with mutable access.
    ///
    /// # Errors
    ///
    /// If the runtime has ended.
    pub fn poll_read_ready_mut<'a>(
        &'a mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<AsyncFdReadyMutGuard<'a, T>>> {
        let seen = ready!(self.poll_seen(cx, Interest::READABLE))?;
        Poll::Ready(Ok(AsyncFdReadyMutGuard { fd: self, seen }))
    }

    /// Polls for [`writable`](Self::writable). If several tasks poll, only the last one is woken.
    ///
    /// # Errors
    ///
    /// If the runtime has ended.
    pub fn poll_write_ready<'a>(
        &'a self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<AsyncFdReadyGuard<'a, T>>> {
        let seen = ready!(self.poll_seen(cx, Interest::WRITABLE))?;
        Poll::Ready(Ok(AsyncFdReadyGuard { fd: self, seen }))
    }

    /// As [`poll_write_ready`](Self::poll_write_ready), for a guard with mutable access.
    ///
    /// # Errors
    ///
    /// If the runtime has ended.
    pub fn poll_write_ready_mut<'a>(
        &'a mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<AsyncFdReadyMutGuard<'a, T>>> {
        let seen = ready!(self.poll_seen(cx, Interest::WRITABLE))?;
        Poll::Ready(Ok(AsyncFdReadyMutGuard { fd: self, seen }))
    }

    /// Calls `f` each time the descriptor is ready, until it returns anything but `WouldBlock`.
    ///
    /// With several events in `interest`, a `WouldBlock` clears the readiness for all of them: pass
    /// only what `f` uses.
    ///
    /// ```
    /// use std::io::Read;
    /// use std::os::unix::net::UnixStream;
    /// use wakeful::reactor::{AsyncFd, Interest};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// wakeful::block_on(async {
    ///     let (here, there) = UnixStream::pair()?;
    ///     here.set_nonblocking(true)?;
    ///     let here = AsyncFd::new(here)?;
    ///     drop(there);
    ///     let read = here.async_io(Interest::READABLE, |mut io| io.read(&mut [0; 8]));
    ///     assert_eq!(read.await?, 0);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of `f`, and if the runtime has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: if the future is dropped, `f` has not succeeded.
    pub async fn async_io<R>(
        &self,
        interest: Interest,
        mut f: impl FnMut(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        let value = self.get_ref();
        self.source().io(interest, || f(value)).await
    }

    /// As [`async_io`](Self::async_io), with mutable access.
    ///
    /// # Errors
    ///
    /// As [`async_io`](Self::async_io).
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: if the future is dropped, `f` has not succeeded.
    pub async fn async_io_mut<R>(
        &mut self,
        interest: Interest,
        mut f: impl FnMut(&mut T) -> io::Result<R>,
    ) -> io::Result<R> {
        let (source, value) = self.parts_mut();
        source.io(interest, || f(value)).await
    }

    /// Calls `f` once, if the descriptor is believed to be ready. If `f` returns `WouldBlock`, the
    /// readiness is cleared.
    ///
    /// ```
    /// use std::io::{ErrorKind, Read};
    /// use std::os::unix::net::UnixStream;
    /// use wakeful::reactor::{AsyncFd, Interest};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// wakeful::block_on(async {
    ///     let (here, _there) = UnixStream::pair()?;
    ///     here.set_nonblocking(true)?;
    ///     let here = AsyncFd::new(here)?;
    ///     let read = here.try_io(Interest::READABLE, |mut io| io.read(&mut [0; 8]));
    ///     assert_eq!(read.unwrap_err().kind(), ErrorKind::WouldBlock);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of `f`; `WouldBlock` also if the descriptor is known not to be ready.
    pub fn try_io<R>(
        &self,
        interest: Interest,
        f: impl FnOnce(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        let value = self.get_ref();
        self.source().try_io_once(interest, || f(value))
    }

    /// As [`try_io`](Self::try_io), with mutable access.
    ///
    /// # Errors
    ///
    /// As [`try_io`](Self::try_io).
    pub fn try_io_mut<R>(
        &mut self,
        interest: Interest,
        f: impl FnOnce(&mut T) -> io::Result<R>,
    ) -> io::Result<R> {
        let (source, value) = self.parts_mut();
        source.try_io_once(interest, || f(value))
    }
}

/// Abandons the registration if the value has another descriptor by now: the registered one may be
/// closed, and its number may belong to another value.
fn check_descriptor<T: AsFd>(io: &Async<T>) {
    let source = io.source();
    // Set first, as the user's `as_fd` may panic.
    source.set_abandoned(true);
    let same = io.get_ref().as_fd().as_raw_fd() == source.number();
    source.set_abandoned(!same);
}

impl<T: AsFd> Drop for AsyncFd<T> {
    fn drop(&mut self) {
        if let Some(io) = &self.io {
            check_descriptor(io);
        }
    }
}

impl<T: AsFd> AsFd for AsyncFd<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.get_ref().as_fd()
    }
}

impl<T: AsFd> AsRawFd for AsyncFd<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl<T: AsFd + fmt::Debug> fmt::Debug for AsyncFd<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncFd")
            .field("inner", self.get_ref())
            .field("source", self.source())
            .finish()
    }
}
