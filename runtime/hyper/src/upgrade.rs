//! Connections that change to another protocol, such as WebSocket.
//!
//! [`on`] works in a handler of [`serve`](crate::serve) and on a response of
//! [`Client`](crate::Client). hyper requires that the stream be `Send`, so both wrap it in a
//! [`ThreadBound`](wakeful_core::ThreadBound): it has to be used on its thread.

use std::fmt;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::io::{AsyncRead, AsyncWrite};
use hyper::rt::{Read, ReadBuf, Write};
use hyper::{Request, Response};

/// Takes the pending upgrade out of a request or a response.
///
/// The returned future is ready when the other protocol begins: on the server after the answer with
/// status 101, on the client after it has been received. So a handler awaits it in a task of its
/// own. It fails if the connection is not upgraded.
///
/// A WebSocket on the server, with [async-tungstenite](https://docs.rs/async-tungstenite):
///
/// ```
/// use async_tungstenite::WebSocketStream;
/// use async_tungstenite::tungstenite::{handshake::server::create_response, protocol::Role};
/// use hyper::{Request, Response, body::Incoming};
/// use wakeful_hyper::upgrade;
///
/// async fn chat(mut request: Request<Incoming>) -> hyper::http::Result<Response<String>> {
///     let pending = upgrade::on(&mut request);
///     let request = request.map(|_| ());
///     let Ok(response) = create_response(&request) else {
///         let text = "a handshake of WebSocket is needed\n".to_string();
///         return Response::builder().status(400).body(text);
///     };
///     wakeful::spawn(async move {
///         if let Ok(stream) = pending.await {
///             let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
///             let _ = socket.send("hello".into()).await;
///             let _ = socket.close(None).await;
///         }
///     });
///     Ok(response.map(|()| String::new()))
/// }
/// ```
pub fn on<M: Message>(message: M) -> OnUpgrade {
    OnUpgrade(message.pending())
}

/// Request or response whose connection may be upgraded.
pub trait Message: sealed::Sealed {
    #[doc(hidden)]
    fn pending(self) -> hyper::upgrade::OnUpgrade;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! messages {
    ($($message:ty),*) => {$(
        impl<B> sealed::Sealed for $message {}
        impl<B> Message for $message {
            fn pending(self) -> hyper::upgrade::OnUpgrade {
                hyper::upgrade::on(self)
            }
        }
    )*};
}

messages! { Request<B>, Response<B>, &mut Request<B>, &mut Response<B> }

/// Future of the stream after an upgrade. The result of [`on`].
///
/// # Cancel safety
///
/// If it is dropped, the connection is closed when it is upgraded.
#[must_use = "futures do nothing unless polled"]
#[derive(Debug)]
pub struct OnUpgrade(hyper::upgrade::OnUpgrade);

impl Future for OnUpgrade {
    type Output = hyper::Result<Upgraded>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let stream = ready!(Pin::new(&mut self.0).poll(cx))?;
        Poll::Ready(Ok(Upgraded(stream)))
    }
}

/// Stream of an upgraded connection, with the traits of `futures-io`.
///
/// Bytes that hyper has read after the message are read first. The type is `Send`, but reading and
/// writing on another thread than that of the connection panics. It may be dropped on any thread.
pub struct Upgraded(hyper::upgrade::Upgraded);

impl Upgraded {
    /// Returns hyper's stream.
    pub fn into_inner(self) -> hyper::upgrade::Upgraded {
        self.0
    }
}

impl From<hyper::upgrade::Upgraded> for Upgraded {
    fn from(stream: hyper::upgrade::Upgraded) -> Upgraded {
        Upgraded(stream)
    }
}

impl AsyncRead for Upgraded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buf = ReadBuf::new(buf);
        ready!(Pin::new(&mut self.0).poll_read(cx, buf.unfilled()))?;
        Poll::Ready(Ok(buf.filled().len()))
    }
}

impl AsyncWrite for Upgraded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl fmt::Debug for Upgraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgraded").finish_non_exhaustive()
    }
}
