//! A client of NATS. It spawns a task of tokio for the connection.

use futures_util::StreamExt;

use crate::Result;

pub async fn example(server: String) -> Result<String> {
    let client = async_nats::connect(server).await?;
    let mut greetings = client.subscribe("greetings").await?;
    client.publish("greetings", "hello".into()).await?;
    let message = greetings.next().await.ok_or("the connection is closed")?;
    Ok(String::from_utf8(message.payload.to_vec())?)
}
