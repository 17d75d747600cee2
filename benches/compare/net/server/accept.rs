//! Accept and close, with the code of each peer.

use std::net::TcpListener;

use super::limit;
use crate::net::peers::{self, Peer, Result};

pub fn serve(peer: Peer, listener: TcpListener) -> Result {
    match peer {
        Peer::Wakeful => peers::wakeful(wakeful_main(listener)),
        Peer::WakefulGuest => peers::wakeful_guest(wakeful_main(listener)),
        Peer::Tokio => peers::tokio(tokio_main(listener)),
        Peer::TokioLocal => peers::tokio_local(tokio_main(listener)),
        Peer::Smol => peers::smol(|_| smol_main(listener)),
        Peer::Monoio => peers::monoio(monoio_main(listener)),
        Peer::MonoioLegacy => peers::monoio_legacy(monoio_main(listener)),
        Peer::Compio => peers::compio(compio_main(listener)),
        Peer::Epoll | Peer::EpollShared => epoll(listener),
    }
}

async fn wakeful_main(listener: TcpListener) -> Result {
    let listener = wakeful::net::TcpListener::from_std(listener)?;
    loop {
        drop(listener.accept().await?);
    }
}

async fn tokio_main(listener: TcpListener) -> Result {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        drop(listener.accept().await?);
    }
}

async fn smol_main(listener: TcpListener) -> Result {
    let listener = smol::net::TcpListener::try_from(listener)?;
    loop {
        drop(listener.accept().await?);
    }
}

async fn monoio_main(listener: TcpListener) -> Result {
    let listener = monoio::net::TcpListener::from_std(listener)?;
    loop {
        drop(listener.accept().await?);
    }
}

async fn compio_main(listener: TcpListener) -> Result {
    let listener = compio::net::TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.close().await?;
    }
}

/// Registers each connection, as a server that used it would do.
fn epoll(listener: TcpListener) -> Result {
    use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
    let poller = epoll::create(CreateFlags::CLOEXEC)?;
    let data = EventData::new_u64(0);
    epoll::add(&poller, &listener, data, EventFlags::IN)?;
    let mut events: Vec<Event> = Vec::with_capacity(1024);
    loop {
        events.clear();
        epoll::wait(&poller, rustix::buffer::spare_capacity(&mut events), None)?;
        limit::accept(&listener, |socket| {
            let edges = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
            epoll::add(&poller, &socket, EventData::new_u64(1), edges)?;
            drop(socket);
            Ok(())
        })?;
    }
}
