//! `kv` and `http`: read, answer all complete requests, write. With the code of each peer.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};

use super::limit::{self, Connection};
use crate::net::peers::{self, Peer, Result};
use crate::net::wire::{Answer, Inbox};

pub fn serve(peer: Peer, listener: TcpListener, size: usize, answer: impl Answer) -> Result {
    match peer {
        Peer::Wakeful => peers::wakeful(wakeful_main(listener, size, answer)),
        Peer::WakefulGuest => peers::wakeful_guest(wakeful_main(listener, size, answer)),
        Peer::Tokio => peers::tokio(tokio_main(listener, size, answer)),
        Peer::TokioLocal => peers::tokio_local(tokio_local_main(listener, size, answer)),
        Peer::Smol => peers::smol(|executor| smol_main(executor, listener, size, answer)),
        Peer::Monoio => peers::monoio(monoio_main(listener, size, answer)),
        Peer::MonoioLegacy => peers::monoio_legacy(monoio_main(listener, size, answer)),
        Peer::Compio => peers::compio(compio_main(listener, size, answer)),
        Peer::Epoll | Peer::EpollShared => epoll(listener, size, answer),
    }
}

async fn wakeful_main(listener: TcpListener, size: usize, answer: impl Answer) -> Result {
    let listener = wakeful::net::TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        wakeful::spawn(wakeful_session(stream, size, answer.clone()));
    }
}

pub async fn wakeful_session(
    stream: wakeful::net::TcpStream,
    size: usize,
    answer: impl Answer,
) -> Result {
    let (mut inbox, mut out) = (Inbox::new(size), Vec::new());
    loop {
        match stream.read(inbox.room()?).await? {
            0 => return Ok(()),
            length => inbox.answer(length, &answer, &mut out)?,
        }
        stream.write_all(&out).await?;
        out.clear();
    }
}

pub async fn tokio_main(listener: TcpListener, size: usize, answer: impl Answer) -> Result {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(tokio_session(stream, size, answer.clone()));
    }
}

async fn tokio_local_main(listener: TcpListener, size: usize, answer: impl Answer) -> Result {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::task::spawn_local(tokio_session(stream, size, answer.clone()));
    }
}

async fn tokio_session(
    mut stream: tokio::net::TcpStream,
    size: usize,
    answer: impl Answer,
) -> Result {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (mut inbox, mut out) = (Inbox::new(size), Vec::new());
    loop {
        match stream.read(inbox.room()?).await? {
            0 => return Ok(()),
            length => inbox.answer(length, &answer, &mut out)?,
        }
        stream.write_all(&out).await?;
        out.clear();
    }
}

async fn smol_main(
    executor: peers::SmolExecutor,
    listener: TcpListener,
    size: usize,
    answer: impl Answer,
) -> Result {
    let listener = smol::net::TcpListener::try_from(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let session = smol_session(stream, size, answer.clone());
        executor.spawn(session).detach();
    }
}

async fn smol_session(
    mut stream: smol::net::TcpStream,
    size: usize,
    answer: impl Answer,
) -> Result {
    use smol::io::{AsyncReadExt, AsyncWriteExt};
    let (mut inbox, mut out) = (Inbox::new(size), Vec::new());
    loop {
        match stream.read(inbox.room()?).await? {
            0 => return Ok(()),
            length => inbox.answer(length, &answer, &mut out)?,
        }
        stream.write_all(&out).await?;
        out.clear();
    }
}

pub async fn monoio_main(listener: TcpListener, size: usize, answer: impl Answer) -> Result {
    let listener = monoio::net::TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        monoio::spawn(monoio_session(stream, size, answer.clone()));
    }
}

/// The API needs an owned buffer, and a read overwrites it, so an incomplete request is stored
/// separately.
async fn monoio_session(
    mut stream: monoio::net::TcpStream,
    size: usize,
    answer: impl Answer,
) -> Result {
    use monoio::io::{AsyncReadRent, AsyncWriteRentExt};
    let (mut buffer, mut out) = (Vec::with_capacity(size), Vec::new());
    let mut rest = Vec::new();
    loop {
        let result;
        (result, buffer) = stream.read(buffer).await;
        if result? == 0 {
            return Ok(());
        }
        answer_owned(&answer, &buffer, &mut rest, &mut out)?;
        buffer.clear();
        let result;
        (result, out) = stream.write_all(out).await;
        result?;
        out.clear();
    }
}

async fn compio_main(listener: TcpListener, size: usize, answer: impl Answer) -> Result {
    let listener = compio::net::TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let session = compio_session(stream, size, answer.clone());
        compio::runtime::spawn(session).detach();
    }
}

async fn compio_session(
    mut stream: compio::net::TcpStream,
    size: usize,
    answer: impl Answer,
) -> Result {
    use compio::BufResult;
    use compio::io::{AsyncRead, AsyncWriteExt};
    let (mut buffer, mut out) = (Vec::with_capacity(size), Vec::new());
    let mut rest = Vec::new();
    loop {
        let BufResult(result, filled) = stream.read(buffer).await;
        if result? == 0 {
            return Ok(());
        }
        answer_owned(&answer, &filled, &mut rest, &mut out)?;
        buffer = filled;
        buffer.clear();
        let BufResult(result, written) = stream.write_all(out).await;
        result?;
        out = written;
        out.clear();
    }
}

fn answer_owned(
    answer: &impl Answer,
    read: &[u8],
    rest: &mut Vec<u8>,
    out: &mut Vec<u8>,
) -> io::Result<()> {
    if rest.is_empty() {
        let used = answer.answer(read, out)?;
        rest.extend_from_slice(&read[used..]);
    } else {
        rest.extend_from_slice(read);
        let used = answer.answer(rest, out)?;
        rest.drain(..used);
    }
    Ok(())
}

struct Session {
    connection: Connection,
    inbox: Inbox,
}

impl AsFd for Session {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.connection.as_fd()
    }
}

fn epoll(listener: TcpListener, size: usize, answer: impl Answer) -> Result {
    let mut out = Vec::new();
    let open = |socket: TcpStream| {
        let connection = Connection::new(socket)?;
        let inbox = Inbox::new(size);
        Ok(Session { connection, inbox })
    };
    limit::serve(
        listener,
        open,
        |slots: &mut limit::Slots<Session>, slot, end| {
            let session = slots[slot].as_mut().expect("a live slot");
            let Session { connection, inbox } = session;
            if !connection.flush()? {
                return Ok(());
            }
            loop {
                let room = inbox.room()?;
                let size = room.len();
                let Some(length) = connection.read(room)? else {
                    return Ok(());
                };
                inbox.answer(length, &answer, &mut out)?;
                let all = connection.write(&out)?;
                out.clear();
                if !all || (length < size && !end) {
                    return Ok(());
                }
            }
        },
    )
}
