//! Echo with a deadline armed for each request, with the code of each peer.
//!
//! There is no hand-written loop here: the result is the cost relative to plain echo of the same
//! peer.

use std::io;
use std::net::TcpListener;
use std::time::Duration;

use crate::net::peers::{self, Peer, Result};

/// Long enough for a connection to wait through the slices of the other peers.
const LIMIT: Duration = Duration::from_secs(60);

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
        Peer::Epoll | Peer::EpollShared => Err(io::ErrorKind::Unsupported.into()),
    }
}

async fn wakeful_main(listener: TcpListener, size: usize) -> Result {
    let listener = wakeful::net::TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        wakeful::spawn(wakeful_echo(stream, size));
    }
}

async fn wakeful_echo(stream: wakeful::net::TcpStream, size: usize) -> Result {
    let mut buffer = vec![0; size];
    loop {
        let request = async {
            let length = stream.read(&mut buffer).await?;
            stream.write_all(&buffer[..length]).await?;
            io::Result::Ok(length)
        };
        if wakeful::time::timeout(LIMIT, request).await?? == 0 {
            return Ok(());
        }
    }
}

async fn tokio_main(listener: TcpListener, size: usize) -> Result {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(tokio_echo(stream, size));
    }
}

async fn tokio_local_main(listener: TcpListener, size: usize) -> Result {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::task::spawn_local(tokio_echo(stream, size));
    }
}

async fn tokio_echo(mut stream: tokio::net::TcpStream, size: usize) -> Result {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut buffer = vec![0; size];
    loop {
        let request = async {
            let length = stream.read(&mut buffer).await?;
            stream.write_all(&buffer[..length]).await?;
            io::Result::Ok(length)
        };
        if tokio::time::timeout(LIMIT, request).await?? == 0 {
            return Ok(());
        }
    }
}

async fn smol_main(executor: peers::SmolExecutor, listener: TcpListener, size: usize) -> Result {
    let listener = smol::net::TcpListener::try_from(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        executor.spawn(smol_echo(stream, size)).detach();
    }
}

async fn smol_echo(mut stream: smol::net::TcpStream, size: usize) -> Result {
    use smol::future::FutureExt;
    use smol::io::{AsyncReadExt, AsyncWriteExt};
    let mut buffer = vec![0; size];
    loop {
        let request = async {
            let length = stream.read(&mut buffer).await?;
            stream.write_all(&buffer[..length]).await?;
            io::Result::Ok(length)
        };
        let late = async {
            smol::Timer::after(LIMIT).await;
            Err(io::ErrorKind::TimedOut.into())
        };
        if request.or(late).await? == 0 {
            return Ok(());
        }
    }
}

async fn monoio_main(listener: TcpListener, size: usize) -> Result {
    let listener = monoio::net::TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        monoio::spawn(monoio_echo(stream, size));
    }
}

async fn monoio_echo(mut stream: monoio::net::TcpStream, size: usize) -> Result {
    use monoio::io::{AsyncReadRent, AsyncWriteRentExt};
    let mut buffer = Vec::with_capacity(size);
    loop {
        let request = async {
            let (result, filled) = stream.read(buffer).await;
            let length = result?;
            let (result, mut written) = stream.write_all(filled).await;
            result?;
            written.clear();
            io::Result::Ok((length, written))
        };
        let length;
        (length, buffer) = monoio::time::timeout(LIMIT, request).await??;
        if length == 0 {
            return Ok(());
        }
    }
}

async fn compio_main(listener: TcpListener, size: usize) -> Result {
    let listener = compio::net::TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        compio::runtime::spawn(compio_echo(stream, size)).detach();
    }
}

async fn compio_echo(mut stream: compio::net::TcpStream, size: usize) -> Result {
    use compio::BufResult;
    use compio::io::{AsyncRead, AsyncWriteExt};
    let mut buffer = Vec::with_capacity(size);
    loop {
        let request = async {
            let BufResult(result, filled) = stream.read(buffer).await;
            let length = result?;
            let BufResult(result, mut written) = stream.write_all(filled).await;
            result?;
            written.clear();
            io::Result::Ok((length, written))
        };
        let late = |_| io::Error::from(io::ErrorKind::TimedOut);
        let length;
        (length, buffer) = compio::time::timeout(LIMIT, request)
            .await
            .map_err(late)??;
        if length == 0 {
            return Ok(());
        }
    }
}
