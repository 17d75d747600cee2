//! Any descriptor, made async.

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

/// A descriptor that the reactor watches: a socket, a pipe, a terminal, a timer, anything that the
/// system can wait for. It is taken off the reactor before it is closed.
///
/// Regular files are always ready, so the system can't wait for them; read those by
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
/// `T` may borrow: an `Async<BorrowedFd<'_>>` leaves closing to the owner. The borrow lasts until the
/// `Async` is dropped or taken apart, so its descriptor can't be closed before it is deregistered:
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

/// The registration of a `T`.
///
/// [`Source`] keeps only the number of the descriptor, so its drop alone tells the compiler nothing
/// of what `T` borrows. The drop of this type does: it may use a `T` as far as the compiler knows,
/// so what `T` borrows has to live until the source is dropped.
struct Registered<T> {
    source: Source,
    of: PhantomData<T>,
}

impl<T> Drop for Registered<T> {
    fn drop(&mut self) {
        // The drop of `source` does the work.
    }
}

// It is never pinned structurally: `source` and `io` are only ever used through references.
impl<T: AsFd> Unpin for Async<T> {}

impl<T: AsFd> Async<T> {
    /// Makes the descriptor nonblocking and registers it with this thread's runtime.
    ///
    /// `T` must give the same descriptor each time it is asked.
    ///
    /// # Errors
    ///
    /// If the system can't wait for it, as for a regular file, if the descriptor is registered
    /// already, or if there is no memory for one more.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn new(io: T) -> io::Result<Async<T>> {
        // Asked once: an `AsFd` of the user may give another descriptor the next time.
        let fd = io.as_fd();
        rustix::io::ioctl_fionbio(fd, true)?;
        let source = register(fd, type_name::<T>())?;
        Ok(Async::registered(source, io))
    }

    /// Registers a descriptor that is nonblocking already.
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
        let source = register(io.as_fd(), type_name::<T>())?;
        Ok(Async::registered(source, io))
    }

    fn registered(source: Source, io: T) -> Async<T> {
        let source = Registered {
            source,
            of: PhantomData,
        };
        Async { source, io }
    }

    /// What is inside.
    pub fn get_ref(&self) -> &T {
        &self.io
    }

    /// Takes it off the reactor. It stays nonblocking.
    ///
    /// # Errors
    ///
    /// None today; the signature leaves room for systems where this can fail.
    pub fn into_inner(self) -> io::Result<T> {
        let Async { source, io } = self;
        drop(source);
        Ok(io)
    }

    /// The reactor's side of it.
    pub fn source(&self) -> &Source {
        &self.source.source
    }

    /// Waits until it is readable, as far as events tell; a read may still say `WouldBlock`.
    ///
    /// # Errors
    ///
    /// If the runtime has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe.
    pub async fn readable(&self) -> io::Result<()> {
        self.source().ready(Interest::READABLE).await
    }

    /// Waits until it is writable, as far as events tell; a write may still say `WouldBlock`.
    ///
    /// # Errors
    ///
    /// If the runtime has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe.
    pub async fn writable(&self) -> io::Result<()> {
        self.source().ready(Interest::WRITABLE).await
    }

    /// Polls for it to be readable; of several tasks the newest is woken.
    ///
    /// # Errors
    ///
    /// If the runtime has ended.
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.source().poll_ready(cx, Interest::READABLE)
    }

    /// Polls for it to be writable; of several tasks the newest is woken.
    ///
    /// # Errors
    ///
    /// If the runtime has ended.
    pub fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.source().poll_ready(cx, Interest::WRITABLE)
    }

    /// Does `op` when it is readable, until it gives anything but `WouldBlock`.
    ///
    /// # Errors
    ///
    /// Those of `op`, and if the runtime has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: when it is dropped, `op` has not succeeded.
    pub fn read_with<R>(
        &self,
        mut op: impl FnMut(&T) -> io::Result<R>,
    ) -> impl Future<Output = io::Result<R>> {
        self.source().io(Interest::READABLE, move || op(&self.io))
    }

    /// Does `op` when it is writable, until it gives anything but `WouldBlock`.
    ///
    /// # Errors
    ///
    /// Those of `op`, and if the runtime has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: when it is dropped, `op` has not succeeded.
    pub fn write_with<R>(
        &self,
        mut op: impl FnMut(&T) -> io::Result<R>,
    ) -> impl Future<Output = io::Result<R>> {
        self.source().io(Interest::WRITABLE, move || op(&self.io))
    }

    /// Polls [`read_with`](Self::read_with); of several tasks the newest is woken.
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

    /// Polls [`write_with`](Self::write_with); of several tasks the newest is woken.
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

    /// Does `op` once, if it is readable as far as events tell.
    ///
    /// # Errors
    ///
    /// Those of `op`; `WouldBlock` if it is not readable.
    pub fn try_read_with<R>(&self, mut op: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        self.source().try_io(Interest::READABLE, || op(&self.io))
    }

    /// Does `op` once, if it is writable as far as events tell.
    ///
    /// # Errors
    ///
    /// Those of `op`; `WouldBlock` if it is not writable.
    pub fn try_write_with<R>(&self, mut op: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        self.source().try_io(Interest::WRITABLE, || op(&self.io))
    }
}

/// Registers a descriptor with this thread's runtime, with errors that say what to do.
#[track_caller]
fn register(fd: BorrowedFd<'_>, type_name: &'static str) -> io::Result<Source> {
    let reactor = current::with(Rc::clone);
    Source::new(reactor, fd, type_name).map_err(|error| {
        let fd = fd.as_raw_fd();
        match error.kind() {
            // How epoll says that this is no kind of thing that one can wait for.
            io::ErrorKind::PermissionDenied => io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "descriptor {fd} can't be waited for, as it is a regular file or a directory: \
                     use `wakeful::spawn_blocking` ({error})"
                ),
            ),
            // A source takes its registration off before its descriptor is closed, so the other one
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

/// Reads where `&T` can: two tasks may use one descriptor through shared references, one of them to read and
/// one to write. Of several in one direction only the newest is woken.
///
/// Reading into no room and writing nothing are ready at once with 0, without a syscall.
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
        // At once, as there may be nothing to flush and no room to write either.
        match (&self.io).flush() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.poll_write_with(cx, |mut io| io.flush())
            }
            result => Poll::Ready(result),
        }
    }

    /// Flushes. What closing means beyond that is for the types above to say.
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
