//! Writes responses.

use std::io::{self, Write};
use std::net::Shutdown;
use std::time::Duration;

use wakeful::net::TcpStream;
use wakeful::time::timeout;

/// The longest time that a client may take to receive a response.
pub(crate) const SEND: Duration = Duration::from_secs(10);
/// How long a closing connection may receive what its peer still sends.
const DRAIN: Duration = Duration::from_secs(2);

/// Content security policy: no site may show a page in a frame, and a page may load nothing and
/// connect only to this server.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
                      connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// Writes the head of a response, without `Content-Length` and without the final empty line.
fn head(out: &mut Vec<u8>, status: &str, media_type: &str, keep_alive: bool) {
    // Writing to a `Vec` cannot fail.
    let _ = write!(
        out,
        "HTTP/1.1 {status}\r\nContent-Type: {media_type}\r\nCache-Control: no-store\r\n\
         X-Content-Type-Options: nosniff\r\nCross-Origin-Resource-Policy: same-origin\r\n\
         Referrer-Policy: no-referrer\r\nContent-Security-Policy: {POLICY}\r\n"
    );
    if !keep_alive {
        out.extend_from_slice(b"Connection: close\r\n");
    }
}

fn body(out: &mut Vec<u8>, status: &str, media_type: &str, content: &str, keep_alive: bool) {
    head(out, status, media_type, keep_alive);
    let _ = write!(out, "Content-Length: {}\r\n\r\n{content}", content.len());
}

/// Writes a response in plain text.
pub(crate) fn text(out: &mut Vec<u8>, status: &str, words: &str, keep_alive: bool) {
    body(out, status, "text/plain; charset=utf-8", words, keep_alive);
}

/// Writes a response with an HTML page.
pub(crate) fn page(out: &mut Vec<u8>, content: &str, keep_alive: bool) {
    body(
        out,
        "200 OK",
        "text/html; charset=utf-8",
        content,
        keep_alive,
    );
}

/// Writes the head of an event stream. The stream ends when the connection is closed.
pub(crate) fn stream(out: &mut Vec<u8>) {
    head(out, "200 OK", "text/event-stream", false);
    out.extend_from_slice(b"\r\n");
}

/// Writes an event of an event stream. `data` may have several lines.
pub(crate) fn event(out: &mut Vec<u8>, name: &str, data: &str) {
    let _ = writeln!(out, "event: {name}");
    for line in data.lines() {
        let _ = writeln!(out, "data: {line}");
    }
    out.push(b'\n');
}

/// Closes a connection whose peer may still be sending. If the socket were dropped at once, the
/// system would answer further bytes with a reset, which can discard the last reply at the peer. So
/// this sends the end of the stream, then reads and discards bytes for a while.
pub(crate) async fn close_gently(stream: &TcpStream) -> io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    let drain = async {
        loop {
            stream.readable().await?;
            // Not kept across an `.await`, so that the buffer is not a part of the future.
            let mut sink = [0; 4096];
            match stream.try_read(&mut sink) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    };
    timeout(DRAIN, drain).await.unwrap_or(Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_of_an_event_is_marked() {
        let mut out = Vec::new();
        event(&mut out, "trace", "{\n\"a\": 1}");
        assert_eq!(out, b"event: trace\ndata: {\ndata: \"a\": 1}\n\n");
    }
}
