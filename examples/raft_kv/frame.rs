//! Messages between nodes: a length of four bytes in big-endian order, and JSON of that length.

use std::io;

use futures_util::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The largest frame. Its first byte is 7, and requests of clients begin with larger bytes.
pub(crate) const MAX: usize = 0x0800_0000 - 1;

/// Whether a peer's message may begin with these bytes.
pub(crate) fn is_peer(first: u8) -> bool {
    usize::from(first) <= MAX >> 24
}

fn bad(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Sends a message.
pub(crate) async fn write<W, T>(mut stream: W, message: &T) -> io::Result<()>
where
    W: AsyncWrite + Unpin,
    T: Serialize,
{
    let mut frame = vec![0; 4];
    serde_json::to_writer(&mut frame, message)?;
    let length = frame.len() - 4;
    if length > MAX {
        return Err(bad(format!(
            "a message of {length} bytes exceeds the limit of {MAX}"
        )));
    }
    frame[..4].copy_from_slice(&(length as u32).to_be_bytes());
    stream.write_all(&frame).await
}

/// Receives the next message, or `None` if the stream ends before it. Memory use depends on the
/// received bytes, not on the announced length.
pub(crate) async fn read<R, T>(mut stream: R) -> io::Result<Option<T>>
where
    R: AsyncRead + Unpin,
    T: DeserializeOwned,
{
    let mut head = [0; 4];
    if stream.read(&mut head[..1]).await? == 0 {
        return Ok(None);
    }
    stream.read_exact(&mut head[1..]).await?;
    let length = u32::from_be_bytes(head) as usize;
    if length > MAX {
        return Err(bad(format!(
            "a frame of {length} bytes exceeds the limit of {MAX}"
        )));
    }
    let mut frame = Vec::new();
    stream.take(length as u64).read_to_end(&mut frame).await?;
    if frame.len() < length {
        let what = format!("the stream ended after {} of {length} bytes", frame.len());
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, what));
    }
    serde_json::from_slice(&frame).map(Some).map_err(|error| {
        bad(format!(
            "a frame of {length} bytes is not a message: {error}"
        ))
    })
}
