//! Callbacks, a state machine, `async`: three ways to write the same conversation.
//!
//! The server asks `your name?` until the answer is not empty, then `your town?`, and greets the
//! visitor. All three versions run on the same small loop, `Loop` in `callback_loop.rs`, which
//! calls a function once when a socket is readable.
//!
//! Look for the `while` of the `async` version in the others. With callbacks it is a function that
//! calls itself; in the machine it is a state that is not left. Look where `name` is kept until the
//! greeting. And look at the table, for which the program counts the lines of its own source.
//!
//! `cargo run --example lab_25_callbacks`

use std::future::poll_fn;
use std::io;
use std::mem::replace;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use wakeful_lab::callback_loop::{Loop, Stream};

// -- callbacks: the conversation
fn ask_name(server: &Loop, stream: Stream) {
    stream.write("your name?\n");
    read_line(server, stream, String::new(), |server, stream, name| {
        if name.is_empty() {
            ask_name(server, stream);
        } else {
            ask_town(server, stream, name);
        }
    });
}
fn ask_town(server: &Loop, stream: Stream, name: String) {
    stream.write("your town?\n");
    read_line(server, stream, String::new(), move |_, stream, town| {
        stream.write(&format!("hello, {name} of {town}\n"));
    });
}
// -- callbacks: its library
fn read_line<F>(server: &Loop, stream: Stream, mut line: String, then: F)
where
    F: FnOnce(&Loop, Stream, String) + 'static,
{
    server.when_readable(stream.key, move |server| {
        line += &stream.read();
        match line.strip_suffix('\n') {
            Some(line) => then(server, stream, line.to_owned()),
            None => read_line(server, stream, line, then),
        }
    });
}
// -- machine: the conversation
struct Conversation {
    stream: Stream,
    line: String,
    state: State,
}
enum State {
    Name,
    Town { name: String },
}
impl Conversation {
    fn start(server: &Loop, stream: Stream) {
        stream.write("your name?\n");
        let (line, state) = (String::new(), State::Name);
        let conversation = Conversation {
            stream,
            line,
            state,
        };
        conversation.wait(server);
    }
    fn wait(self, server: &Loop) {
        server.when_readable(self.stream.key, move |server| self.advance(server));
    }
    fn advance(mut self, server: &Loop) {
        self.line += &self.stream.read();
        let Some(line) = self.line.strip_suffix('\n') else {
            return self.wait(server);
        };
        let line = line.to_owned();
        self.line.clear();
        match self.state {
            State::Name if line.is_empty() => self.stream.write("your name?\n"),
            State::Name => {
                self.state = State::Town { name: line };
                self.stream.write("your town?\n");
            }
            State::Town { name } => {
                return self.stream.write(&format!("hello, {name} of {line}\n"));
            }
        }
        self.wait(server);
    }
}
// -- async: the conversation
async fn greet(stream: Stream) {
    let mut name = String::new();
    while name.is_empty() {
        stream.write("your name?\n");
        name = async_read_line(&stream).await;
    }
    stream.write("your town?\n");
    let town = async_read_line(&stream).await;
    stream.write(&format!("hello, {name} of {town}\n"));
}
// -- async: its library
async fn async_read_line(stream: &Stream) -> String {
    let mut line = String::new();
    while !line.ends_with('\n') {
        readable().await;
        line += &stream.read();
    }
    line.trim_end().to_owned()
}
async fn readable() {
    let mut waited = false;
    poll_fn(|_| match replace(&mut waited, true) {
        true => Poll::Ready(()),
        false => Poll::Pending, // no waker: the loop polls when the socket is readable
    })
    .await;
}
fn advance(server: &Loop, key: usize, mut future: Pin<Box<dyn Future<Output = ()>>>) {
    let mut context = Context::from_waker(Waker::noop());
    if future.as_mut().poll(&mut context).is_pending() {
        server.when_readable(key, move |server| advance(server, key, future));
    }
}
fn start(server: &Loop, stream: Stream) {
    let (key, future) = (stream.key, Box::pin(greet(stream)));
    server.boxes(size_of_val(&*future));
    advance(server, key, future);
}
// -- end

/// Counts the lines of this file from `-- heading` to the next heading.
fn lines(heading: &str) -> usize {
    let mut source = include_str!("25_callbacks.rs").lines();
    source
        .find(|line| line.strip_prefix("// -- ") == Some(heading))
        .expect("the heading is in this file");
    source
        .take_while(|line| !line.starts_with("// -- "))
        .count()
}

fn main() -> io::Result<()> {
    let versions = [
        ("callbacks", Loop::run(ask_name)?),
        ("machine", Loop::run(Conversation::start)?),
        ("async", Loop::run(start)?),
    ];
    println!("             lines of the     lines of its   bytes while");
    println!("             conversation     library        it waits");
    let mut conversations = Vec::new();
    for (name, (bytes, received)) in versions {
        let conversation = lines(&format!("{name}: the conversation"));
        let library = match name {
            "machine" => 0,
            _ => lines(&format!("{name}: its library")),
        };
        println!("{name:<11} {conversation:>9} {library:>15} {bytes:>15}");
        assert_eq!(received[..], ["hello, ada of london", "hello, bob of bath"]);
        // Each version stores less than a page of memory; a thread reserves megabytes for a stack.
        assert!(bytes <= 512);
        conversations.push(conversation);
    }
    println!("\nA library is written once, for all conversations; a machine has nothing to share.");
    println!("Each version stores the variables that are needed after the wait. The compiler's");
    println!("machine is the largest: it contains the one of `async_read_line`.");

    // The conversation is shortest with `async`, and longest as a machine.
    let [callbacks, machine, asynchronous] = conversations[..] else {
        panic!("there are three versions");
    };
    assert!(asynchronous < callbacks && callbacks < machine);
    Ok(())
}
