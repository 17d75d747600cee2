//! `Async`: a descriptor with async operations.

use std::any::type_name;
use std::fmt;
use std::future::Future;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::marker::PhantomData;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_util::io::{AsyncRead, AsyncWrite};

use super::current;
use super::interest::Interest;
use super::source::Source;

/// A descriptor that is registered with the reactor: a socket, a pipe, a terminal, a timer,
/// anything that the system can wait for. It is deregistered before it is closed.
///
/// Regular files are always ready, so the system can't wait for them; read them in
/// [`spawn_blocking`](crate::spawn_blocking).
///
/// ```
/// use std::io::{Read, Write};
/// use std::os::unix::net::UnixStream;
/// use wakeful::reactor::Async;
///
/// # fn main() -> std::io::Result<()> {
/// wakeful::block_on(async {
///     let (here, there) = UnixStream::pair()?;
///     let here = Async::new(here)?;
///     let there = Async::new(there)?;
///     let reader = wakeful::spawn(async move {
///         let mut buf = [0; 16];
///         let n = here.read_with(|mut io| io.read(&mut buf)).await?;
///         Ok::<_, std::io::Error>(buf[..n].to_vec())
///     });
///     there.write_with(|mut io| io.write(b"hello")).await?;
///     assert_eq!(reader.await.unwrap()?, b"hello");
///     Ok(())
/// })
/// # }
/// ```
///
/// # Borrowed descriptors
///
/// `T` may be a borrow: an `Async<BorrowedFd<'_>>` does not close the descriptor. The borrow lasts
/// until the `Async` is dropped or taken apart, so the descriptor can't be closed before it is
/// deregistered:
///
/// ```compile_fail,E0505
/// use std::os::fd::AsFd;
/// use std::os::unix::net::UnixStream;
/// use wakeful::reactor::Async;
///
/// # fn main() -> std::io::Result<()> {
/// wakeful::block_on(async {
///     let (socket, _other) = UnixStream::pair()?;
///     let watched = Async::new(socket.as_fd())?;
///     drop(socket); // error: `watched`, which is dropped later, borrows it
///     Ok(())
/// })
/// # }
/// ```
pub struct Async<T: AsFd> {
    // Dropped first: a descriptor is deregistered before it is closed.
    source: Registered<T>,
    io: T,
}

/// The registration of a `T`, which ends before what `T` borrows.
///
/// [`Source`] has only the number of the descriptor, so its drop alone does not require that what
/// `T` borrows is still alive. The drop of this type does: for the compiler it may use a `T`. So no
/// descriptor number is deregistered after it was closed or given out again.
struct Registered<T> {
    source: Source,
    of: PhantomData<T>,
}

impl<T> Drop for Registered<T> {
    fn drop(&mut self) {
        // The drop of `source` does the work.
    }
}

// `source` and `io` are never pinned: they are only used through references.
impl<T: AsFd> Unpin for Async<T> {}

