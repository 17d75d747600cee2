//! HTTP/1.1 with one fixed answer; httparse parses the head.

use std::io;

use super::{Answer, Exchange};

/// The body of the answer.
pub const BODY: &str = "Hello, World!";
const REPLY: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 13\r\n\r\nHello, World!";
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[derive(Clone)]
pub struct Http;

impl Answer for Http {
    fn answer(&self, input: &[u8], out: &mut Vec<u8>) -> io::Result<usize> {
        let mut used = 0;
        while used < input.len() {
            let mut headers = [httparse::EMPTY_HEADER; 16];
            let mut request = httparse::Request::new(&mut headers);
            let parsed = request.parse(&input[used..]).map_err(io::Error::other)?;
            let httparse::Status::Complete(length) = parsed else {
                break;
            };
            used += length;
            out.extend_from_slice(REPLY);
        }
        Ok(used)
    }
}

/// Returns one request and its answer.
pub fn exchange() -> Exchange {
    Exchange {
        request: REQUEST.to_vec(),
        reply: REPLY.to_vec(),
        count: 1,
    }
}
