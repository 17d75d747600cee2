//! Standard output and standard error.

use std::fs::File;
use std::future::Future;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::io::AsyncWrite;
use rustix::event::PollFlags;
use rustix::fs::OFlags;
use rustix::io::Errno;

use super::{patiently, reopen};
use crate::blocking::spawn_blocking;
use crate::reactor::{Async, Interest};
use crate::task::JoinHandle;

/// The most that is handed to a thread at a time.
const CHUNK: usize = 64 << 10;

#[derive(Debug)]
enum To {
    Reactor(Async<File>),
    /// What is being written, if anything is.
    Pool(Option<JoinHandle<io::Result<()>>>),
}

#[derive(Clone, Copy, Debug)]
enum Which {
    Out,
    Err,
}

#[derive(Debug)]
struct Output {
    which: Which,
    to: To,
}

impl Output {
    #[track_caller]
    fn new(which: Which) -> Output {
        crate::reactor::current::with(|_| ());
        let (out, err) = (io::stdout(), io::stderr());
        let shared = match which {
            Which::Out => out.as_fd(),
            Which::Err => err.as_fd(),
        };
        let to = match reopen(shared, OFlags::WRONLY) {
            Some(file) => {
                file.source().assume_ready(Interest::WRITABLE);
                To::Reactor(file)
            }
            None => To::Pool(None),
        };
        Output { which, to }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        // As in std, it is ready at once.
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        ready!(self.poll_flush(cx))?;
        match &mut self.to {
            To::Reactor(file) => file.poll_write_with(cx, |mut file| file.write(buf)),
            To::Pool(busy) => {
                let which = self.which;
                let bytes = buf[..buf.len().min(CHUNK)].to_vec();
                let n = bytes.len();
                *busy = Some(spawn_blocking(move || write_all(which, &bytes)));
                Poll::Ready(Ok(n))
            }
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let To::Pool(busy) = &mut self.to else {
            return Poll::Ready(Ok(()));
        };
        let Some(writing) = busy else {
            return Poll::Ready(Ok(()));
        };
        let written = ready!(Pin::new(writing).poll(cx));
        *busy = None;
        Poll::Ready(written.unwrap_or_else(|error| Err(io::Error::other(error))))
    }
}

fn write_all(which: Which, mut bytes: &[u8]) -> io::Result<()> {
    let (out, err) = (io::stdout(), io::stderr());
    let fd = match which {
        Which::Out => out.as_fd(),
        Which::Err => err.as_fd(),
    };
    while !bytes.is_empty() {
        match patiently(fd, PollFlags::OUT, || rustix::io::write(fd, bytes)) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => bytes = &bytes[n..],
            // Without a standard output nobody reads, as in std.
            Err(Errno::BADF) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// The two of them differ in name.
macro_rules! output {
    ($type:ident, $new:ident, $which:ident, $what:literal) => {
        #[doc = concat!("The standard ", $what, "; made by [`", stringify!($new), "`].")]
        ///
        /// Flush it before the program ends: a write to a file or a socket is done when the next
        /// write or flush is.
        #[derive(Debug)]
        pub struct $type(Output);

        #[doc = concat!("The standard ", $what, ".")]
        ///
        /// It is not buffered, and doesn't know of the buffer that `print!` and the like fill until
        /// the end of a line.
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
            $type(Output::new(Which::$which))
        }

        impl AsyncWrite for $type {
            fn poll_write(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                self.0.poll_write(cx, buf)
            }

            fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.0.poll_flush(cx)
            }

            /// Flushes. The stream stays open.
            fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.0.poll_flush(cx)
            }
        }
    };
}

output!(Stdout, stdout, Out, "output");
output!(Stderr, stderr, Err, "error");
