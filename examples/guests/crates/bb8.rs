//! Another pool. It waits with a timer of tokio, and spawns tasks that keep connections ready.

use bb8_redis::RedisConnectionManager;
use bb8_redis::redis::cmd;

use crate::Result;

pub async fn example(server: String) -> Result<String> {
    let manager = RedisConnectionManager::new(format!("redis://{server}/"))?;
    let pool = bb8::Pool::builder().max_size(2).build(manager).await?;
    let mut connection = pool.get().await?;
    Ok(cmd("PING").query_async(&mut *connection).await?)
}
