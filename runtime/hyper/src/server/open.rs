//! The number of open connections.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_util::io::{AsyncRead, AsyncWrite};
use wakeful_core::sync::Notify;

/// Counts connections, up to a limit.
pub(super) struct Open {
    /// Open connections, with those that were upgraded.
    open: Cell<usize>,
    /// Connections that have not ended or been upgraded.
    served: Cell<usize>,
    limit: usize,
    /// Waited for by one task: the one that accepts, and later the one that shuts down.
    left: Notify,
}

/// A connection that is counted as open until this is dropped.
pub(super) struct Entry(Rc<Open>);

/// A connection that is counted as served until this is dropped.
pub(super) struct Served(Rc<Open>);

impl Open {
    pub(super) fn new(limit: usize) -> Rc<Open> {
        Rc::new(Open {
            open: Cell::new(0),
            served: Cell::new(0),
            limit,
            left: Notify::new(),
        })
    }

    /// Waits until there are fewer connections than the limit, and counts one more.
    pub(super) async fn enter(self: &Rc<Open>) -> Entry {
        while self.open.get() >= self.limit {
            self.left.notified().await;
        }
        self.open.set(self.open.get() + 1);
        Entry(self.clone())
    }

    /// Waits until no connection is served.
    pub(super) async fn all_closed(&self) {
        while self.served.get() > 0 {
            self.left.notified().await;
        }
    }
}

impl Entry {
    pub(super) fn serve(&self) -> Served {
        let open = self.0.clone();
        open.served.set(open.served.get() + 1);
        Served(open)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get() - 1);
        self.0.left.notify_one();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.0.served.set(self.0.served.get() - 1);
        self.0.left.notify_one();
    }
}

/// The stream of a connection, which is open until this is dropped.
pub(super) struct Counted<S> {
    pub(super) stream: S,
    pub(super) _entry: Entry,
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}
