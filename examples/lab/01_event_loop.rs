//! Get events and process them: a server for many clients, on one thread, without async.
//!
//! The server asks each visitor `your name?` and answers `hello, NAME`. It never waits for one
//! visitor; it waits for all of them at once, in `poller.wait`, and then handles the events.
//!
//! Look for the mistake: Ada's name arrives in two pieces, and each handler knows only its own event.
//!
//! `cargo run --example lab_01_event_loop`; then exercise 01, `exercises/01.rs`.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};

use polling::{Event, Events, PollMode, Poller};
use wakeful_lab as lab;

const LISTENER: usize = 0;

fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let visitors = lab::visitors(listener.local_addr()?);

    let mut streams: HashMap<usize, TcpStream> = HashMap::new();
    let poller = Poller::new()?;
    // Level-triggered: each wait reports the socket as long as there is something to read.
    let interest = Event::readable(LISTENER);
    // SAFETY: the listener outlives the poller, which is created after it.
    unsafe { poller.add_with_mode(&listener, interest, PollMode::Level)? };

    let mut events = Events::new();
    let (mut accepted, mut left) = (0, 0);
    while left < 2 {
        // Get events. This is the only place where the program sleeps.
        events.clear();
        poller.wait(&mut events, None)?;

        // Process them, one after the other. No handler may wait for anything.
        for event in events.iter() {
            if event.key == LISTENER {
                let (mut stream, _) = listener.accept()?;
                stream.set_nonblocking(true)?;
                accepted += 1;
                println!("event: visitor {accepted} connects; ask for a name");
                stream.write_all(b"your name?\n")?;
                let interest = Event::readable(accepted);
                // SAFETY: the stream is deleted from the poller before it is dropped, or stays in a
                // map that outlives the poller.
                unsafe { poller.add_with_mode(&stream, interest, PollMode::Level)? };
                streams.insert(accepted, stream);
                continue;
            }
            let visitor = event.key;
            let stream = streams
                .get_mut(&visitor)
                .expect("events come only from streams in the map");
            let mut piece = [0; 64];
            let length = stream.read(&mut piece).unwrap_or(0); // a reset ends the stream, too
            if length == 0 {
                println!("event: visitor {visitor} disconnects");
                poller.delete(&*stream)?;
                streams.remove(&visitor);
                left += 1;
                continue;
            }
            // The mistake: a name may arrive in more than one piece.
            let name = String::from_utf8_lossy(&piece[..length]);
            println!("event: visitor {visitor} sent {name:?}; send the greeting");
            stream.write_all(format!("hello, {}\n", name.trim_end()).as_bytes())?;
        }
    }

    let [ada, bob] = visitors.join().expect("the visitors do not panic")?;
    println!("\nAda received \"{ada}\", Bob received \"{bob}\".");
    println!("One thread served both, and Bob did not wait for Ada, who is slow.");
    println!("But a handler loses its local variables when it returns, so the first half of");
    println!("Ada's name was not stored. The next lesson stores it.");

    // One loop serves all clients; a handler sees one event, not a conversation.
    assert_eq!(bob, "hello, bob");
    assert_eq!(ada, "hello, ad");
    Ok(())
}
