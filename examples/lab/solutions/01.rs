//! The solution of exercise 01.
//!
//! The handler waited for the rest of one visitor's line, and no other event was handled meanwhile.
//! A handler reads what is there, stores it, and returns to the loop. The next event continues.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};

use polling::{Event, Events, PollMode, Poller};
use wakeful_lab as lab;

pub const ANSWER: char = 'd';

const LISTENER: usize = 0;

struct Visitor {
    stream: TcpStream,
    line: String,
}

impl Visitor {
    /// Reads what the visitor has sent. Returns whether the line is complete, or has ended.
    fn read(&mut self) -> io::Result<bool> {
        let mut piece = [0; 64];
        let length = self.stream.read(&mut piece)?;
        self.line
            .push_str(&String::from_utf8_lossy(&piece[..length]));
        Ok(length == 0 || self.line.ends_with('\n'))
    }
}

/// Serves `count` visitors.
pub fn serve(listener: &TcpListener, count: usize) -> io::Result<()> {
    let mut visitors = HashMap::new();
    let poller = Poller::new()?;
    // SAFETY: the listener outlives the poller, which is created after it.
    unsafe { poller.add_with_mode(listener, Event::readable(LISTENER), PollMode::Level)? };
    let (mut accepted, mut served) = (0, 0);
    let mut events = Events::new();
    while served < count {
        events.clear();
        poller.wait(&mut events, None)?;
        for event in events.iter() {
            if event.key == LISTENER {
                let (mut stream, _) = listener.accept()?;
                stream.write_all(b"your name?\n")?;
                accepted += 1;
                let interest = Event::readable(accepted);
                // SAFETY: the stream is deleted from the poller before it is dropped.
                unsafe { poller.add_with_mode(&stream, interest, PollMode::Level)? };
                let line = String::new();
                visitors.insert(accepted, Visitor { stream, line });
                continue;
            }
            let visitor = visitors.get_mut(&event.key).expect("it was accepted");
            if !visitor.read()? {
                continue; // the line is stored in `visitor`, and the next event continues
            }
            let greeting = format!("hello, {}", visitor.line);
            visitor.stream.write_all(greeting.as_bytes())?;
            poller.delete(&visitor.stream)?;
            visitors.remove(&event.key);
            served += 1;
        }
    }
    Ok(())
}

pub fn main() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let visitors = lab::visitors(listener.local_addr().expect("it is bound"));
    serve(&listener, 2).expect("the sockets work");
    println!(
        "The visitors received {:?}.",
        visitors.join().unwrap().unwrap()
    );
}
