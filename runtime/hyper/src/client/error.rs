//! Errors of a client.

use std::error;
use std::fmt;

use hyper::{Method, Uri};

use crate::BoxError;

/// Error of a [`Client`](super::Client). Its text names the method and the URL, without a password.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    request: Box<str>,
    source: Option<BoxError>,
}

/// What failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request can't be sent: its URL is not one for this client. Nothing was sent.
    Request,
    /// There is no connection: no such name, refused, or a failed handshake. Nothing was sent.
    Connect,
    /// The connection took longer than the connect timeout. Nothing was sent.
    ConnectTimeout,
    /// The exchange took longer than its timeout.
    Timeout,
    /// The connection failed between the request and the head of the response, or the request's
    /// body failed.
    Exchange,
    /// The body of the response failed.
    Body,
}

/// What failed, and why, before the request is named.
pub(super) type Failure = (ErrorKind, Option<BoxError>);

impl Error {
    pub(super) fn new(kind: ErrorKind, request: &Subject, source: Option<BoxError>) -> Error {
        Error {
            kind,
            request: request.text().into(),
            source,
        }
    }

    /// The error of a text that is not a URL.
    pub(super) fn invalid(method: &Method, url: &str, source: BoxError) -> Error {
        // Without its parts it is not known where a password ends, but it ends before an `@`.
        let shown = match url.rsplit_once('@') {
            None => url.to_owned(),
            Some((before, rest)) => {
                let scheme = before.find("://").map_or("", |end| &before[..end + 3]);
                format!("{scheme}...@{rest}")
            }
        };
        Error {
            kind: ErrorKind::Request,
            request: format!("{method} {shown}").into(),
            source: Some(source),
        }
    }

    /// Returns the cause, for example an `io::Error` or a `hyper::Error`. The text of the error
    /// contains its text, so [`source`](error::Error::source) returns what is below it.
    pub fn get_ref(&self) -> Option<&(dyn error::Error + Send + Sync + 'static)> {
        self.source.as_deref()
    }

    /// Returns what failed.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether a timeout has passed.
    pub fn is_timeout(&self) -> bool {
        matches!(self.kind, ErrorKind::Timeout | ErrorKind::ConnectTimeout)
    }

    /// Whether the request has surely not reached the server, so that any request can be repeated.
    pub fn is_unsent(&self) -> bool {
        matches!(
            self.kind,
            ErrorKind::Request | ErrorKind::Connect | ErrorKind::ConnectTimeout
        )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            ErrorKind::Request => "",
            ErrorKind::Connect => "cannot connect",
            ErrorKind::ConnectTimeout => "no connection within the connect timeout",
            ErrorKind::Timeout => "the response did not end within the timeout",
            ErrorKind::Exchange => "no response",
            ErrorKind::Body => "the response is not complete",
        };
        write!(f, "{}", self.request)?;
        if !what.is_empty() {
            write!(f, ": {what}")?;
        }
        self.source
            .as_ref()
            .map_or(Ok(()), |source| write!(f, ": {source}"))
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.source.as_ref()?.source()
    }
}

/// The request that an error is about.
#[derive(Clone)]
pub(super) struct Subject {
    pub(super) method: Method,
    pub(super) uri: Uri,
}

impl Subject {
    fn text(&self) -> String {
        let uri = self.uri.to_string();
        let Some(authority) = self.uri.authority().map(|authority| authority.as_str()) else {
            return format!("{} {uri}", self.method);
        };
        // No password in an error that may be logged.
        let shown = authority.rsplit('@').next().unwrap_or(authority);
        format!("{} {}", self.method, uri.replacen(authority, shown, 1))
    }
}
