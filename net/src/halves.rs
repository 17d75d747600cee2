//! Halves of a stream: one reads, the other writes.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::ops::Deref;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_util::io::{AsyncRead, AsyncWrite};

/// Stream whose writing direction can be shut down.
pub(crate) trait Split {
    fn shutdown_write(&self) -> io::Result<()>;
}

pub(crate) fn split<S>(stream: &mut S) -> (ReadHalf<'_, S>, WriteHalf<'_, S>) {
    let stream = &*stream;
    (ReadHalf(stream), WriteHalf(stream))
}

pub(crate) fn into_split<S: Split>(stream: S) -> (OwnedReadHalf<S>, OwnedWriteHalf<S>) {
    let stream = Rc::new(stream);
    let shutdown_write = S::shutdown_write;
    (
        OwnedReadHalf(stream.clone()),
        OwnedWriteHalf {
            stream: Some(stream),
            shutdown_write,
        },
    )
}

/// Reading half of a borrowed stream. It has the methods of the stream through `Deref`.
#[derive(Debug)]
pub struct ReadHalf<'a, S>(&'a S);

/// Writing half of a borrowed stream. It has the methods of the stream through `Deref`.
#[derive(Debug)]
pub struct WriteHalf<'a, S>(&'a S);

/// Owned reading half of a stream, for use in another task. It has the methods of the stream
/// through `Deref`.
#[derive(Debug)]
pub struct OwnedReadHalf<S>(Rc<S>);

/// Owned writing half of a stream, for use in another task. Dropping it shuts that direction down,
/// so that the peer reads the end of the stream; [`forget`](Self::forget) leaves it open. It has
/// the methods of the stream through `Deref`.
pub struct OwnedWriteHalf<S> {
    // `None` after `reunite` or `forget`.
    stream: Option<Rc<S>>,
    shutdown_write: fn(&S) -> io::Result<()>,
}

impl<S> OwnedReadHalf<S> {
    /// Reunites the two halves of a stream.
    ///
    /// # Errors
    ///
    /// Returns both halves if they belong to different streams.
    pub fn reunite(self, other: OwnedWriteHalf<S>) -> Result<S, ReuniteError<S>> {
        reunite(self, other)
    }
}

impl<S> OwnedWriteHalf<S> {
    /// Reunites the two halves of a stream.
    ///
    /// # Errors
    ///
    /// Returns both halves if they belong to different streams.
    pub fn reunite(self, other: OwnedReadHalf<S>) -> Result<S, ReuniteError<S>> {
        reunite(other, self)
    }

    /// Drops the half without shutting its direction down.
    pub fn forget(mut self) {
        self.stream = None;
    }

    fn stream(&self) -> &Rc<S> {
        self.stream
            .as_ref()
            .expect("the stream is taken out only by `reunite` and `forget`")
    }
}

fn reunite<S>(read: OwnedReadHalf<S>, mut write: OwnedWriteHalf<S>) -> Result<S, ReuniteError<S>> {
    if !Rc::ptr_eq(&read.0, write.stream()) {
        return Err(ReuniteError(read, write));
    }
    write.stream = None;
    match Rc::try_unwrap(read.0) {
        Ok(stream) => Ok(stream),
        Err(_) => unreachable!("a stream has two halves, and both were passed to `reunite`"),
    }
}

impl<S> Drop for OwnedWriteHalf<S> {
    fn drop(&mut self) {
        if let Some(stream) = &self.stream {
            // An error means that the connection is closed already.
            let _ = (self.shutdown_write)(stream);
        }
    }
}

/// Error of `reunite`: two halves of different streams, returned to the caller.
pub struct ReuniteError<S>(pub OwnedReadHalf<S>, pub OwnedWriteHalf<S>);

impl<S> fmt::Debug for ReuniteError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReuniteError").finish_non_exhaustive()
    }
}

impl<S> fmt::Display for ReuniteError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the two halves belong to different streams")
    }
}

impl<S> std::error::Error for ReuniteError<S> {}

impl<S: fmt::Debug> fmt::Debug for OwnedWriteHalf<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OwnedWriteHalf")
            .field(self.stream())
            .finish()
    }
}

macro_rules! half {
    ($($direction:ident $type:ty, ($($generics:tt)*): |$this:ident| $stream:expr;)*) => {$(
        impl<$($generics)*> Deref for $type {
            type Target = S;

            fn deref(&self) -> &S {
                let $this = self;
                $stream
            }
        }

        half!(@$direction $type, ($($generics)*): |$this| $stream);
    )*};
    (@read $type:ty, ($($generics:tt)*): |$this:ident| $stream:expr) => {
        impl<$($generics)*> AsyncRead for $type
        where
            for<'x> &'x S: AsyncRead,
        {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut &**self).poll_read(cx, buf)
            }

            fn poll_read_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &mut [IoSliceMut<'_>],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut &**self).poll_read_vectored(cx, bufs)
            }
        }
    };
    (@write $type:ty, ($($generics:tt)*): |$this:ident| $stream:expr) => {
        impl<$($generics)*> AsyncWrite for $type
        where
            for<'x> &'x S: AsyncWrite,
        {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut &**self).poll_write(cx, buf)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut &**self).poll_write_vectored(cx, bufs)
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Pin::new(&mut &**self).poll_flush(cx)
            }

            fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Pin::new(&mut &**self).poll_close(cx)
            }
        }
    };
}

half! {
    read ReadHalf<'_, S>, (S): |this| this.0;
    write WriteHalf<'_, S>, (S): |this| this.0;
    read OwnedReadHalf<S>, (S): |this| &this.0;
    write OwnedWriteHalf<S>, (S): |this| this.stream();
}
