//! Echo, with the code of each peer. `served` is called after each request, for a server that
//! counts them.

use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd};

use super::idle;
use super::limit::{self, Connection};
use crate::net::peers::{self, Peer, Result};

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
        Peer::Epoll => epoll(listener, size),
        Peer::EpollShared => epoll_shared(listener, size),
    }
}

async fn wakeful_main(listener: TcpListener, size: usize) -> Result {
    let listener = wakeful::net::TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        wakeful::spawn(idle::task(wakeful_echo(stream, size, || ())));
    }
}

pub async fn wakeful_echo(
    stream: wakeful::net::TcpStream,
    size: usize,
    served: impl Fn(),
) -> Result {
    let mut buffer = vec![0; size];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            length => stream.write_all(&buffer[..length]).await?,
        }
        served();
    }
}

pub async fn tokio_main(listener: TcpListener, size: usize) -> Result {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(idle::task(tokio_echo(stream, size, || ())));
    }
}

async fn tokio_local_main(listener: TcpListener, size: usize) -> Result {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::task::spawn_local(idle::task(tokio_echo(stream, size, || ())));
    }
}

pub async fn tokio_echo(
    mut stream: tokio::net::TcpStream,
    size: usize,
    served: impl Fn(),
) -> Result {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut buffer = vec![0; size];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            length => stream.write_all(&buffer[..length]).await?,
        }
        served();
    }
}

async fn smol_main(executor: peers::SmolExecutor, listener: TcpListener, size: usize) -> Result {
    let listener = smol::net::TcpListener::try_from(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        executor
            .spawn(idle::task(smol_echo(stream, size, || ())))
            .detach();
    }
}

pub async fn smol_echo(mut stream: smol::net::TcpStream, size: usize, served: impl Fn()) -> Result {
    use smol::io::{AsyncReadExt, AsyncWriteExt};
    let mut buffer = vec![0; size];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            length => stream.write_all(&buffer[..length]).await?,
        }
        served();
    }
}

pub async fn monoio_main(listener: TcpListener, size: usize) -> Result {
    let listener = monoio::net::TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        monoio::spawn(idle::task(monoio_echo(stream, size)));
    }
}

async fn monoio_echo(mut stream: monoio::net::TcpStream, size: usize) -> Result {
    use monoio::io::{AsyncReadRent, AsyncWriteRentExt};
    let mut buffer = Vec::with_capacity(size);
    loop {
        let result;
        (result, buffer) = stream.read(buffer).await;
        if result? == 0 {
            return Ok(());
        }
        let result;
        (result, buffer) = stream.write_all(buffer).await;
        result?;
        buffer.clear();
    }
}

async fn compio_main(listener: TcpListener, size: usize) -> Result {
    let listener = compio::net::TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        compio::runtime::spawn(idle::task(compio_echo(stream, size))).detach();
    }
}

async fn compio_echo(mut stream: compio::net::TcpStream, size: usize) -> Result {
    use compio::BufResult;
    use compio::io::{AsyncRead, AsyncWriteExt};
    let mut buffer = Vec::with_capacity(size);
    loop {
        let BufResult(result, filled) = stream.read(buffer).await;
        if result? == 0 {
            return Ok(());
        }
        let BufResult(result, written) = stream.write_all(filled).await;
        result?;
        buffer = written;
        buffer.clear();
    }
}

/// A connection with its own buffer, as in the tasks of the runtimes.
struct Client {
    connection: Connection,
    buffer: Vec<u8>,
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.connection.as_fd()
    }
}

fn epoll(listener: TcpListener, size: usize) -> Result {
    idle::set_future(size_of::<Client>());
    let open = |socket| {
        Ok(Client {
            connection: Connection::new(socket)?,
            buffer: vec![0; size],
        })
    };
    limit::serve(
        listener,
        open,
        |slots: &mut limit::Slots<Client>, slot, end| {
            let Client { connection, buffer } = slots[slot].as_mut().expect("a live slot");
            epoll_echo(connection, buffer, end)
        },
    )
}

/// One buffer for all connections: it stays in the cache, and an idle connection has none.
fn epoll_shared(listener: TcpListener, size: usize) -> Result {
    idle::set_future(size_of::<Connection>());
    let mut buffer = vec![0; size];
    limit::serve(listener, Connection::new, |slots, slot, end| {
        let connection = slots[slot].as_mut().expect("a live slot");
        epoll_echo(connection, &mut buffer, end)
    })
}

fn epoll_echo(connection: &mut Connection, buffer: &mut [u8], end: bool) -> Result {
    if !connection.flush()? {
        return Ok(());
    }
    while let Some(length) = connection.read(buffer)? {
        let all = connection.write(&buffer[..length])?;
        if !all || (length < buffer.len() && !end) {
            break;
        }
    }
    Ok(())
}
