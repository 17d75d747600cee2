//! One client without a socket: takes bytes and returns replies.

use super::commands::{self, Client, Server};
use super::reply;
use super::resp::{Limits, Parser};
use super::store::Millis;

/// Replies are written to the client when there are this many bytes of them, so that not all large
/// replies of a batch are in memory at the same time.
const FLUSH_AT: usize = 1024 * 1024;

/// The next action of the owner of the socket, after it has written the replies.
#[derive(Debug, PartialEq)]
pub(crate) enum Next {
    /// Read more; every complete request has been answered.
    Read,
    /// Call `feed` again, without bytes, as requests are left.
    Resume,
    /// Close the connection.
    Close,
}

pub(crate) struct Session {
    parser: Parser,
    /// The start of an incomplete request, or requests that a full output buffer has left.
    pending: Vec<u8>,
    client: Client,
}

impl Session {
    pub(crate) fn new(limits: Limits, client: Client) -> Session {
        Session {
            parser: Parser::new(limits),
            pending: Vec::new(),
            client,
        }
    }

    /// Takes the received bytes and appends the replies to all requests that are complete now.
    /// Usually the bytes are whole requests and are not copied.
    pub(crate) fn feed(
        &mut self,
        bytes: &[u8],
        server: &mut Server,
        now: Millis,
        out: &mut Vec<u8>,
    ) -> Next {
        let mut pending = std::mem::take(&mut self.pending);
        if pending.is_empty() {
            let (used, next) = self.run(bytes, server, now, out);
            self.pending = bytes[used..].to_vec();
            return next;
        }
        pending.extend_from_slice(bytes);
        let (used, next) = self.run(&pending, server, now, out);
        pending.drain(..used);
        // The memory of a large request is freed when the request is done.
        if pending.capacity() / 4 > pending.len() && used > 0 {
            pending.shrink_to_fit();
        }
        self.pending = pending;
        next
    }

    /// Returns the number of bytes that are stored for incomplete requests.
    #[cfg(test)]
    pub(crate) fn room(&self) -> usize {
        self.pending.capacity()
    }

    /// Executes the complete requests in `input`. Returns the number of bytes that they took.
    fn run(
        &mut self,
        input: &[u8],
        server: &mut Server,
        now: Millis,
        out: &mut Vec<u8>,
    ) -> (usize, Next) {
        let mut used = 0;
        loop {
            if out.len() >= FLUSH_AT {
                return (used, Next::Resume);
            }
            let request = &input[used..];
            match self.parser.advance(request) {
                Ok(Some(length)) => {
                    let args = self.parser.args(request);
                    let flow = commands::execute(args, &mut self.client, server, now, out);
                    used += length;
                    self.parser.start_over();
                    if flow.is_break() {
                        return (input.len(), Next::Close);
                    }
                }
                Ok(None) => return (used, Next::Read),
                Err(error) => {
                    reply::error(out, &format!("ERR Protocol error: {}", error.0));
                    return (input.len(), Next::Close);
                }
            }
        }
    }
}
