//! The same server in async/await, on Wakeful: the compiler writes the state machine of lesson 02.
//!
//! `greet` reads like a program with one visitor. Each `.await` is a place where it may wait, so
//! each becomes a variant of the state, which stores the variables that are alive across it. The
//! program prints the size of the state.
//!
//! Look at the story, or at the page: the reactor's sources wake the tasks, and the loop waits
//! between two events. This is the first lesson with a page; the README says how to read it.
//!
//! `cargo run --example lab_07_same_server`; then exercise 07, `exercises/07.rs`.

use std::io;

use wakeful::io::{AsyncBufReadExt, BufReader};
use wakeful::net::{TcpListener, TcpStream};
use wakeful::trace::Level;
use wakeful_lab as lab;

async fn greet(stream: &TcpStream) -> io::Result<()> {
    stream.write_all(b"your name?\n").await?;
    let mut line = String::new();
    BufReader::with_capacity(64, stream)
        .read_line(&mut line)
        .await?;
    stream.write_all(format!("hello, {line}").as_bytes()).await
}

async fn serve(listener: TcpListener) -> io::Result<()> {
    let mut tasks = Vec::new();
    for name in ["visitor 1", "visitor 2"] {
        let (stream, _) = listener.accept().await?;
        let conversation = async move { greet(&stream).await };
        println!(
            "{name} connects; the future of its conversation takes {} bytes",
            size_of_val(&conversation)
        );
        assert!(size_of_val(&conversation) <= 512);
        tasks.push(lab::spawn(name, conversation));
    }
    for task in tasks {
        task.await.expect("no conversation panics")?;
    }
    Ok(())
}

fn main() {
    let snapshot = lab::record(Level::Wakes, async {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port is free");
        let visitors = lab::visitors(listener.local_addr().expect("it is bound"));
        serve(listener).await.expect("the sockets work");

        let [ada, bob] = visitors.join().expect("the visitors do not panic").unwrap();
        println!("\nAda received \"{ada}\", Bob received \"{bob}\".");
        assert_eq!((ada.as_str(), bob.as_str()), ("hello, ada", "hello, bob"));
    });
    lab::show("07_same_server", &snapshot);

    println!("Three lines of code, as in a thread; hundreds of bytes, as in a state machine.");
    // Visitor 2 is served while visitor 1 waits.
    lab::assert_story(
        &snapshot,
        &[
            "visitor 1 is spawned by main",
            "visitor 1 is polled, for the first time: pending",
            "visitor 2 is spawned by main",
            "visitor 2 is done: ready",
            "visitor 1 is done: ready",
        ],
    );
}
