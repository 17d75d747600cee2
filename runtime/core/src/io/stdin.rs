//! Standard input.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::io::AsyncRead;
use rustix::fs::OFlags;

use super::reopen::reopen;
use super::stdin_thread;
use crate::reactor::{Async, Interest};
use crate::task::waiters::Place;

/// Standard input of the process; made by [`stdin`].
///
/// If a thread reads the standard input, bytes that it has read and that were not taken are
/// returned by the next `Stdin`, of any runtime. Nothing is read before the first request.
#[derive(Debug)]
pub struct Stdin(From);

#[derive(Debug)]
enum From {
    Reactor(Async<File>),
    /// Read by the thread; holds a place in its list of waiters.
    Thread(Place),
}

/// Returns the standard input. A pending read does not keep the process from ending.
///
/// It is not buffered, see `futures_util::io::BufReader`. It does not see the buffer of
/// [`std::io::stdin`], so use only one of the two.
///
/// # Panics
///
/// Outside a runtime.
///
/// ```
/// use futures_util::AsyncReadExt;
/// use std::time::Duration;
///
/// wakeful::block_on(async {
///     let mut buf = [0; 64];
///     let mut stdin = wakeful::io::stdin();
///     // Ends after a millisecond even without input.
///     let read = wakeful::time::timeout(Duration::from_millis(1), stdin.read(&mut buf)).await;
///     drop(read);
/// });
/// ```
#[track_caller]
pub fn stdin() -> Stdin {
    crate::reactor::current::with(|_| ());
    Stdin(match reopen(io::stdin().as_fd(), OFlags::RDONLY) {
        Some(file) => {
            // A named pipe that was closed before causes no event; a read shows it.
            file.source().assume_ready(Interest::READABLE);
            From::Reactor(file)
        }
        None => From::Thread(None),
    })
}

impl Drop for Stdin {
    fn drop(&mut self) {
        if let From::Thread(place) = &mut self.0 {
            stdin_thread::give_up(place);
        }
    }
}

impl AsyncRead for Stdin {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        match &mut self.0 {
            From::Reactor(file) => file.poll_read_with(cx, |mut file| file.read(buf)),
            From::Thread(place) => stdin_thread::poll_read(place, cx, buf),
        }
    }
}
