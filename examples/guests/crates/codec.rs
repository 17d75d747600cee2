//! `Framed` over a socket of Wakeful, with the feature `tokio-io`. The server is Redis.

use futures_util::{SinkExt, StreamExt};
use tokio_util::codec::{Framed, LinesCodec};
use wakeful::net::TcpStream;

use crate::Result;

pub async fn example(server: String) -> Result<String> {
    let stream = TcpStream::connect(server).await?;
    let mut lines = Framed::new(stream, LinesCodec::new());
    lines.send("PING").await?;
    Ok(lines.next().await.ok_or("the server has closed")??)
}
