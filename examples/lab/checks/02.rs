//! Checks exercise 02.

#[cfg_attr(feature = "solutions", path = "../solutions/02.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/02.rs")]
mod program;

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::process::ExitCode;

use program::Conversation;
use wakeful_lab::ensure;
use wakeful_lab::exercise::{Exercise, Verdict, step, times};

const EXERCISE: Exercise = Exercise {
    answer: 'c',
    replies: &[
        (
            'a',
            "Four bytes each time are enough for that, but only if the second call knows what the \
             first one has sent. Where is that stored?",
        ),
        (
            'b',
            "The second call writes as well: the socket is ready again. What does it write first?",
        ),
        (
            'c',
            "`sent` is a variable of the call, and is lost when `?` returns. So each call begins \
             with the first byte.",
        ),
        (
            'd',
            "Each call writes until the socket would block, and the socket takes 4 bytes before \
             that.",
        ),
    ],
    shipped: "it begins again with the first byte",
    check,
};

fn main() -> ExitCode {
    EXERCISE.main(program::main, program::ANSWER)
}

/// Gives the pieces one after the other, and would block before each. Takes `room` bytes, then
/// would block once, and so on.
struct Socket {
    pieces: VecDeque<&'static str>,
    ready: bool,
    room: usize,
    full: bool,
    received: String,
    /// How often a call would have blocked.
    blocked: usize,
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.ready = !self.ready;
        if !self.ready {
            self.blocked += 1;
            return Err(ErrorKind::WouldBlock.into());
        }
        let piece = self.pieces.pop_front().unwrap_or_default();
        piece.as_bytes().read(buffer)
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.full = !self.full;
        if !self.full {
            self.blocked += 1;
            return Err(ErrorKind::WouldBlock.into());
        }
        let taken = &bytes[..bytes.len().min(self.room)];
        self.received.push_str(&String::from_utf8_lossy(taken));
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn check() -> Verdict {
    for (pieces, room) in [
        (&["ada\n"][..], 64),
        (&["ada\n"], 4),
        (&["ada\n"], 1),
        (&["a", "d", "a\n"], 3),
    ] {
        let mut socket = Socket {
            pieces: pieces.iter().copied().collect(),
            ready: false,
            room,
            full: false,
            received: String::new(),
            blocked: 0,
        };
        step("in `advance`, which does not return when the socket would block");
        let mut conversation = Conversation::new();
        let mut calls = 0;
        let ended = loop {
            calls += 1;
            match conversation.advance(&mut socket) {
                Err(error) if error.kind() == ErrorKind::WouldBlock && calls < 40 => {}
                ended => break ended,
            }
        };
        let Socket {
            received, blocked, ..
        } = socket;
        let sent =
            format!("The visitor sent {pieces:?}, and the socket takes {room} bytes at a time.");
        ensure!(
            !received.starts_with("hellhell") && !received.starts_with("hh"),
            "{sent} After {} would-blocks it has received {:?}: when `advance` is called again, it \
             begins again with the first byte.",
            calls - 1,
            received.chars().take(24).collect::<String>()
        );
        ensure!(
            received == "hello, ada\n",
            "{sent} It should receive \"hello, ada\\n\", and has received {received:?}."
        );
        ensure!(
            blocked < calls,
            "{sent} The greeting is right, but `advance`, called {}, has tried {} to use a socket that \
             was not ready. It should return, so that the loop can serve the others meanwhile.",
            times(calls),
            times(blocked)
        );
        ensure!(
            ended.is_ok(),
            "{sent} The greeting is complete, but `advance`, called {}, returns {ended:?}.",
            times(calls)
        );
    }
    Ok(())
}
