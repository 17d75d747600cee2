//! The solution of exercise 02.
//!
//! `sent` was a local variable. When `advance` returned `WouldBlock`, it was lost, and the next
//! call began again with the first byte. What must survive an event belongs into the state.

use std::io::{self, ErrorKind, Read, Write};

pub const ANSWER: char = 'c';

/// The progress of a conversation.
enum State {
    Listening { line: String },
    Greeting { reply: String, sent: usize },
}

pub struct Conversation(State);

impl Conversation {
    pub fn new() -> Conversation {
        let line = String::new();
        Conversation(State::Listening { line })
    }

    /// Runs as far as possible without waiting. `WouldBlock`: not finished, call it again when the
    /// socket is ready.
    pub fn advance(&mut self, socket: &mut (impl Read + Write)) -> io::Result<()> {
        loop {
            match &mut self.0 {
                State::Listening { line } => {
                    let mut piece = [0; 64];
                    let length = socket.read(&mut piece)?;
                    line.push_str(&String::from_utf8_lossy(&piece[..length]));
                    if line.ends_with('\n') {
                        let reply = format!("hello, {line}");
                        self.0 = State::Greeting { reply, sent: 0 };
                    }
                }
                State::Greeting { reply, sent } => {
                    while *sent < reply.len() {
                        *sent += socket.write(&reply.as_bytes()[*sent..])?;
                    }
                    return Ok(());
                }
            }
        }
    }
}

/// Has one line to read. Takes 4 bytes, then would block once, and so on.
#[derive(Default)]
struct SlowSocket {
    was_read: bool,
    full: bool,
    received: Vec<u8>,
}

impl Read for SlowSocket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        assert!(!self.was_read, "the line was read before");
        self.was_read = true;
        (&b"ada\n"[..]).read(buffer)
    }
}

impl Write for SlowSocket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.full = !self.full;
        if !self.full {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.received.extend(bytes.iter().take(4));
        Ok(bytes.len().min(4))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub fn main() {
    let mut socket = SlowSocket::default();
    let mut conversation = Conversation::new();
    for call in 1..=3 {
        let result = conversation.advance(&mut socket);
        let received = String::from_utf8_lossy(&socket.received);
        println!("call {call}: {result:?}, received so far: {received:?}");
    }
}
