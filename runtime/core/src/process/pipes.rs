//! The pipes to and from a child.

use std::io::{self, IoSlice, IoSliceMut, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::pin::Pin;
use std::process::{self, Stdio};
use std::task::{Context, Poll};

use futures_util::io::{AsyncRead, AsyncWrite};
use rustix::buffer::spare_capacity;

use crate::reactor::{Async, Interest};

/// The pipe to a child's standard input. Dropping or closing it ends that input.
///
/// It can be converted into the `Stdio` of another command.
#[derive(Debug)]
pub struct ChildStdin(Option<Async<PipeWriter>>);

impl ChildStdin {
    /// Wraps a pipe of std.
    ///
    /// # Errors
    ///
    /// Returns an error if the reactor can't register it.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn from_std(pipe: process::ChildStdin) -> io::Result<ChildStdin> {
        let pipe = Async::new(PipeWriter::from(OwnedFd::from(pipe)))?;
        // The pipe is new, so it most likely has space.
        pipe.source().assume_ready(Interest::WRITABLE);
        Ok(ChildStdin(Some(pipe)))
    }

    fn pipe(&self) -> io::Result<&Async<PipeWriter>> {
        self.0.as_ref().ok_or_else(closed)
    }

    fn into_pipe(self) -> io::Result<Async<PipeWriter>> {
        self.0.ok_or_else(closed)
    }

    /// Writes from `buf` and returns the number of bytes, possibly not all.
    ///
    /// # Errors
    ///
    /// `BrokenPipe` if the child has closed its input or this pipe was closed; an error if the
    /// runtime has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: when it is dropped, nothing was written.
    pub async fn write(&self, buf: &[u8]) -> io::Result<usize> {
        let pipe = self.pipe()?;
        let now = || write_now(pipe, buf);
        let source = pipe.source();
        source
            .transfer(Interest::WRITABLE, buf.is_empty(), now)
            .await
    }

    /// Writes now, without waiting.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if the pipe is full; otherwise as [`write`](Self::write).
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        let pipe = self.pipe()?;
        let now = || write_now(pipe, buf);
        let source = pipe.source();
        source.try_transfer(Interest::WRITABLE, buf.is_empty(), now)
    }
}

fn closed() -> io::Error {
    io::Error::new(
        io::ErrorKind::BrokenPipe,
        "the child's standard input has been closed here",
    )
}

fn write_now(pipe: &Async<PipeWriter>, buf: &[u8]) -> io::Result<usize> {
    let n = pipe.get_ref().write(buf)?;
    // A write to a pipe takes as many bytes as fit, atomically, so the pipe is full now.
    if 0 < n && n < buf.len() {
        pipe.source().drained(Interest::WRITABLE);
    }
    Ok(n)
}

impl AsyncWrite for ChildStdin {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let pipe = self.pipe()?;
        let now = || write_now(pipe, buf);
        let source = pipe.source();
        source.poll_transfer(cx, Interest::WRITABLE, buf.is_empty(), now)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let nothing = bufs.iter().all(|buf| buf.is_empty());
        let pipe = self.pipe()?;
        let now = || pipe.get_ref().write_vectored(bufs);
        let source = pipe.source();
        source.poll_transfer(cx, Interest::WRITABLE, nothing, now)
    }

    /// Returns at once: nothing is buffered.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Closes the pipe, which ends the child's input.
    fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0 = None;
        Poll::Ready(Ok(()))
    }
}

/// Reads to the end. `read_to_end` of `futures` would zero its spare capacity at each poll; this
/// does not.
async fn read_all(pipe: &Async<PipeReader>) -> io::Result<Vec<u8>> {
    /// Default capacity of a pipe on Linux, in bytes.
    const PIPE: usize = 64 << 10;
    let mut bytes = Vec::new();
    loop {
        bytes.reserve(PIPE);
        let read = |pipe: &PipeReader| {
            let n = rustix::io::read(pipe, spare_capacity(&mut bytes))?;
            Ok(n)
        };
        if pipe.read_with(read).await? == 0 {
            return Ok(bytes);
        }
    }
}

