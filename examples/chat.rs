//! A chat over TCP: `cargo run --example chat`, then `nc 127.0.0.1 7001` in two terminals.
//!
//! Every line goes to a ring with the last messages, and each client reads the ring at its own
//! speed. A client that is too slow misses the oldest messages and receives their number. It delays
//! no other client, and takes a limited amount of memory.

use std::cell::RefCell;
use std::collections::HashSet;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use wakeful::net::{TcpListener, TcpStream};
use wakeful::sync::broadcast::{Receiver, Sender, error::RecvError};
use wakeful::time::timeout;
use wakeful_examples::{Args, accept, listen, raise_descriptor_limit};

const USAGE: &str = "\
usage: chat [ADDRESS]

Listens at ADDRESS (127.0.0.1:7001). The first line a client sends is its name, every other one
a message to all.";

/// The number of messages that the ring holds.
pub(crate) const RING: usize = 256;
const MAX_NAME: usize = 32;
const MAX_LINE: usize = 1024;
const NAME_TIMEOUT: Duration = Duration::from_secs(60);

#[wakeful::main]
async fn main() {
    let mut args = Args::from_env(USAGE);
    let address = args.address("ADDRESS", "127.0.0.1:7001");
    args.finish();
    raise_descriptor_limit();
    serve(listen(&address).await).await;
}

#[derive(Clone)]
struct Message {
    from: Rc<str>,
    text: Rc<str>,
    /// The only receiver. If `None`, all clients but `from` receive it.
    private: bool,
}

struct Room {
    names: RefCell<HashSet<Rc<str>>>,
    ring: Sender<Message>,
}

/// Serves clients until it is dropped.
pub(crate) async fn serve(listener: TcpListener) {
    let room = Rc::new(Room {
        names: RefCell::default(),
        ring: Sender::new(RING),
    });
    loop {
        let (stream, peer) = accept(&listener).await;
        let room = room.clone();
        wakeful::spawn(async move {
            if let Err(error) = attend(&stream, &room).await {
                eprintln!("{peer}: {error}");
            }
        });
    }
}

/// Serves one client, from its name to its end.
async fn attend(stream: &TcpStream, room: &Room) -> io::Result<()> {
    let mut lines = Lines::new(stream);
    let named = timeout(NAME_TIMEOUT, ask_name(&mut lines, stream, room)).await;
    let Some(seat) = named.unwrap_or(Ok(None))? else {
        return Ok(());
    };
    let messages = room.ring.subscribe();
    room.say(&seat.name, format!("* {} joins\n", seat.name));
    // Only `receive` writes to the client, so that no line ends up inside another one. When one of
    // the two ends, the other one is dropped.
    let done = wakeful::select! {
        done = receive(messages, &seat.name, stream) => done,
        done = talk(&mut lines, &seat.name, room) => done,
    };
    room.say(&seat.name, format!("* {} leaves\n", seat.name));
    done
}

async fn ask_name<'a>(
    lines: &mut Lines<'_>,
    stream: &TcpStream,
    room: &'a Room,
) -> io::Result<Option<Seat<'a>>> {
    tell(stream, "your name?\n").await?;
    while let Some(line) = lines.next().await? {
        let name = line.unwrap_or_default();
        let name = name.trim();
        if name.is_empty() || name.len() > MAX_NAME {
            let advice = format!("a name has 1 to {MAX_NAME} bytes; try again\n");
            tell(stream, &advice).await?;
            continue;
        }
        let name: Rc<str> = name.into();
        if room.names.borrow_mut().insert(name.clone()) {
            return Ok(Some(Seat { name, room }));
        }
        tell(stream, "this name is taken; try another\n").await?;
    }
    Ok(None)
}

/// Sends the client's lines to the room, until the client ends.
async fn talk(lines: &mut Lines<'_>, name: &Rc<str>, room: &Room) -> io::Result<()> {
    while let Some(line) = lines.next().await? {
        match line {
            Some(line) => room.say(name, format!("{name}: {line}\n")),
            None => room.answer(
                name,
                format!("* not sent: a line has at most {MAX_LINE} bytes\n"),
            ),
        }
    }
    Ok(())
}

/// Writes the messages of others to the client, as fast as it reads them.
async fn receive(
    mut ring: Receiver<Message>,
    name: &Rc<str>,
    stream: &TcpStream,
) -> io::Result<()> {
    loop {
        match ring.recv().await {
            Ok(message) => {
                if message.private == Rc::ptr_eq(&message.from, name) {
                    tell(stream, &message.text).await?;
                }
            }
            Err(RecvError::Lagged(missed)) => {
                let notice = format!("* you read too slowly and missed {missed} messages\n");
                tell(stream, &notice).await?;
            }
            Err(RecvError::Closed) => return Ok(()),
        }
    }
}

async fn tell(stream: &TcpStream, text: &str) -> io::Result<()> {
    stream.write_all(text.as_bytes()).await
}

impl Room {
    /// Sends a message to all clients but `from`.
    fn say(&self, from: &Rc<str>, text: String) {
        self.send(from, text, false);
    }

    /// Sends a message to `name` only.
    fn answer(&self, name: &Rc<str>, text: String) {
        self.send(name, text, true);
    }

    fn send(&self, from: &Rc<str>, text: String, private: bool) {
        let message = Message {
            from: from.clone(),
            text: text.into(),
            private,
        };
        // An error means that there are no clients.
        let _ = self.ring.send(message);
    }
}

/// A name in use, which is free again when this is dropped.
struct Seat<'a> {
    name: Rc<str>,
    room: &'a Room,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.room.names.borrow_mut().remove(&self.name);
    }
}

/// Splits the received bytes into lines. Never stores more than the longest line.
struct Lines<'a> {
    stream: &'a TcpStream,
    buffer: Vec<u8>,
    /// The line that is being received is too long; its rest is discarded.
    skipping: bool,
}

impl<'a> Lines<'a> {
    fn new(stream: &'a TcpStream) -> Lines<'a> {
        Lines {
            stream,
            buffer: Vec::new(),
            skipping: false,
        }
    }

    /// Returns the next line without its end, `Some(None)` if it was too long, and `None` at the
    /// end of the stream. Bytes after the last line end are not a line.
    async fn next(&mut self) -> io::Result<Option<Option<String>>> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                let too_long = std::mem::take(&mut self.skipping) || end > MAX_LINE;
                return Ok(Some((!too_long).then(|| printable(&line))));
            }
            if self.buffer.len() > MAX_LINE {
                self.skipping = true;
                self.buffer.clear();
            }
            let mut piece = [0; 512];
            match self.stream.read(&mut piece).await? {
                0 => return Ok(None),
                length => self.buffer.extend_from_slice(&piece[..length]),
            }
        }
    }
}

/// Replaces characters that could change the terminals of other users.
fn printable(line: &[u8]) -> String {
    let line = line.trim_ascii_end();
    let text = String::from_utf8_lossy(line);
    let keep = |c: char| if c.is_control() && c != '\t' { '?' } else { c };
    text.chars().map(keep).collect()
}