impl<T: AsFd> Async<T> {
    /// Makes the descriptor nonblocking and registers it with this thread's runtime.
    ///
    /// [`AsFd::as_fd`] of `T` must always return the same descriptor.
    ///
    /// # Errors
    ///
    /// If the system can't wait for the descriptor, as for a regular file, if it is already
    /// registered, or if the system has no memory for another registration.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn new(io: T) -> io::Result<Async<T>> {
        // Called once: a user's `AsFd` may return another descriptor the next time.
        let fd = io.as_fd();
        rustix::io::ioctl_fionbio(fd, true)?;
        let source = register(fd, Interest::BOTH, type_name::<T>())?;
        Ok(Async::registered(source, io))
    }

    /// Registers a descriptor that is already nonblocking.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn new_nonblocking(io: T) -> io::Result<Async<T>> {
        let source = register(io.as_fd(), Interest::BOTH, type_name::<T>())?;
        Ok(Async::registered(source, io))
    }

    pub(super) fn registered(source: Source, io: T) -> Async<T> {
        let source = Registered {
            source,
            of: PhantomData,
        };
        Async { source, io }
    }

    /// Returns a reference to the inner value.
    pub fn get_ref(&self) -> &T {
        &self.io
    }

    /// Deregisters the descriptor and returns the inner value. The descriptor stays nonblocking.
    ///
    /// # Errors
    ///
    /// None today; the signature allows for systems where this can fail.
    pub fn into_inner(self) -> io::Result<T> {
        Ok(self.into_value())
    }

    pub(super) fn into_value(self) -> T {
        let Async { source, io } = self;
        drop(source);
        io
    }

    /// Returns the registration, and the inner value. The caller makes sure that the source does
    /// not use its descriptor if the value has another one afterwards.
    pub(super) fn parts_mut(&mut self) -> (&Source, &mut T) {
        (&self.source.source, &mut self.io)
    }

    /// Returns the registration of the descriptor.
    pub fn source(&self) -> &Source {
        &self.source.source
    }

    /// Waits until events report that the descriptor is readable. A read may still return
    /// `WouldBlock`.
    ///
    /// # Errors
    ///
    /// If the runtime has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe.
    pub async fn readable(&self) -> io::Result<()> {
        self.source().ready(Interest::READABLE).await?;
        Ok(())
    }

    /// Waits until events report that the descriptor is writable. A write may still return
    /// `WouldBlock`.
    ///
    /// # Errors
    ///
    /// If the runtime has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe.
    pub async fn writable(&self) -> io::Result<()> {
        self.source().ready(Interest::WRITABLE).await?;
        Ok(())
    }

    /// Polls whether the descriptor is readable; of several tasks the newest is woken.
    ///
    /// # Errors
    ///
    /// If the runtime has ended.
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.source().poll_ready(cx, Interest::READABLE)
    }

    /// Polls whether the descriptor is writable; of several tasks the newest is woken.
    ///
    /// # Errors
    ///
    /// If the runtime has ended.
    pub fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.source().poll_ready(cx, Interest::WRITABLE)
    }

    /// Calls `op` when the descriptor is readable, until it returns anything but `WouldBlock`.
    ///
    /// # Errors
    ///
    /// Those of `op`, and if the runtime has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: if the future is dropped, `op` has not succeeded.
    pub fn read_with<R>(
        &self,
        mut op: impl FnMut(&T) -> io::Result<R>,
    ) -> impl Future<Output = io::Result<R>> {
        self.source().io(Interest::READABLE, move || op(&self.io))
    }

    /// Calls `op` when the descriptor is writable, until it returns anything but `WouldBlock`.
    ///
    /// # Errors
    ///
    /// Those of `op`, and if the runtime has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: if the future is dropped, `op` has not succeeded.
    pub fn write_with<R>(
        &self,
        mut op: impl FnMut(&T) -> io::Result<R>,
    ) -> impl Future<Output = io::Result<R>> {
        self.source().io(Interest::WRITABLE, move || op(&self.io))
    }

    /// Polls as [`read_with`](Self::read_with) does; of several tasks the newest is woken.
    ///
    /// # Errors
    ///
    /// Those of `op`, and if the runtime has ended.
    pub fn poll_read_with<R>(
        &self,
        cx: &mut Context<'_>,
        mut op: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.source()
            .poll_io(cx, Interest::READABLE, || op(&self.io))
    }

    /// Polls as [`write_with`](Self::write_with) does; of several tasks the newest is woken.
    ///
    /// # Errors
    ///
    /// Those of `op`, and if the runtime has ended.
    pub fn poll_write_with<R>(
        &self,
        cx: &mut Context<'_>,
        mut op: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.source()
            .poll_io(cx, Interest::WRITABLE, || op(&self.io))
    }

    /// Calls `op` once, if the descriptor is believed to be readable.
    ///
    /// # Errors
    ///
    /// Those of `op`; `WouldBlock` if the descriptor is not readable.
    pub fn try_read_with<R>(&self, mut op: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        self.source().try_io(Interest::READABLE, || op(&self.io))
    }

    /// Calls `op` once, if the descriptor is believed to be writable.
    ///
    /// # Errors
    ///
    /// Those of `op`; `WouldBlock` if the descriptor is not writable.
    pub fn try_write_with<R>(&self, mut op: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        self.source().try_io(Interest::WRITABLE, || op(&self.io))
    }
}

