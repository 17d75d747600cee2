//! Protocols without I/O. The servers of all peers answer requests with this code.

use std::io;

pub mod http;
pub mod kv;

/// Answers requests.
pub trait Answer: Clone + Send + 'static {
    /// Answers all complete requests in `input`. Returns how many bytes of `input` they occupied.
    fn answer(&self, input: &[u8], out: &mut Vec<u8>) -> io::Result<usize>;
}

/// Bytes that were read and not answered yet.
pub struct Inbox {
    buffer: Vec<u8>,
    filled: usize,
}

impl Inbox {
    pub fn new(size: usize) -> Inbox {
        Inbox {
            buffer: vec![0; size],
            filled: 0,
        }
    }

    /// Returns the free part of the buffer, for the next read.
    ///
    /// # Errors
    ///
    /// If the buffer is full, because a request is larger than the buffer.
    pub fn room(&mut self) -> io::Result<&mut [u8]> {
        if self.filled == self.buffer.len() {
            let text = format!("a request is larger than {} bytes", self.filled);
            return Err(io::Error::other(text));
        }
        Ok(&mut self.buffer[self.filled..])
    }

    /// Adds the `length` bytes that were read, and answers the complete requests.
    pub fn answer(
        &mut self,
        length: usize,
        answer: &impl Answer,
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        self.filled += length;
        let used = answer.answer(&self.buffer[..self.filled], out)?;
        if used < self.filled {
            self.buffer.copy_within(used..self.filled, 0);
        }
        self.filled -= used;
        Ok(())
    }
}

/// A request that the load sends, and the reply that it expects.
#[derive(Clone)]
pub struct Exchange {
    pub request: Vec<u8>,
    pub reply: Vec<u8>,
    /// Number of requests in `request`.
    pub count: u64,
}

impl Exchange {
    pub fn echo(size: usize) -> Exchange {
        let request: Vec<u8> = (0..size).map(|i| i as u8).collect();
        Exchange {
            reply: request.clone(),
            request,
            count: 1,
        }
    }
}