/// Pipes from a child, which differ only in name.
macro_rules! output {
    ($name:ident, $what:literal) => {
        #[doc = concat!("The pipe from a child's ", $what, ".")]
        ///
        /// It can be converted into the `Stdio` of another command.
        #[derive(Debug)]
        pub struct $name(Async<PipeReader>);

        impl $name {
            /// Wraps a pipe of std.
            ///
            /// # Errors
            ///
            /// Returns an error if the reactor can't register it.
            ///
            /// # Panics
            ///
            /// Outside a runtime.
            #[track_caller]
            pub fn from_std(pipe: process::$name) -> io::Result<$name> {
                Async::new(PipeReader::from(OwnedFd::from(pipe))).map($name)
            }

            fn into_pipe(self) -> io::Result<Async<PipeReader>> {
                Ok(self.0)
            }

            fn read_now(&self, buf: &mut [u8]) -> io::Result<usize> {
                // A short read does not mean that the pipe is empty: the child may send packets
                // (`O_DIRECT`).
                self.0.get_ref().read(buf)
            }

            /// Reads all bytes until the end.
            pub(super) async fn into_all(self) -> io::Result<Vec<u8>> {
                read_all(&self.0).await
            }

            /// Reads into `buf` and returns the number of bytes; 0 means the end, unless `buf` is
            /// empty.
            ///
            /// # Errors
            ///
            /// Returns the error of the system, or an error if the runtime has ended.
            ///
            /// # Cancel safety
            ///
            /// Cancel-safe: when it is dropped, nothing was read.
            pub async fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
                let nothing = buf.is_empty();
                let now = || self.read_now(buf);
                let source = self.0.source();
                source.transfer(Interest::READABLE, nothing, now).await
            }

            /// Reads now, without waiting.
            ///
            /// # Errors
            ///
            /// `WouldBlock` if there is nothing to read; otherwise as [`read`](Self::read).
            pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
                let nothing = buf.is_empty();
                let now = || self.read_now(buf);
                let source = self.0.source();
                source.try_transfer(Interest::READABLE, nothing, now)
            }
        }

        impl AsyncRead for $name {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                let nothing = buf.is_empty();
                let now = || self.read_now(buf);
                let source = self.0.source();
                source.poll_transfer(cx, Interest::READABLE, nothing, now)
            }

            fn poll_read_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &mut [IoSliceMut<'_>],
            ) -> Poll<io::Result<usize>> {
                let nothing = bufs.iter().all(|buf| buf.is_empty());
                let now = || self.0.get_ref().read_vectored(bufs);
                let source = self.0.source();
                source.poll_transfer(cx, Interest::READABLE, nothing, now)
            }
        }

        impl AsFd for $name {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.0.as_fd()
            }
        }

        impl AsRawFd for $name {
            fn as_raw_fd(&self) -> RawFd {
                self.0.as_raw_fd()
            }
        }

        to_stdio!($name);
    };
}

/// Conversions of a pipe out of the runtime, for example to give it to another child.
macro_rules! to_stdio {
    ($name:ident) => {
        impl $name {
            /// Removes the pipe from the reactor and makes it blocking again.
            ///
            /// # Errors
            ///
            /// Returns an error if the system refuses, or if the pipe was closed.
            pub fn into_owned_fd(self) -> io::Result<OwnedFd> {
                let pipe = self.into_pipe()?.into_inner()?;
                rustix::io::ioctl_fionbio(&pipe, false)?;
                Ok(pipe.into())
            }
        }

        impl TryFrom<$name> for Stdio {
            type Error = io::Error;

            fn try_from(pipe: $name) -> io::Result<Stdio> {
                pipe.into_owned_fd().map(Stdio::from)
            }
        }
    };
}

output!(ChildStdout, "standard output");
output!(ChildStderr, "standard error");
to_stdio!(ChildStdin);
