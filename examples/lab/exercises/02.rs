//! Exercise 02: a greeting that begins again.
//!
//! What it should do: `advance` runs as far as it can without waiting, and returns `WouldBlock` if
//! it is not finished. The caller then calls it again when the socket is ready, and it continues
//! where it was. A socket may take only a part of what is written to it.
//!
//! Repair `Conversation`, its state included. It needs a change of a few lines.
//!
//! The question, to answer before you run it: in `main` the socket takes 4 bytes and then would
//! block, each time. What has it received after 3 calls of `advance`, before your repair?
//!
//! - a: `hello, ada`
//! - b: `hell`
//! - c: `hellhellhell`
//! - d: nothing
//!
//! Run it: `cargo run --example exercise_02`. Check it: `cargo run --example lab -- check 02`.

use std::io::{self, ErrorKind, Read, Write};

pub const ANSWER: char = '?';

/// The progress of a conversation.
enum State {
    Listening { line: String },
    Greeting { reply: String },
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
                        self.0 = State::Greeting { reply };
                    }
                }
                State::Greeting { reply } => {
                    let mut sent = 0;
                    while sent < reply.len() {
                        sent += socket.write(&reply.as_bytes()[sent..])?;
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
