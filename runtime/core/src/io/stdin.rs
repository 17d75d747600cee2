//! Standard input.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::io::AsyncRead;
use rustix::fs::OFlags;

use super::descriptor::reopen;
use super::stdin_thread;
use crate::reactor::{Async, Interest};
use crate::task::waiters::Place;

/// The standard input; made by [`stdin`].
///
/// Where a thread reads it, what that thread has read and nobody has taken is there for the next
/// `Stdin`, of whichever runtime. Nothing is read before somebody asks.
#[derive(Debug)]
pub struct Stdin(From);

#[derive(Debug)]
enum From {
    Reactor(Async<File>),
    /// With a place among those who wait for the thread.
    Thread(Place),
}

/// The standard input. It doesn't keep the process from ending, whatever it waits for.
///
/// It is not buffered, see `futures_util::io::BufReader`; and it doesn't know of the buffer of
/// [`std::io::stdin`]: use one of the two.
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
///     // Nobody has to type something for this to end.
///     let read = wakeful::time::timeout(Duration::from_millis(1), stdin.read(&mut buf)).await;
///     drop(read);
/// });
/// ```
#[track_caller]
pub fn stdin() -> Stdin {
    crate::reactor::current::with(|_| ());
    Stdin(match reopen(io::stdin().as_fd(), OFlags::RDONLY) {
        Some(file) => {
            // A named pipe that was closed already tells nobody; a read does.
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
