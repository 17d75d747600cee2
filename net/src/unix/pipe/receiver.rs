//! The end that is read.

use std::fs::File;
use std::io::{self, IoSliceMut, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::io::AsyncRead;
use rustix::fs::OFlags;
use wakeful_core::reactor::{Async, Interest};

use super::descriptor::{check, into_blocking, nonblocking};
use crate::exact;
use crate::stream::no_bytes;

/// The end of a pipe that is read. The methods take `&self`; the `futures-io` traits are there for
/// `Receiver` and `&Receiver`.
///
/// The receiver of a named pipe waits for the first sender, and reads 0 bytes, the end, whenever no
/// sender is left. It may go on reading: when another sender comes, so do its bytes. To see no end
/// at all, open the pipe with [`read_write`](super::OpenOptions::read_write).
#[derive(Debug)]
pub struct Receiver(Async<File>);

impl Receiver {
    /// Takes in a file that is a pipe, and makes it nonblocking.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if it is not a pipe, or not open for reading; else those of the system.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn from_file(file: File) -> io::Result<Receiver> {
        Receiver::from_owned_fd(file.into())
    }

    /// Takes in a descriptor that is a pipe, and makes it nonblocking.
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

    /// Takes in a file that the caller knows to be a nonblocking pipe, or the like.
    ///
    /// # Errors
    ///
    /// If the reactor can't watch it.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn from_file_unchecked(file: File) -> io::Result<Receiver> {
        Async::new_nonblocking(file).map(Receiver)
    }

    /// Takes in a descriptor that the caller knows to be a nonblocking pipe, or the like.
    ///
    /// # Errors
    ///
    /// If the reactor can't watch it.
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
        // A short read does not say that the pipe is empty: the other side may send packets
        // (`O_DIRECT`).
        self.0.get_ref().read(buf)
    }

    /// Reads into `buf` and returns how many bytes; 0 is the end, unless `buf` is empty: then
    /// it is ready at once with 0.
    ///
    /// # Errors
    ///
    /// Returns the error of the system, and if the runtime has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: when it is dropped, nothing was read.
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

    /// Reads now, without waiting.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is nothing; else as [`read`](Self::read).
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        let nothing = buf.is_empty();
        let now = || self.read_now(buf);
        let pipe = self.0.source();
        pipe.try_transfer(Interest::READABLE, nothing, now)
    }

    /// Reads now into several buffers, without waiting.
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

    /// Waits for something to read, or the end, as far as the reactor knows.
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

    /// Polls for something to read; if several tasks poll, only the last one is woken.
    ///
    /// # Errors
    ///
    /// If the runtime has ended.
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_readable(cx)
    }

    /// Takes it off the reactor and makes it blocking.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn into_blocking_fd(self) -> io::Result<OwnedFd> {
        into_blocking(self.0)
    }

    /// Takes it off the reactor. It stays nonblocking.
    ///
    /// # Errors
    ///
    /// Returns no error at present.
    pub fn into_nonblocking_fd(self) -> io::Result<OwnedFd> {
        self.0.into_inner().map(OwnedFd::from)
    }
}

/// The same for a receiver and for a reference to one.
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
