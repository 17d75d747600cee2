//! `tokio::spawn` in a local task: the spawned future must be `Send`.

use crate::Result;

pub async fn example(_: String) -> Result<String> {
    Ok(tokio::spawn(async { "done" }).await?.to_owned())
}
