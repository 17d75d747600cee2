//! A client that blocks: run it on Wakeful's blocking pool.

use crate::Result;

pub async fn example(server: String) -> Result<String> {
    let url = format!("http://{server}/");
    let fetch = move || ureq::get(url).call()?.into_body().read_to_string();
    Ok(wakeful::task::spawn_blocking(fetch).await??)
}
