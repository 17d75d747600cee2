//! The solution of exercise 07.
//!
//! The loop awaited each conversation, so the second visitor was accepted when the first one had
//! been greeted. As a task of its own, a conversation waits alone. `serve` awaits the handles at
//! its end, so that it returns when both visitors are served.

use std::io;

use wakeful::io::{AsyncBufReadExt, BufReader};
use wakeful::net::{TcpListener, TcpStream};
use wakeful_lab as lab;

pub const ANSWER: char = 'a';

async fn greet(stream: TcpStream) -> io::Result<()> {
    stream.write_all(b"your name?\n").await?;
    let mut line = String::new();
    let mut reader = BufReader::with_capacity(64, &stream);
    reader.read_line(&mut line).await?;
    stream.write_all(format!("hello, {line}").as_bytes()).await
}

pub async fn serve(listener: TcpListener) -> io::Result<()> {
    let mut conversations = Vec::new();
    for _ in 0..2 {
        let (stream, _) = listener.accept().await?;
        conversations.push(lab::spawn("conversation", greet(stream)));
    }
    for conversation in conversations {
        conversation.await.expect("it does not panic")?;
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
