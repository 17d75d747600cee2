//! Checks exercise 01.

#[cfg_attr(feature = "solutions", path = "../solutions/01.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/01.rs")]
mod program;

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::thread;

use wakeful_lab::ensure;
use wakeful_lab::exercise::{Exercise, Verdict, connect, step};

const EXERCISE: Exercise = Exercise {
    answer: 'd',
    replies: &[
        (
            'a',
            "So it should be. But look at what the handler of Ada's event does while the second \
             half of her name is missing.",
        ),
        (
            'b',
            "Ada's line is not complete, and she sends the rest only after Bob's greeting.",
        ),
        (
            'c',
            "Bob's event is in the poller, but the loop must come back to `wait` to get it. Where \
             is the loop?",
        ),
        (
            'd',
            "The handler of Ada's event waits for the rest of her line, and Ada waits for Bob's \
             greeting. The loop never gets Bob's event.",
        ),
    ],
    shipped: "Bob has sent his whole line, and received no greeting",
    check,
};

fn main() -> ExitCode {
    EXERCISE.main(program::main, program::ANSWER)
}

type Client = BufReader<TcpStream>;

/// Returns the next line from the server, or what came in its place.
fn receive(client: &mut Client) -> String {
    let mut line = String::new();
    match client.read_line(&mut line) {
        Ok(0) => "the end of the connection".to_owned(),
        Ok(_) => format!("`{}`", line.trim_end()),
        Err(_) => "nothing within 3 s".to_owned(),
    }
}

fn send(client: &mut Client, text: &str) {
    // If the server has closed the connection, the next `receive` says so.
    let _ = client.get_mut().write_all(text.as_bytes());
}

fn check() -> Verdict {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let server = thread::spawn(move || program::serve(&listener, 2));

    let mut ada = connect(address);
    let question = receive(&mut ada);
    ensure!(
        question == "`your name?`",
        "Ada connected. She should receive the question, and received {question}."
    );
    send(&mut ada, "ad");
    let mut bob = connect(address);
    send(&mut bob, "bob\n");
    let mut received = receive(&mut bob);
    if received == "`your name?`" {
        received = receive(&mut bob);
    }
    ensure!(
        received == "`hello, bob`",
        "Ada has sent the first half of her name and pauses. Meanwhile Bob has sent his whole line, \
         and received no greeting, but {received}. While a handler waits for one visitor, the loop \
         gets no other event."
    );
    send(&mut ada, "a\n");
    let received = receive(&mut ada);
    ensure!(
        received == "`hello, ada`",
        "Ada sent `ad`, and later `a` and the end of the line. She should receive \
         `hello, ada`, and received {received}."
    );
    step("in `serve`, after both visitors were served");
    let ended = server.join().expect("its panic is reported");
    ensure!(ended.is_ok(), "`serve` returned an error: {ended:?}.");
    Ok(())
}
