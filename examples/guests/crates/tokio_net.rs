//! tokio's own sockets. `wakeful::net` has the same without tokio. The server is Redis.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Result;

pub async fn example(server: String) -> Result<String> {
    let mut stream = TcpStream::connect(server).await?;
    stream.write_all(b"PING\r\nQUIT\r\n").await?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await?;
    Ok(reply.replace("\r\n", " "))
}
