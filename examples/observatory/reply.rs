//! Writes responses.

use std::io::Write;

/// A page may be in no frame, load nothing, and ask this server only.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
                      connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// The head up to its end, without a length.
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

/// A response of words.
pub(crate) fn text(out: &mut Vec<u8>, status: &str, words: &str, keep_alive: bool) {
    body(out, status, "text/plain; charset=utf-8", words, keep_alive);
}

/// A response that is a page.
pub(crate) fn page(out: &mut Vec<u8>, content: &str, keep_alive: bool) {
    body(
        out,
        "200 OK",
        "text/html; charset=utf-8",
        content,
        keep_alive,
    );
}

/// The head of a stream of events; it ends with the connection.
pub(crate) fn stream(out: &mut Vec<u8>) {
    head(out, "200 OK", "text/event-stream", false);
    out.extend_from_slice(b"\r\n");
}

/// An event of such a stream. `data` may have several lines.
pub(crate) fn event(out: &mut Vec<u8>, name: &str, data: &str) {
    let _ = writeln!(out, "event: {name}");
    for line in data.lines() {
        let _ = writeln!(out, "data: {line}");
    }
    out.push(b'\n');
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
