//! Writing end of a pipe.

use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::io::AsyncWrite;
use rustix::fs::OFlags;
use wakeful_core::reactor::{Async, Interest, Ready};

use super::descriptor::{check, into_blocking, nonblocking};
use crate::exact;
use crate::stream::no_bytes;

/// Writing end of a pipe. The methods take `&self`; the `futures-io` traits are implemented for
/// `Sender` and `&Sender`.
///
/// The receiver reads the end after the last sender is dropped. The `close` of the trait does
/// nothing.
#[derive(Debug)]
pub struct Sender(Async<File>);

impl Sender {
    /// Wraps a file that is a pipe, and makes it nonblocking.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if it is not a pipe, or not open for writing; otherwise the error of the
    /// system.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn from_file(file: File) -> io::Result<Sender> {
        Sender::from_owned_fd(file.into())
    }

    /// Wraps a descriptor that is a pipe, and makes it nonblocking.
    ///
    /// # Errors
    ///
    /// As [`from_file`](Self::from_file).
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn from_owned_fd(fd: OwnedFd) -> io::Result<Sender> {
        check(&fd, OFlags::RDONLY, "writing")?;
        Sender::from_owned_fd_unchecked(nonblocking(fd)?)
    }

    /// Wraps a file without a check; it must be a nonblocking pipe or a similar file.
    ///
    /// # Errors
    ///
    /// Returns an error if the reactor can't register it.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn from_file_unchecked(file: File) -> io::Result<Sender> {
        let pipe = Async::new_nonblocking(file)?;
        // A pipe usually has free space.
        pipe.source().assume_ready(Interest::WRITABLE);
        Ok(Sender(pipe))
    }

    /// Wraps a descriptor without a check; it must be a nonblocking pipe or a similar file.
    ///
    /// # Errors
    ///
    /// Returns an error if the reactor can't register it.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn from_owned_fd_unchecked(fd: OwnedFd) -> io::Result<Sender> {
        Sender::from_file_unchecked(fd.into())
    }

    fn write_now(&self, buf: &[u8]) -> io::Result<usize> {
        let n = self.0.get_ref().write(buf)?;
        // A write to a pipe takes as many bytes as fit, atomically, so the pipe is full now.
        if 0 < n && n < buf.len() {
            self.0.source().drained(Interest::WRITABLE);
        }
        Ok(n)
    }

    /// Writes from `buf` and returns the number of bytes, possibly not all of them: see
    /// [`write_all`](Self::write_all). A write of at most 512 bytes (4,096 on Linux) is atomic: it
    /// is written as a whole, not mixed with the bytes of other senders. With an empty `buf` it
    /// returns 0 at once.
    ///
    /// # Errors
    ///
    /// `BrokenPipe` if no receiver is left; an error if the runtime has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: if the future is dropped, nothing was written.
    pub async fn write(&self, buf: &[u8]) -> io::Result<usize> {
        let now = || self.write_now(buf);
        let pipe = self.0.source();
        pipe.transfer(Interest::WRITABLE, buf.is_empty(), now).await
    }

    /// Writes all of `buf`. With an empty `buf` it is ready at once.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// # wakeful::block_on(async {
    /// let (sender, receiver) = wakeful::net::unix::pipe::pipe()?;
    /// sender.write_all(b"hello").await?;
    /// let mut greeting = [0; 5];
    /// receiver.read_exact(&mut greeting).await?;
    /// assert_eq!(&greeting, b"hello");
    /// # Ok(())
    /// # })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// `WriteZero` if the system takes no more bytes; else as [`write`](Self::write). After an
    /// error, some bytes may have been written.
    ///
    /// # Cancel safety
    ///
    /// Not cancel-safe: when the future is dropped, a part of `buf` may have been written, and how
    /// much is unknown.
    pub async fn write_all(&self, buf: &[u8]) -> io::Result<()> {
        exact::write_all(self.0.source(), buf, |rest| self.write_now(rest)).await
    }

    /// Tries to write, without waiting.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if the buffer of the system is full; otherwise as [`write`](Self::write).
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        let now = || self.write_now(buf);
        let pipe = self.0.source();
        pipe.try_transfer(Interest::WRITABLE, buf.is_empty(), now)
    }

    /// Tries to write from several buffers, without waiting.
    ///
    /// # Errors
    ///
    /// As [`try_write`](Self::try_write).
    pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let now = || self.0.get_ref().write_vectored(bufs);
        let pipe = self.0.source();
        pipe.try_transfer(Interest::WRITABLE, no_bytes(bufs), now)
    }

    /// Waits until the pipe is writable, as far as the reactor knows, or the last receiver is
    /// dropped.
    ///
    /// # Errors
    ///
    /// If the runtime has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe.
    pub async fn writable(&self) -> io::Result<()> {
        self.0.writable().await
    }

    /// Waits until the reactor has recorded that the pipe is ready for any of `interest`, and
    /// returns which of these events there are.
    ///
    /// # Errors
    ///
    /// If the runtime has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe.
    pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        self.0.source().ready(interest).await
    }

    /// Calls `op` once, if the reactor has recorded that the pipe is writable. If `op` returns
    /// `WouldBlock`, the record is cleared.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// # wakeful::block_on(async {
    /// let (sender, receiver) = wakeful::net::unix::pipe::pipe()?;
    /// let n = sender.try_io(|| Ok(rustix::io::write(&sender, b"hello")?))?;
    /// assert_eq!(n, 5);
    /// # drop(receiver);
    /// # Ok(())
    /// # })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Returns the error of `op`, or `WouldBlock`. `Interrupted` is returned as well, as `op` can't
    /// be called again.
    pub fn try_io<R>(&self, op: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        self.0.source().try_io_once(Interest::WRITABLE, op)
    }

    /// Polls for writability; if several tasks poll, only the last one is woken.
    ///
    /// # Errors
    ///
    /// If the runtime has ended.
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_writable(cx)
    }

    /// Removes the pipe from the reactor and makes it blocking.
    ///
    /// # Errors
    ///
    /// Returns the error of the system if it refuses.
    pub fn into_blocking_fd(self) -> io::Result<OwnedFd> {
        into_blocking(self.0)
    }

    /// Removes the pipe from the reactor. It stays nonblocking.
    ///
    /// # Errors
    ///
    /// Returns no error at present.
    pub fn into_nonblocking_fd(self) -> io::Result<OwnedFd> {
        self.0.into_inner().map(OwnedFd::from)
    }
}

/// I/O trait of a sender and of a reference to it.
macro_rules! write_trait {
    ($type:ty) => {
        impl AsyncWrite for $type {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                let now = || self.write_now(buf);
                let pipe = self.0.source();
                pipe.poll_transfer(cx, Interest::WRITABLE, buf.is_empty(), now)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                let now = || self.0.get_ref().write_vectored(bufs);
                let pipe = self.0.source();
                pipe.poll_transfer(cx, Interest::WRITABLE, no_bytes(bufs), now)
            }

            /// Returns at once: nothing is buffered.
            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            /// Does nothing: the pipe ends when the sender is dropped.
            fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }
        }
    };
}

write_trait!(Sender);
write_trait!(&Sender);

impl AsFd for Sender {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Sender {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}
