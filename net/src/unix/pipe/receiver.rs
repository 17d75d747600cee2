//! Reading end of a pipe.

use std::fs::File;
use std::io::{self, IoSliceMut, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::io::AsyncRead;
use rustix::fs::OFlags;
use wakeful_core::reactor::{Async, Interest, Ready};

use super::descriptor::{check, into_blocking, nonblocking};
use crate::exact;
use crate::stream::no_bytes;

/// Reading end of a pipe. The methods take `&self`; the `futures-io` traits are implemented for
/// `Receiver` and `&Receiver`.
///
/// The receiver of a named pipe waits for the first sender, and reads 0 bytes, the end, whenever no
/// sender is left. It may continue to read: after a new sender opens the pipe, reads return its
/// bytes. To read no end at all, open the pipe with [`read_write`](super::OpenOptions::read_write).
#[derive(Debug)]
pub struct Receiver(pub(crate) Async<File>);

impl Receiver {
    /// Wraps a file that is a pipe, and makes it nonblocking.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if it is not a pipe, or not open for reading; otherwise the error of the
    /// system.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn from_file(file: File) -> io::Result<Receiver> {
        Receiver::from_owned_fd(file.into())
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
    pub fn from_owned_fd(fd: OwnedFd) -> io::Result<Receiver> {
        check(&fd, OFlags::WRONLY, "reading")?;
        Receiver::from_owned_fd_unchecked(nonblocking(fd)?)
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
    pub fn from_file_unchecked(file: File) -> io::Result<Receiver> {
        Async::new_nonblocking(file).map(Receiver)
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
    pub fn from_owned_fd_unchecked(fd: OwnedFd) -> io::Result<Receiver> {
        Receiver::from_file_unchecked(fd.into())
    }

    fn read_now(&self, buf: &mut [u8]) -> io::Result<usize> {
        let granted = self.0.source().fault_cap(buf.len());
        let buf = &mut buf[..granted];
        // A short read does not mean that the pipe is empty: the sender may send packets
        // (`O_DIRECT`).
        self.0.get_ref().read(buf)
    }

    /// Reads into `buf` and returns the number of bytes; 0 means the end. With an empty `buf` it
    /// returns 0 at once.
    ///
    /// # Errors
    ///
    /// Returns the error of the system, or an error if the runtime has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: if the future is dropped, nothing was read.
    pub async fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        let nothing = buf.is_empty();
        let now = || self.read_now(buf);
        let pipe = self.0.source();
        pipe.transfer(Interest::READABLE, nothing, now).await
    }

    /// Reads until `buf` is full. With an empty `buf` it is ready at once.
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
    /// `UnexpectedEof` if no sender is left before `buf` is full; else as [`read`](Self::read).
    /// After an error, the contents of `buf` are unspecified.
    ///
    /// # Cancel safety
    ///
    /// Not cancel-safe: when the future is dropped, some bytes may have been read into `buf`
    /// already, and how many is unknown.
    pub async fn read_exact(&self, buf: &mut [u8]) -> io::Result<()> {
        exact::read_exact(self.0.source(), buf, |rest| self.read_now(rest)).await
    }

    /// Tries to read, without waiting.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is nothing to read; otherwise as [`read`](Self::read).
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        let nothing = buf.is_empty();
        let now = || self.read_now(buf);
        let pipe = self.0.source();
        pipe.try_transfer(Interest::READABLE, nothing, now)
    }

    /// Tries to read into several buffers, without waiting.
    ///
    /// # Errors
    ///
    /// As [`try_read`](Self::try_read).
    pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let nothing = no_bytes(bufs);
        let now = || self.0.get_ref().read_vectored(bufs);
        let pipe = self.0.source();
        pipe.try_transfer(Interest::READABLE, nothing, now)
    }

    /// Waits until there are bytes to read, or for the end, as far as the reactor knows.
    ///
    /// # Errors
    ///
    /// If the runtime has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe.
    pub async fn readable(&self) -> io::Result<()> {
        self.0.readable().await
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

    /// Calls `op` once, if the reactor has recorded that the pipe is readable. If `op` returns
    /// `WouldBlock`, the record is cleared.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// # wakeful::block_on(async {
    /// let (sender, receiver) = wakeful::net::unix::pipe::pipe()?;
    /// sender.write_all(b"hello").await?;
    /// receiver.readable().await?;
    /// let n = receiver.try_io(|| Ok(rustix::io::read(&receiver, &mut [0; 8])?))?;
    /// assert_eq!(n, 5);
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
        self.0.source().try_io_once(Interest::READABLE, op)
    }

    /// Polls for readability; if several tasks poll, only the last one is woken.
    ///
    /// # Errors
    ///
    /// If the runtime has ended.
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_readable(cx)
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

/// I/O trait of a receiver and of a reference to it.
macro_rules! read_trait {
    ($type:ty) => {
        impl AsyncRead for $type {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                let nothing = buf.is_empty();
                let now = || self.read_now(buf);
                let pipe = self.0.source();
                pipe.poll_transfer(cx, Interest::READABLE, nothing, now)
            }

            fn poll_read_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &mut [IoSliceMut<'_>],
            ) -> Poll<io::Result<usize>> {
                let nothing = no_bytes(bufs);
                let now = || self.0.get_ref().read_vectored(bufs);
                let pipe = self.0.source();
                pipe.poll_transfer(cx, Interest::READABLE, nothing, now)
            }
        }
    };
}

read_trait!(Receiver);
read_trait!(&Receiver);

impl AsFd for Receiver {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Receiver {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}
