//! The bodies of requests and responses.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use pin_project_lite::pin_project;

use super::error::{Error, ErrorKind, Subject};
use crate::BoxError;
use crate::sleep::Sleep;

/// The body of a request, which need not be `Send`.
pub(super) type LocalBody = Pin<Box<dyn Body<Data = Bytes, Error = BoxError>>>;

pub(super) fn local<B>(body: B) -> LocalBody
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + 'static,
{
    Box::pin(Boxed { body })
}

pub(super) fn empty() -> LocalBody {
    local(String::new())
}

pin_project! {
    /// Body with the type of its error erased.
    struct Boxed<B> {
        #[pin]
        body: B,
    }
}

impl<B: Body<Data = Bytes, Error: Into<BoxError>>> Body for Boxed<B> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.project().body.poll_frame(cx).map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of a response of a [`Client`](super::Client). It is `Send`.
///
/// Read it to its end, for example with `collect` of `http-body-util`, so that a connection of
/// HTTP/1 can be used again.
pub struct ResponseBody {
    body: Incoming,
    subject: Subject,
    /// The end of the exchange's time.
    deadline: Option<Pin<Box<Sleep>>>,
    /// Counts the streams of a connection of HTTP/2, which is idle without any.
    _stream: Option<Arc<()>>,
    has_failed: bool,
}

impl ResponseBody {
    pub(super) fn new(
        body: Incoming,
        subject: Subject,
        deadline: Option<Pin<Box<Sleep>>>,
        stream: Option<Arc<()>>,
    ) -> ResponseBody {
        ResponseBody {
            body,
            subject,
            deadline,
            _stream: stream,
            has_failed: false,
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if self.has_failed {
            return Poll::Ready(None);
        }
        // First, as the next part of a fast body is always there.
        let is_late = |deadline: &mut Pin<Box<Sleep>>| deadline.as_mut().poll(cx).is_ready();
        let (kind, source) = if self.deadline.as_mut().is_some_and(is_late) {
            (ErrorKind::Timeout, None)
        } else {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Err(error)) => (ErrorKind::Body, Some(error.into())),
                Some(Ok(frame)) => return Poll::Ready(Some(Ok(frame))),
                None => {
                    // There is no timeout any more.
                    self.deadline = None;
                    return Poll::Ready(None);
                }
            }
        };
        self.has_failed = true;
        Poll::Ready(Some(Err(Error::new(kind, &self.subject, source))))
    }

    fn is_end_stream(&self) -> bool {
        self.has_failed || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl fmt::Debug for ResponseBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody")
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}
