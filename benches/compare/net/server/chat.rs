//! Chat: a message of one client is sent to all. Each connection has a task that reads and one that
//! writes; the messages go through an unbounded channel. With the code of each peer.

use std::net::TcpListener;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use futures_channel::mpsc;
use futures_util::StreamExt;

use super::limit::{self, Connection};
use crate::net::peers::{self, Peer, Result};

type Message = Arc<[u8]>;

/// The clients. The lock is never contended, as one thread serves. It is needed by peers whose
/// tasks must be `Send`.
struct Room<S>(Arc<Mutex<Vec<S>>>);

impl<S> Room<S> {
    fn new() -> Room<S> {
        Room(Arc::default())
    }

    fn enter(&self, sender: S) {
        self.0
            .lock()
            .expect("no task panics while it holds the lock")
            .push(sender);
    }

    /// Sends to all clients, and removes those that can't be reached.
    fn say(&self, bytes: &[u8], send: impl Fn(&S, Message) -> bool) {
        let message = Message::from(bytes);
        let mut senders = self
            .0
            .lock()
            .expect("no task panics while it holds the lock");
        senders.retain(|sender| send(sender, message.clone()));
    }
}

impl<S> Clone for Room<S> {
    fn clone(&self) -> Room<S> {
        Room(self.0.clone())
    }
}

/// A channel for one receiver. The runtimes other than tokio use this one.
type Sender = mpsc::UnboundedSender<Message>;
type Receiver = mpsc::UnboundedReceiver<Message>;

fn send(sender: &Sender, message: Message) -> bool {
    sender.unbounded_send(message).is_ok()
}

pub fn serve(peer: Peer, listener: TcpListener, size: usize) -> Result {
    match peer {
        Peer::Wakeful => peers::wakeful(wakeful_main(listener, size)),
        Peer::WakefulGuest => peers::wakeful_guest(wakeful_main(listener, size)),
        Peer::Tokio => peers::tokio(tokio_main(listener, size)),
        Peer::TokioLocal => peers::tokio_local(tokio_local_main(listener, size)),
        Peer::Smol => peers::smol(|executor| smol_main(executor, listener, size)),
        Peer::Monoio => peers::monoio(monoio_main(listener, size)),
        Peer::MonoioLegacy => peers::monoio_legacy(monoio_main(listener, size)),
        Peer::Compio => peers::compio(compio_main(listener, size)),
        Peer::Epoll | Peer::EpollShared => epoll(listener, size),
    }
}

async fn wakeful_main(listener: TcpListener, size: usize) -> Result {
    let listener = wakeful::net::TcpListener::from_std(listener)?;
    let room = Room::new();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let stream = Rc::new(stream);
        let (sender, receiver) = mpsc::unbounded();
        room.enter(sender);
        wakeful::spawn(wakeful_reader(stream.clone(), room.clone(), size));
        wakeful::spawn(wakeful_writer(stream, receiver));
    }
}

async fn wakeful_reader(
    stream: Rc<wakeful::net::TcpStream>,
    room: Room<Sender>,
    size: usize,
) -> Result {
    let mut buffer = vec![0; size];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            length => room.say(&buffer[..length], send),
        }
    }
}

async fn wakeful_writer(stream: Rc<wakeful::net::TcpStream>, mut receiver: Receiver) -> Result {
    while let Some(message) = receiver.next().await {
        stream.write_all(&message).await?;
    }
    Ok(())
}

type TokioSender = tokio::sync::mpsc::UnboundedSender<Message>;
type TokioReceiver = tokio::sync::mpsc::UnboundedReceiver<Message>;

async fn tokio_main(listener: TcpListener, size: usize) -> Result {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let room = Room::new();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (read, write) = stream.into_split();
        let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
        room.enter(sender);
        tokio::spawn(tokio_reader(read, room.clone(), size));
        tokio::spawn(tokio_writer(write, receiver));
    }
}

async fn tokio_local_main(listener: TcpListener, size: usize) -> Result {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let room = Room::new();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (read, write) = stream.into_split();
        let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
        room.enter(sender);
        tokio::task::spawn_local(tokio_reader(read, room.clone(), size));
        tokio::task::spawn_local(tokio_writer(write, receiver));
    }
}

async fn tokio_reader(
    mut stream: tokio::net::tcp::OwnedReadHalf,
    room: Room<TokioSender>,
    size: usize,
) -> Result {
    use tokio::io::AsyncReadExt;
    let mut buffer = vec![0; size];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            length => room.say(&buffer[..length], |to, message| to.send(message).is_ok()),
        }
    }
}

