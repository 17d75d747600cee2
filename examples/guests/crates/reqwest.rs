//! An HTTP client. To look up a host name it uses a thread of tokio's blocking pool.

use crate::Result;

pub async fn example(server: String) -> Result<String> {
    let reply = reqwest::get(format!("http://{server}/")).await?;
    Ok(reply.error_for_status()?.text().await?)
}