/// Registers a descriptor with this thread's runtime, with errors that say what to do.
#[track_caller]
pub(super) fn register(
    fd: BorrowedFd<'_>,
    what: Interest,
    type_name: &'static str,
) -> io::Result<Source> {
    let reactor = current::with(Rc::clone);
    Source::new(reactor, fd, what, type_name).map_err(|error| {
        let fd = fd.as_raw_fd();
        match error.kind() {
            // The error of epoll for a kind of descriptor that can't be waited for.
            io::ErrorKind::PermissionDenied => io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "descriptor {fd} can't be waited for, as it is a regular file or a directory: \
                     use `wakeful::spawn_blocking` ({error})"
                ),
            ),
            // A source is deregistered before its descriptor is closed, so the other registration
            // is alive.
            io::ErrorKind::AlreadyExists => io::Error::new(
                io::ErrorKind::AlreadyExists,
                format!(
                    "descriptor {fd} is registered with this runtime already: share that `Async`, \
                     or duplicate the descriptor ({error})"
                ),
            ),
            _ => error,
        }
    })
}

impl<T: AsFd> AsFd for Async<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.io.as_fd()
    }
}

impl<T: AsFd> AsRawFd for Async<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.io.as_fd().as_raw_fd()
    }
}

impl<T: AsFd + fmt::Debug> fmt::Debug for Async<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Async")
            .field("io", &self.io)
            .field("source", self.source())
            .finish()
    }
}

/// Reads if `&T` can read: two tasks may use one descriptor through shared references, one for
/// reading and one for writing. Of several tasks in one direction only the newest is woken.
///
/// A transfer with an empty buffer is ready immediately with 0, without a system call.
impl<T: AsFd> AsyncRead for &Async<T>
where
    for<'a> &'a T: Read,
{
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.source()
            .poll_transfer(cx, Interest::READABLE, buf.is_empty(), || {
                (&self.io).read(buf)
            })
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        let nothing = bufs.iter().all(|buf| buf.is_empty());
        self.source()
            .poll_transfer(cx, Interest::READABLE, nothing, || {
                (&self.io).read_vectored(bufs)
            })
    }
}

impl<T: AsFd> AsyncWrite for &Async<T>
where
    for<'a> &'a T: Write,
{
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.source()
            .poll_transfer(cx, Interest::WRITABLE, buf.is_empty(), || {
                (&self.io).write(buf)
            })
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let nothing = bufs.iter().all(|buf| buf.is_empty());
        self.source()
            .poll_transfer(cx, Interest::WRITABLE, nothing, || {
                (&self.io).write_vectored(bufs)
            })
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Tried without waiting for readiness: there may be nothing to flush although the
        // descriptor is not writable.
        match (&self.io).flush() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.poll_write_with(cx, |mut io| io.flush())
            }
            result => Poll::Ready(result),
        }
    }

    /// Flushes. The types built on `Async` define what closing does beyond that.
    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

impl<T: AsFd> AsyncRead for Async<T>
where
    for<'a> &'a T: Read,
{
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self).poll_read(cx, buf)
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self).poll_read_vectored(cx, bufs)
    }
}

impl<T: AsFd> AsyncWrite for Async<T>
where
    for<'a> &'a T: Write,
{
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self).poll_write_vectored(cx, bufs)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &*self).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &*self).poll_close(cx)
    }
}
