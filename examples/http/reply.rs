//! Writes the heads of responses, and whole responses without a file.

use std::io::Write;
use std::time::SystemTime;

use httpdate::HttpDate;

use super::files::Description;
use super::head::{Request, Version};
use super::status::Status;

/// The part of a response that depends on the connection and on the request.
#[derive(Clone, Copy)]
pub(crate) struct Framing {
    pub(crate) version: Version,
    pub(crate) keep_alive: bool,
    /// The request was a HEAD, so the response has no body.
    pub(crate) head_only: bool,
}

impl Framing {
    pub(crate) fn of(request: &Request) -> Framing {
        Framing {
            version: request.version,
            keep_alive: request.keep_alive,
            head_only: request.method == super::head::Method::Head,
        }
    }

    /// For a response after which the connection is closed.
    pub(crate) const LAST: Framing = Framing {
        version: Version::Http11,
        keep_alive: false,
        head_only: false,
    };
}

/// Writes the head of a response with a file.
pub(crate) fn file(out: &mut Vec<u8>, description: &Description, framing: Framing) {
    start(out, Status::Ok, framing);
    field(out, "Content-Type", description.media_type);
    field(out, "Content-Length", description.length);
    modified(out, description);
    out.extend_from_slice(b"\r\n");
}

/// Writes the response for a client that has this version of the file.
pub(crate) fn not_modified(out: &mut Vec<u8>, description: &Description, framing: Framing) {
    start(out, Status::NotModified, framing);
    modified(out, description);
    out.extend_from_slice(b"\r\n");
}

/// Writes a response with an explanation as plain text.
pub(crate) fn words(out: &mut Vec<u8>, status: Status, location: Option<&str>, framing: Framing) {
    let text = format!("{}: {}\n", status.line(), status.advice());
    start(out, status, framing);
    field(out, "Content-Type", "text/plain; charset=utf-8");
    field(out, "Content-Length", text.len());
    if status == Status::MethodNotAllowed {
        field(out, "Allow", "GET, HEAD");
    }
    if let Some(location) = location {
        field(out, "Location", location);
    }
    out.extend_from_slice(b"\r\n");
    if !framing.head_only {
        out.extend_from_slice(text.as_bytes());
    }
}

fn start(out: &mut Vec<u8>, status: Status, framing: Framing) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.line().as_bytes());
    out.extend_from_slice(b"\r\n");
    field(out, "Date", HttpDate::from(SystemTime::now()));
    match (framing.version, framing.keep_alive) {
        (_, false) => field(out, "Connection", "close"),
        (Version::Http10, true) => field(out, "Connection", "keep-alive"),
        (Version::Http11, true) => {}
    }
}

fn modified(out: &mut Vec<u8>, description: &Description) {
    if let Some(time) = description.modified {
        field(out, "Last-Modified", HttpDate::from(time));
    }
}

fn field(out: &mut Vec<u8>, name: &str, value: impl std::fmt::Display) {
    // Writing to a `Vec` cannot fail.
    let _ = write!(out, "{name}: {value}\r\n");
}
