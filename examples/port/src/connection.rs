//! A connection that carries frames.

use std::io;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufWriter};
use tokio::net::TcpStream;

use crate::frame::Frame;

#[derive(Debug)]
pub struct Connection {
    stream: BufWriter<TcpStream>,
    buffer: BytesMut,
    out: Vec<u8>,
}

impl Connection {
    pub fn new(stream: TcpStream) -> Connection {
        Connection {
            stream: BufWriter::new(stream),
            buffer: BytesMut::with_capacity(4096),
            out: Vec::new(),
        }
    }

    /// Reads the next frame. `None` if the peer has closed the connection between two frames.
    ///
    /// Cancel-safe: bytes that have been read stay in the buffer.
    pub async fn read(&mut self) -> io::Result<Option<Frame>> {
        loop {
            if let Some(frame) = Frame::take(&mut self.buffer)? {
                return Ok(Some(frame));
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return match self.buffer.is_empty() {
                    true => Ok(None),
                    false => Err(io::ErrorKind::UnexpectedEof.into()),
                };
            }
        }
    }

    /// Writes a frame. It is sent by the next [`flush`](Self::flush), at the latest.
    pub async fn write(&mut self, frame: &Frame) -> io::Result<()> {
        self.out.clear();
        frame.put(&mut self.out);
        self.stream.write_all(&self.out).await
    }

    /// Whether another request has been read already, so that a flush may wait.
    pub fn has_more(&self) -> bool {
        !self.buffer.is_empty()
    }

    pub async fn flush(&mut self) -> io::Result<()> {
        self.stream.flush().await
    }

    /// Sends what is written, and closes the direction to the peer.
    pub async fn shutdown(&mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }
}
