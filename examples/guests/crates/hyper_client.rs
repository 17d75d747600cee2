//! The pooled client of `wakeful-hyper`, for tasks that are not `Send`.

use http_body_util::BodyExt;
use wakeful_hyper::Client;

use crate::Result;

pub async fn example(server: String) -> Result<String> {
    let reply = Client::new().get(format!("http://{server}/")).await?;
    let body = reply.into_body().collect().await?.to_bytes();
    Ok(String::from_utf8(body.to_vec())?)
}
