//! A `Router` of axum over a listener of Wakeful. The client is curl.

use axum::{Router, routing::get};
use wakeful::net::TcpListener;
use wakeful::process::Command;

use crate::Result;

pub async fn example(_: String) -> Result<String> {
    let router = Router::new().route("/", get(|| async { "hello from axum\n" }));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/", listener.local_addr()?);
    let server = wakeful::spawn(async { wakeful_hyper::serve(listener, router).await });
    let page = Command::new("curl").args(["-sSf", &url]).output().await?;
    server.abort();
    Ok(String::from_utf8(page.stdout)?)
}
