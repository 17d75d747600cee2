//! A pair of connected streams in memory.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::io::{self, ErrorKind, Read};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use futures_util::io::{AsyncRead, AsyncWrite};

use crate::task::coop;
use crate::unwind::catch_panic;

/// Returns two connected streams in memory: what is written to one is read from the other.
///
/// Each direction stores at most `max_buffer` bytes; a write to a full one waits. The streams are
/// for tests, in place of a socket, and for code that serves a stream of the same program. They
/// need no runtime and belong to one thread.
///
/// ```
/// use wakeful::io::{AsyncReadExt, AsyncWriteExt, duplex};
///
/// # fn main() -> wakeful::io::Result<()> {
/// wakeful::block_on(async {
///     let (mut client, mut server) = duplex(64);
///     client.write_all(b"ping").await?;
///     let mut request = [0; 4];
///     server.read_exact(&mut request).await?;
///     assert_eq!(&request, b"ping");
///
///     // The other side reads the end.
///     drop(client);
///     assert_eq!(server.read(&mut request).await?, 0);
///     Ok(())
/// })
/// # }
/// ```
///
/// # Panics
///
/// If `max_buffer` is 0: nothing could be written.
#[track_caller]
pub fn duplex(max_buffer: usize) -> (DuplexStream, DuplexStream) {
    assert!(
        max_buffer > 0,
        "duplex(0): give the number of bytes that each direction stores"
    );
    let there = Rc::new(Pipe::new(max_buffer));
    let back = Rc::new(Pipe::new(max_buffer));
    let first = DuplexStream {
        read: back.clone(),
        write: there.clone(),
    };
    let second = DuplexStream {
        read: there,
        write: back,
    };
    (first, second)
}

/// One end of a [`duplex`].
///
/// Reads return 0 when the other end has been dropped or closed and all its bytes have been read.
/// `close` ends the writing direction alone. Each completed operation consumes a unit of the
/// [cooperative budget](crate::task::coop).
///
/// # Errors
///
/// A write returns an error of the kind [`BrokenPipe`](ErrorKind::BrokenPipe) if the other end has
/// been dropped, or if this one has been closed.
///
/// # Cancel safety
///
/// Reads and writes are cancel-safe: a future that is dropped while it waits has done nothing.
pub struct DuplexStream {
    read: Rc<Pipe>,
    write: Rc<Pipe>,
}

impl fmt::Debug for DuplexStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DuplexStream")
            .field("readable", &self.read.state.borrow().bytes.len())
            .field("unread", &self.write.state.borrow().bytes.len())
            .finish_non_exhaustive()
    }
}

impl Drop for DuplexStream {
    fn drop(&mut self) {
        // No operation of this end waits any more.
        for cell in [&self.read.reader, &self.write.writer] {
            let waker = cell.take();
            catch_panic(|| drop(waker));
        }
        self.write.close();
        self.read.refuse();
    }
}

impl AsyncRead for DuplexStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.read.poll_read(cx, buf)
    }
}

impl AsyncWrite for DuplexStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.write.poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write.close();
        Poll::Ready(Ok(()))
    }
}

/// One direction.
struct Pipe {
    max: usize,
    state: RefCell<State>,
    reader: Cell<Option<Waker>>,
    writer: Cell<Option<Waker>>,
}

struct State {
    bytes: VecDeque<u8>,
    /// The writer adds no more bytes.
    is_closed: bool,
    /// The reader takes no more bytes.
    is_refused: bool,
}

impl Pipe {
    fn new(max: usize) -> Pipe {
        Pipe {
            max,
            state: RefCell::new(State {
                bytes: VecDeque::new(),
                is_closed: false,
                is_refused: false,
            }),
            reader: Cell::new(None),
            writer: Cell::new(None),
        }
    }

    fn poll_read(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let progress = ready!(coop::poll_proceed(cx));
        let n = ready!(wait_for(&self.reader, cx, || self.try_read(buf)))?;
        progress.made_progress();
        if n > 0 {
            wake(&self.writer);
        }
        Poll::Ready(Ok(n))
    }

    fn try_read(&self, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut state = self.state.borrow_mut();
        if state.bytes.is_empty() && !state.is_closed && !buf.is_empty() {
            return Poll::Pending;
        }
        Poll::Ready(state.bytes.read(buf))
    }

    fn poll_write(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let progress = ready!(coop::poll_proceed(cx));
        let n = ready!(wait_for(&self.writer, cx, || self.try_write(buf)))?;
        progress.made_progress();
        if n > 0 {
            wake(&self.reader);
        }
        Poll::Ready(Ok(n))
    }

    fn try_write(&self, buf: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = self.state.borrow_mut();
        let broken = |text| Poll::Ready(Err(io::Error::new(ErrorKind::BrokenPipe, text)));
        if state.is_closed {
            return broken("this end of the duplex has been closed: write before `close`");
        }
        if state.is_refused {
            return broken("the other end of the duplex has been dropped");
        }
        let n = buf.len().min(self.max - state.bytes.len());
        if n == 0 && !buf.is_empty() {
            return Poll::Pending;
        }
        state.bytes.extend(&buf[..n]);
        Poll::Ready(Ok(n))
    }

    /// Ends the direction on the writer's side.
    fn close(&self) {
        self.state.borrow_mut().is_closed = true;
        wake(&self.reader);
        wake(&self.writer);
    }

    /// Ends the direction on the reader's side. Bytes that were not read are dropped.
    fn refuse(&self) {
        let mut state = self.state.borrow_mut();
        state.is_refused = true;
        state.bytes = VecDeque::new();
        drop(state);
        wake(&self.writer);
    }
}

/// Tries an operation. If it is not ready, stores the waker and tries again: cloning a waker and
/// dropping another may run user code, which may have used the other end.
fn wait_for<R>(
    cell: &Cell<Option<Waker>>,
    cx: &Context<'_>,
    mut attempt: impl FnMut() -> Poll<R>,
) -> Poll<R> {
    if let Poll::Ready(result) = attempt() {
        return Poll::Ready(result);
    }
    match cell.take() {
        Some(known) if known.will_wake(cx.waker()) => cell.set(Some(known)),
        known => {
            drop(known);
            let new = cx.waker().clone();
            let old = cell.replace(Some(new));
            drop(old);
        }
    }
    attempt()
}

/// Wakes the task in the cell. Nothing is borrowed: the waker may be foreign.
fn wake(cell: &Cell<Option<Waker>>) {
    if let Some(waker) = cell.take() {
        catch_panic(|| waker.wake());
    }
}
