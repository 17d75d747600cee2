//! The same server as a hand-written state machine, which stores what a stack would hold.
//!
//! A thread that serves a visitor stores its progress in its local variables and its program
//! counter. An event handler returns after each event, so it must save both before it returns and
//! restore them when it is called again. That is called manual stack management.
//!
//! Look at `State`: each variant is a place where the conversation may wait, with the variables
//! that are alive there. And look at `advance`: it runs until it would have to wait. In lesson 03
//! it will be called `poll`, and in lesson 07 the compiler writes it.
//!
//! `cargo run --example lab_02_manual_stack`; then exercise 02, `exercises/02.rs`.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};

use polling::{Event, Events, PollMode, Poller};
use wakeful_lab as lab;

const LISTENER: usize = 0;
const QUESTION: &[u8] = b"your name?\n";

/// The progress of a conversation.
#[derive(Debug)]
enum State {
    Asking { sent: usize },
    Listening { line: String },
    Greeting { reply: String, sent: usize },
}

struct Visitor {
    key: usize,
    stream: TcpStream,
    state: State,
}

impl Visitor {
    /// Runs as far as possible without waiting. `WouldBlock`: not finished, call it again when the
    /// socket is ready.
    fn advance(&mut self) -> io::Result<()> {
        loop {
            match &mut self.state {
                State::Asking { sent } => {
                    *sent += self.stream.write(&QUESTION[*sent..])?;
                    if *sent == QUESTION.len() {
                        self.go_to(State::Listening {
                            line: String::new(),
                        });
                    }
                }
                State::Listening { line } => {
                    let mut piece = [0; 64];
                    let length = self.stream.read(&mut piece)?;
                    line.push_str(&String::from_utf8_lossy(&piece[..length]));
                    println!("  visitor {} has sent {line:?} so far", self.key);
                    if length == 0 {
                        return Ok(()); // disconnected before the end of the line
                    }
                    if line.ends_with('\n') {
                        let reply = format!("hello, {line}");
                        self.go_to(State::Greeting { reply, sent: 0 });
                    }
                }
                State::Greeting { reply, sent } => {
                    *sent += self.stream.write(&reply.as_bytes()[*sent..])?;
                    if *sent == reply.len() {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn go_to(&mut self, next: State) {
        println!("  visitor {}: {:?}", self.key, next);
        self.state = next;
    }
}

fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let visitors = lab::visitors(listener.local_addr()?);

    let mut conversations: HashMap<usize, Visitor> = HashMap::new();
    let poller = Poller::new()?;
    let interest = Event::readable(LISTENER);
    // SAFETY: the listener outlives the poller, which is created after it.
    unsafe { poller.add_with_mode(&listener, interest, PollMode::Level)? };
    let mut events = Events::new();
    let (mut accepted, mut left) = (0, 0);
    while left < 2 {
        events.clear();
        poller.wait(&mut events, None)?;
        for event in events.iter() {
            let mut key = event.key;
            if key == LISTENER {
                let (stream, _) = listener.accept()?;
                stream.set_nonblocking(true)?;
                accepted += 1;
                key = accepted;
                // SAFETY: the stream is deleted from the poller before it is dropped, or stays in a
                // map that outlives the poller.
                unsafe { poller.add(&stream, Event::none(key))? };
                let state = State::Asking { sent: 0 };
                conversations.insert(key, Visitor { key, stream, state });
            }
            let visitor = conversations
                .get_mut(&key)
                .expect("events come only from streams in the map");
            println!("visitor {key} continues in state {:?}", visitor.state);
            match visitor.advance() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    // One-shot mode: an interest lasts for one event. The state says for which.
                    let interest = match visitor.state {
                        State::Listening { .. } => Event::readable(key),
                        _ => Event::writable(key),
                    };
                    poller.modify(&visitor.stream, interest)?;
                }
                ended => {
                    poller.delete(&visitor.stream)?;
                    conversations.remove(&key);
                    left += 1;
                    ended?;
                }
            }
        }
    }

    let [ada, bob] = visitors.join().expect("the visitors do not panic")?;
    println!("\nAda received \"{ada}\", Bob received \"{bob}\".");
    println!(
        "A state takes {} bytes, a thread's stack megabytes.",
        size_of::<State>()
    );
    println!("But the conversation, three lines of code in a thread, is now a state machine.");

    // A state machine keeps across events what a stack would keep across waits.
    assert_eq!((ada.as_str(), bob.as_str()), ("hello, ada", "hello, bob"));
    assert!(size_of::<State>() <= 64);
    Ok(())
}
