//! The pooled client of hyper 1, over tokio's sockets.

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

use crate::Result;

pub async fn example(server: String) -> Result<String> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let reply = client.get(format!("http://{server}/").parse()?).await?;
    let body = reply.into_body().collect().await?.to_bytes();
    Ok(String::from_utf8(body.to_vec())?)
}
