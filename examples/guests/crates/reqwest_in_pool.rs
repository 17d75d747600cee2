//! The same call on a thread of Wakeful's blocking pool, beside which the client has its own.

use crate::Result;

pub async fn example(server: String) -> Result<String> {
    let fetch = move || -> reqwest::Result<String> {
        let reply = reqwest::blocking::get(format!("http://{server}/"))?;
        reply.error_for_status()?.text()
    };
    Ok(wakeful::task::spawn_blocking(fetch).await??)
}
