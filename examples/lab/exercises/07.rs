//! Exercise 07: one conversation at a time.
//!
//! What it should do: `serve` accepts two visitors, asks each for a name and greets each. A visitor
//! may pause in the middle of a name. Meanwhile the server serves the other one. `serve` returns
//! when both are served.
//!
//! Repair `serve`; `greet` is right. It needs a change of a few lines. As it is, the program does
//! not end: stop it with Ctrl-C.
//!
//! The question, to answer before you run it: the visitors are those of lesson 07. How many tasks
//! does the runtime have while both are connected, before your repair? The future of `block_on`
//! counts as one.
//!
//! - a: one
//! - b: two
//! - c: three
//!
//! Run it: `cargo run --example exercise_07`. Check it: `cargo run --example lab -- check 07`.

use std::io;

use wakeful::io::{AsyncBufReadExt, BufReader};
use wakeful::net::{TcpListener, TcpStream};
use wakeful_lab as lab;

pub const ANSWER: char = '?';

async fn greet(stream: TcpStream) -> io::Result<()> {
    stream.write_all(b"your name?\n").await?;
    let mut line = String::new();
    let mut reader = BufReader::with_capacity(64, &stream);
    reader.read_line(&mut line).await?;
    stream.write_all(format!("hello, {line}").as_bytes()).await
}

pub async fn serve(listener: TcpListener) -> io::Result<()> {
    for _ in 0..2 {
        let (stream, _) = listener.accept().await?;
        greet(stream).await?;
    }
    Ok(())
}

pub fn main() {
    wakeful::block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let visitors = lab::visitors(listener.local_addr().unwrap());
        serve(listener).await.expect("the sockets work");
        println!("received: {:?}", visitors.join().unwrap().unwrap());
    });
}
