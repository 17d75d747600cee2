//! The stream of a connection, whatever it is.

use std::future::Future;
use std::io;
use std::pin::Pin;

use futures_util::io::{AsyncRead, AsyncWrite};
use hyper::Uri;

/// The stream of a connection.
pub(super) type Stream = Box<dyn LocalStream>;

pub(super) trait LocalStream: AsyncRead + AsyncWrite + Unpin {}
impl<S: AsyncRead + AsyncWrite + Unpin> LocalStream for S {}

/// A function that makes a stream.
pub(super) type Connector = Box<dyn Fn(Uri) -> Pin<Box<dyn Future<Output = io::Result<Stream>>>>>;
