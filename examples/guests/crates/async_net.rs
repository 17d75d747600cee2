//! Crates of `smol` wait on the thread of `async-io`. The server is Redis.

use futures_util::{AsyncReadExt, AsyncWriteExt};

use crate::Result;

pub async fn example(server: String) -> Result<String> {
    let mut stream = async_net::TcpStream::connect(server).await?;
    stream.write_all(b"PING\r\nQUIT\r\n").await?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await?;
    Ok(reply.replace("\r\n", " "))
}
