//! One client's side of the conversation, without a socket: bytes in, replies out.

use super::commands::{self, Client, Server};
use super::reply;
use super::resp::{Limits, Parser};
use super::store::Millis;

/// Replies are written to the client when there are this many bytes of them, so that a batch of
/// large replies is never in memory all at once.
const FLUSH_AT: usize = 1024 * 1024;

/// What the owner of the socket does after it has written the replies.
#[derive(Debug, PartialEq)]
pub(crate) enum Next {
    /// Read more; every complete request is answered.
    Read,
    /// Call `feed` again, with no bytes: requests are left.
    Resume,
    /// Close the connection.
    Close,
}

pub(crate) struct Session {
    parser: Parser,
    /// The start of a request whose end has not come, or requests left by a full output buffer.
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

    /// Takes the bytes that came and appends the replies to all requests that are complete now.
    /// As a rule the bytes are whole requests and are never copied.
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
        // The room of a large request goes back as soon as the request is done.
        if pending.capacity() / 4 > pending.len() && used > 0 {
            pending.shrink_to_fit();
        }
        self.pending = pending;
        next
    }

    /// How many bytes are set aside for requests that are not complete.
    #[cfg(test)]
    pub(crate) fn room(&self) -> usize {
        self.pending.capacity()
    }

    /// Runs the requests that are complete in `input`; gives how many bytes they took.
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
