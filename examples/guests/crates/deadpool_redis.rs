//! A pool of connections to Redis.

use deadpool_redis::redis::cmd;
use deadpool_redis::{Config, Runtime};

use crate::Result;

pub async fn example(server: String) -> Result<String> {
    let pool = Config::from_url(format!("redis://{server}/")).create_pool(Some(Runtime::Tokio1))?;
    let mut connection = pool.get().await?;
    Ok(cmd("PING").query_async(&mut connection).await?)
}
