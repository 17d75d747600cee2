//! `connect_async` of this crate connects a socket of tokio. The server is Python's `websockets`.

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

use crate::Result;

pub async fn example(server: String) -> Result<String> {
    let (mut socket, _) = connect_async(format!("ws://{server}/")).await?;
    socket.send(Message::text("hello")).await?;
    let reply = socket.next().await.ok_or("the server has closed")??;
    socket.close(None).await?;
    Ok(reply.into_text()?.to_string())
}
