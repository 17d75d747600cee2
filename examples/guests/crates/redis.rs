//! The crate's own multiplexed connection, which spawns a task of tokio.

use redis::AsyncCommands;

use crate::Result;

pub async fn example(server: String) -> Result<String> {
    let client = redis::Client::open(format!("redis://{server}/"))?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    let () = connection.set("key", "hello").await?;
    Ok(connection.get("key").await?)
}
