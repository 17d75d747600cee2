//! Making a connection.

use std::io;

use hyper::Uri;
use hyper::client::conn::{http1, http2};
use wakeful_core::{ThreadBound, time::timeout};
use wakeful_net::TcpStream;

use super::body::LocalBody;
use super::early::Early;
use super::error::{ErrorKind, Failure};
use super::options::Options;
use super::stream::Stream;
use crate::{BoxError, Io};

/// What sends the requests of a connection.
pub(super) enum Sender {
    Http1(http1::SendRequest<LocalBody>),
    Http2(http2::SendRequest<LocalBody>),
}

/// Connects to the host of a URL, within the connect timeout.
pub(super) async fn connect(options: &Options, uri: &Uri) -> Result<Sender, Failure> {
    match timeout(options.connect_timeout, connect_in_steps(options, uri)).await {
        Ok(Ok(sender)) => Ok(sender),
        Ok(Err(error)) => Err((ErrorKind::Connect, Some(error))),
        Err(_) => Err((ErrorKind::ConnectTimeout, None)),
    }
}

async fn connect_in_steps(options: &Options, uri: &Uri) -> Result<Sender, BoxError> {
    // `exchange` has checked the URL.
    let host = uri.host().unwrap_or_default();
    let host = host
        .strip_prefix('[')
        .map_or(host, |host| host.trim_end_matches(']'));
    let mut stream = match &options.connector {
        Some(connector) => connector(uri.clone()).await?,
        None => tcp(host, port(uri)).await?,
    };
    let mut is_http2 = options.http2_only;
    if let (true, Some(tls)) = (is_https(uri), &options.tls) {
        let (encrypted, has_chosen_http2) = tls.connect(host, stream, is_http2).await?;
        stream = encrypted;
        is_http2 |= has_chosen_http2;
    }
    // An upgrade takes the stream out as one that is `Send`, and hyper requires it in any case.
    if is_http2 {
        let io = Io::new(ThreadBound::new(stream));
        let (sender, connection) = options.http2.handshake(io).await?;
        // Its errors are those of its requests, too.
        wakeful_core::spawn(connection);
        Ok(Sender::Http2(sender))
    } else {
        let io = Io::new(ThreadBound::new(Early::new(stream)));
        let (sender, connection) = options.http1.handshake(io).await?;
        wakeful_core::spawn(connection.with_upgrades());
        Ok(Sender::Http1(sender))
    }
}

async fn tcp(host: &str, port: u16) -> io::Result<Stream> {
    let stream = TcpStream::connect((host, port)).await?;
    // If it fails, small requests are sent later.
    let _ = stream.set_nodelay(true);
    Ok(Box::new(stream))
}

/// Returns the port of an `http` or `https` URL.
pub(super) fn port(uri: &Uri) -> u16 {
    uri.port_u16().unwrap_or_else(|| usual_port(uri))
}

/// Returns the port of the scheme.
pub(super) fn usual_port(uri: &Uri) -> u16 {
    if is_https(uri) { 443 } else { 80 }
}

pub(super) fn is_https(uri: &Uri) -> bool {
    uri.scheme_str() == Some("https")
}