async fn tokio_writer(
    mut stream: tokio::net::tcp::OwnedWriteHalf,
    mut receiver: TokioReceiver,
) -> Result {
    use tokio::io::AsyncWriteExt;
    while let Some(message) = receiver.recv().await {
        stream.write_all(&message).await?;
    }
    Ok(())
}

async fn smol_main(executor: peers::SmolExecutor, listener: TcpListener, size: usize) -> Result {
    let listener = smol::net::TcpListener::try_from(listener)?;
    let room = Room::new();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (sender, receiver) = mpsc::unbounded();
        room.enter(sender);
        let reader = smol_reader(stream.clone(), room.clone(), size);
        executor.spawn(reader).detach();
        executor.spawn(smol_writer(stream, receiver)).detach();
    }
}

async fn smol_reader(mut stream: smol::net::TcpStream, room: Room<Sender>, size: usize) -> Result {
    use smol::io::AsyncReadExt;
    let mut buffer = vec![0; size];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            length => room.say(&buffer[..length], send),
        }
    }
}

async fn smol_writer(mut stream: smol::net::TcpStream, mut receiver: Receiver) -> Result {
    use smol::io::AsyncWriteExt;
    while let Some(message) = receiver.next().await {
        stream.write_all(&message).await?;
    }
    Ok(())
}

async fn monoio_main(listener: TcpListener, size: usize) -> Result {
    use monoio::io::Splitable;
    let listener = monoio::net::TcpListener::from_std(listener)?;
    let room = Room::new();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (read, write) = stream.into_split();
        let (sender, receiver) = mpsc::unbounded();
        room.enter(sender);
        monoio::spawn(monoio_reader(read, room.clone(), size));
        monoio::spawn(monoio_writer(write, receiver));
    }
}

async fn monoio_reader(
    mut stream: monoio::net::tcp::TcpOwnedReadHalf,
    room: Room<Sender>,
    size: usize,
) -> Result {
    use monoio::io::AsyncReadRent;
    let mut buffer = Vec::with_capacity(size);
    loop {
        let result;
        (result, buffer) = stream.read(buffer).await;
        if result? == 0 {
            return Ok(());
        }
        room.say(&buffer, send);
        buffer.clear();
    }
}

/// The API needs an owned buffer, so the message is copied.
async fn monoio_writer(
    mut stream: monoio::net::tcp::TcpOwnedWriteHalf,
    mut receiver: Receiver,
) -> Result {
    use monoio::io::AsyncWriteRentExt;
    let mut buffer = Vec::new();
    while let Some(message) = receiver.next().await {
        buffer.extend_from_slice(&message);
        let result;
        (result, buffer) = stream.write_all(buffer).await;
        result?;
        buffer.clear();
    }
    Ok(())
}

async fn compio_main(listener: TcpListener, size: usize) -> Result {
    let listener = compio::net::TcpListener::from_std(listener)?;
    let room = Room::new();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (read, write) = stream.into_split();
        let (sender, receiver) = mpsc::unbounded();
        room.enter(sender);
        compio::runtime::spawn(compio_reader(read, room.clone(), size)).detach();
        compio::runtime::spawn(compio_writer(write, receiver)).detach();
    }
}

async fn compio_reader(
    mut stream: compio::net::TcpStream,
    room: Room<Sender>,
    size: usize,
) -> Result {
    use compio::io::AsyncRead;
    let mut buffer = Vec::with_capacity(size);
    loop {
        let compio::BufResult(result, filled) = stream.read(buffer).await;
        if result? == 0 {
            return Ok(());
        }
        room.say(&filled, send);
        buffer = filled;
        buffer.clear();
    }
}

async fn compio_writer(mut stream: compio::net::TcpStream, mut receiver: Receiver) -> Result {
    use compio::io::AsyncWriteExt;
    let mut buffer = Vec::new();
    while let Some(message) = receiver.next().await {
        buffer.extend_from_slice(&message);
        let compio::BufResult(result, written) = stream.write_all(buffer).await;
        result?;
        buffer = written;
        buffer.clear();
    }
    Ok(())
}

/// Uses neither channels nor tasks: each message is written to every socket at once.
fn epoll(listener: TcpListener, size: usize) -> Result {
    let mut buffer = vec![0; size];
    let ready = |slots: &mut limit::Slots<Connection>, slot: usize, end: bool| {
        let connection = slots[slot].as_mut().expect("a live slot");
        connection.flush()?;
        while let Some(length) = slots[slot]
            .as_mut()
            .expect("a live slot")
            .read(&mut buffer)?
        {
            for other in slots.iter_mut().flatten() {
                // An error here occurs again at the next edge of that socket.
                let _ = other.write(&buffer[..length]);
            }
            if length < buffer.len() && !end {
                break;
            }
        }
        Ok(())
    };
    limit::serve(listener, Connection::new, ready)
}
