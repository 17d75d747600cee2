//! UDP echo servers, one for each peer.

use std::net::UdpSocket;

use crate::net::peers::{self, Peer, Result};

pub fn serve(peer: Peer, socket: UdpSocket, size: usize) -> Result {
    match peer {
        Peer::Wakeful => peers::wakeful(wakeful_main(socket, size)),
        Peer::WakefulGuest => peers::wakeful_guest(wakeful_main(socket, size)),
        Peer::Tokio => peers::tokio(tokio_main(socket, size)),
        Peer::TokioLocal => peers::tokio_local(tokio_main(socket, size)),
        Peer::Smol => peers::smol(|_| smol_main(socket, size)),
        Peer::Monoio => peers::monoio(monoio_main(socket, size)),
        Peer::MonoioLegacy => peers::monoio_legacy(monoio_main(socket, size)),
        Peer::Compio => peers::compio(compio_main(socket, size)),
        Peer::Epoll | Peer::EpollShared => epoll(socket, size),
    }
}

async fn wakeful_main(socket: UdpSocket, size: usize) -> Result {
    let socket = wakeful::net::UdpSocket::from_std(socket)?;
    let mut buffer = vec![0; size];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).await?;
        socket.send_to(&buffer[..length], from).await?;
    }
}

async fn tokio_main(socket: UdpSocket, size: usize) -> Result {
    let socket = tokio::net::UdpSocket::from_std(socket)?;
    let mut buffer = vec![0; size];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).await?;
        socket.send_to(&buffer[..length], from).await?;
    }
}

async fn smol_main(socket: UdpSocket, size: usize) -> Result {
    let socket = smol::net::UdpSocket::try_from(socket)?;
    let mut buffer = vec![0; size];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).await?;
        socket.send_to(&buffer[..length], from).await?;
    }
}

async fn monoio_main(socket: UdpSocket, size: usize) -> Result {
    let socket = monoio::net::udp::UdpSocket::from_std(socket)?;
    let mut buffer = Vec::with_capacity(size);
    loop {
        let (received, filled) = socket.recv_from(buffer).await;
        let (_, from) = received?;
        let (sent, written) = socket.send_to(filled, from).await;
        sent?;
        buffer = written;
        buffer.clear();
    }
}

async fn compio_main(socket: UdpSocket, size: usize) -> Result {
    let socket = compio::net::UdpSocket::from_std(socket)?;
    let mut buffer = Vec::with_capacity(size);
    loop {
        let compio::BufResult(received, filled) = socket.recv_from(buffer).await;
        let (_, from) = received?;
        let compio::BufResult(sent, written) = socket.send_to(filled, from).await;
        sent?;
        buffer = written;
        buffer.clear();
    }
}

/// Echoes datagrams until the socket would block, then waits for the next edge.
fn epoll(socket: UdpSocket, size: usize) -> Result {
    use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
    let poller = epoll::create(CreateFlags::CLOEXEC)?;
    let edges = EventFlags::IN | EventFlags::OUT | EventFlags::ET;
    epoll::add(&poller, &socket, EventData::new_u64(0), edges)?;
    let mut events: Vec<Event> = Vec::with_capacity(8);
    let mut buffer = vec![0; size];
    loop {
        events.clear();
        epoll::wait(&poller, rustix::buffer::spare_capacity(&mut events), None)?;
        loop {
            match socket.recv_from(&mut buffer) {
                // If the send buffer is full, the datagram is lost, which UDP permits.
                Ok((length, from)) => drop(socket.send_to(&buffer[..length], from)),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
    }
}
