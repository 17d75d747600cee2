//! The protocols, without I/O: the same code answers for every peer.

use std::io;

pub mod http;
pub mod kv;

/// Answers requests.
pub trait Answer: Clone + Send + 'static {
    /// Answers all complete requests in `input` and says how many bytes they took.
    fn answer(&self, input: &[u8], out: &mut Vec<u8>) -> io::Result<usize>;
}

/// What was read and not answered yet.
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

    /// Where to read to.
    ///
    /// # Errors
    ///
    /// It is full: a request is larger than it.
    pub fn room(&mut self) -> io::Result<&mut [u8]> {
        if self.filled == self.buffer.len() {
            let text = format!("a request is larger than {} bytes", self.filled);
            return Err(io::Error::other(text));
        }
        Ok(&mut self.buffer[self.filled..])
    }

    /// Takes in the `length` bytes that were read, and answers.
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

/// What the load sends, and what must come back.
#[derive(Clone)]
pub struct Exchange {
    pub request: Vec<u8>,
    pub reply: Vec<u8>,
    /// Requests in it.
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
