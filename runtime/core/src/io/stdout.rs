//! Standard output and standard error.

use std::fmt;
use std::fs::File;
use std::future::Future;
use std::io::{self, IoSlice, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::panic::resume_unwind;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::io::AsyncWrite;
use rustix::event::PollFlags;
use rustix::fs::OFlags;
use rustix::io::Errno;

use super::descriptor::retry_blocking;
use super::reopen::reopen;
use crate::blocking::{self, Call, Duty, Missing, Stream, WriteErrors};
use crate::reactor::{Async, Interest};
use crate::shutdown_error::runtime_ended;
use crate::task::coop;

/// Maximum number of bytes handed to a thread at a time.
const CHUNK: usize = 64 << 10;

#[derive(Debug)]
enum To {
    Reactor(Async<File>),
    Pool(Pooled),
}

#[derive(Default)]
struct Pooled {
    /// The write in flight.
    busy: Option<Call<io::Result<()>>>,
    write_errors: WriteErrors,
}

impl fmt::Debug for Pooled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pooled")
            .field("busy", &self.busy.is_some())
            .field("write_errors", &self.write_errors)
            .finish()
    }
}

impl Pooled {
    /// Polls until no write is in flight.
    fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(busy) = &mut self.busy else {
            return Poll::Ready(());
        };
        let progress = ready!(coop::poll_proceed(cx));
        let written = ready!(Pin::new(busy).poll(cx));
        progress.made_progress();
        self.busy = None;
        let written = written.unwrap_or_else(|missing| match missing {
            Missing::Panicked(payload) => resume_unwind(payload),
            Missing::Dropped => Err(runtime_ended("the runtime ended before this write began")),
        });
        if let Err(error) = written {
            self.write_errors.record(error);
        }
        Poll::Ready(())
    }
}

#[derive(Debug)]
struct Output {
    which: Stream,
    to: To,
}

impl Output {
    #[track_caller]
    fn new(which: Stream) -> Output {
        crate::reactor::current::with(|_| ());
        let to = match with_descriptor(which, |shared| reopen(shared, OFlags::WRONLY)) {
            Some(file) => {
                file.source().assume_ready(Interest::WRITABLE);
                To::Reactor(file)
            }
            None => To::Pool(Pooled::default()),
        };
        Output { which, to }
    }

    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if bufs.iter().all(|buf| buf.is_empty()) {
            return Poll::Ready(Ok(0));
        }
        match &mut self.to {
            To::Reactor(file) => file.poll_write_with(cx, |mut file| file.write_vectored(bufs)),
            To::Pool(pooled) => {
                ready!(pooled.poll_idle(cx));
                pooled.write_errors.report()?;
                let which = self.which;
                let mut bytes = Vec::new();
                for buf in bufs {
                    let left = CHUNK - bytes.len();
                    bytes.extend_from_slice(&buf[..buf.len().min(left)]);
                }
                let n = bytes.len();
                // The write is carried out even if the stream is dropped, and `block_on` and the
                // end of the runtime wait for it.
                let write = move || with_descriptor(which, |fd| write_all(fd, &bytes));
                pooled.busy = Some(blocking::call(Duty::Output(which), write)?);
                Poll::Ready(Ok(n))
            }
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let To::Pool(pooled) = &mut self.to else {
            return Poll::Ready(Ok(()));
        };
        ready!(pooled.poll_idle(cx));
        let since = pooled.write_errors.begin_flush();
        Poll::Ready(pooled.write_errors.end_flush(since))
    }
}

/// Calls `f` with the descriptor that std uses for the stream.
fn with_descriptor<T>(which: Stream, f: impl FnOnce(BorrowedFd<'_>) -> T) -> T {
    match which {
        Stream::Out => f(io::stdout().as_fd()),
        Stream::Err => f(io::stderr().as_fd()),
    }
}

fn write_all(fd: BorrowedFd<'_>, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match retry_blocking(fd, PollFlags::OUT, || rustix::io::write(fd, bytes)) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => bytes = &bytes[n..],
            // Without a standard output the bytes are discarded, as in std.
            Err(Errno::BADF) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Output types, which differ only in name.
macro_rules! output {
    ($type:ident, $new:ident, $which:ident, $what:literal) => {
        #[doc = concat!("The standard ", $what, "; made by [`", stringify!($new), "`].")]
        ///
        /// A write may return before the system has the bytes, see
        /// [Standard streams](crate::io#standard-streams). They reach the system before the
        /// `block_on` or the runtime in which they were written ends. Flush the stream to learn of
        /// a failed write, and before a call of `std::process::exit`, which waits for nothing. The
        /// next write returns the error of a failed write, and the next flush returns it too, once.
        #[derive(Debug)]
        pub struct $type(Output);

        #[doc = concat!("The standard ", $what, ".")]
        ///
        /// It is not buffered, and does not see the line buffer of `print!`.
        ///
        /// # Panics
        ///
        /// Outside a runtime.
        ///
        /// ```
        /// use futures_util::AsyncWriteExt;
        ///
        /// # fn main() -> std::io::Result<()> {
        /// wakeful::block_on(async {
        #[doc = concat!("    let mut out = wakeful::io::", stringify!($new), "();")]
        ///     out.write_all(b"hello\n").await?;
        ///     out.flush().await
        /// })
        /// # }
        /// ```
        #[track_caller]
        pub fn $new() -> $type {
            $type(Output::new(Stream::$which))
        }

        impl AsyncWrite for $type {
            fn poll_write(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                self.0.poll_write(cx, &[IoSlice::new(buf)])
            }

            fn poll_write_vectored(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                self.0.poll_write(cx, bufs)
            }

            fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.0.poll_flush(cx)
            }

            /// Flushes; the stream stays open.
            fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.0.poll_flush(cx)
            }
        }
    };
}

output!(Stdout, stdout, Out, "output");
output!(Stderr, stderr, Err, "error");
