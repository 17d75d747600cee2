//! The client.

use std::io;

use bytes::Bytes;
use tokio::net::{TcpStream, ToSocketAddrs};
use tokio::time::{self, Duration};

use crate::connection::Connection;
use crate::frame::Frame;

/// How long the server may take for an answer.
const TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub struct Client {
    connection: Connection,
}

/// A client that has subscribed to channels.
#[derive(Debug)]
pub struct Subscriber {
    connection: Connection,
}

impl Client {
    pub async fn connect<A: ToSocketAddrs>(addr: A) -> io::Result<Client> {
        let stream = time::timeout(TIMEOUT, TcpStream::connect(addr)).await??;
        stream.set_nodelay(true)?;
        let connection = Connection::new(stream);
        Ok(Client { connection })
    }

    pub async fn get(&mut self, key: &str) -> io::Result<Option<Bytes>> {
        match self.call(["GET", key]).await? {
            Frame::Bulk(value) => Ok(Some(value)),
            Frame::Null => Ok(None),
            other => Err(unexpected(&other)),
        }
    }

    pub async fn set(&mut self, key: &str, value: impl Into<Bytes>) -> io::Result<()> {
        let key = Bytes::copy_from_slice(key.as_bytes());
        match self
            .call([Bytes::from_static(b"SET"), key, value.into()])
            .await?
        {
            Frame::Simple(_) => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    pub async fn publish(&mut self, channel: &str, message: &str) -> io::Result<i64> {
        match self.call(["PUBLISH", channel, message]).await? {
            Frame::Integer(count) => Ok(count),
            other => Err(unexpected(&other)),
        }
    }

    pub async fn subscribe(mut self, channels: &[&str]) -> io::Result<Subscriber> {
        for channel in channels {
            self.call(["SUBSCRIBE", channel]).await?;
        }
        let connection = self.connection;
        Ok(Subscriber { connection })
    }

    /// Sends a request, and waits for its answer.
    pub async fn call<I>(&mut self, parts: I) -> io::Result<Frame>
    where
        I: IntoIterator,
        I::Item: AsRef<[u8]>,
    {
        let mut replies = self.pipeline([parts]).await?;
        replies
            .pop()
            .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// Sends requests at once, and waits for all answers.
    pub async fn pipeline<I>(
        &mut self,
        requests: impl IntoIterator<Item = I>,
    ) -> io::Result<Vec<Frame>>
    where
        I: IntoIterator,
        I::Item: AsRef<[u8]>,
    {
        let mut sent = 0;
        for request in requests {
            let parts = request
                .into_iter()
                .map(|part| Bytes::copy_from_slice(part.as_ref()));
            self.connection.write(&Frame::request(parts)).await?;
            sent += 1;
        }
        self.connection.flush().await?;
        let mut replies = Vec::new();
        while replies.len() < sent {
            replies.push(time::timeout(TIMEOUT, next(&mut self.connection)).await??);
        }
        Ok(replies)
    }
}

impl Subscriber {
    /// Waits for the next message, and returns it with its channel.
    pub async fn next(&mut self) -> io::Result<(Bytes, Bytes)> {
        let frame = next(&mut self.connection).await?;
        match frame {
            Frame::Array(parts) => match &parts[..] {
                [_, Frame::Bulk(channel), Frame::Bulk(message)] => {
                    Ok((channel.clone(), message.clone()))
                }
                _ => Err(unexpected(&Frame::Array(parts))),
            },
            other => Err(unexpected(&other)),
        }
    }
}

async fn next(connection: &mut Connection) -> io::Result<Frame> {
    match connection.read().await? {
        Some(Frame::Error(text)) => Err(io::Error::other(text)),
        Some(frame) => Ok(frame),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn unexpected(frame: &Frame) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("unexpected answer {frame:?}"),
    )
}
