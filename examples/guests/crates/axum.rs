//! `axum::serve` over a listener of tokio. The client is curl, a child process of Wakeful.

use std::future::IntoFuture;

use axum::{Router, routing::get};
use tokio_util::sync::CancellationToken;
use wakeful::process::Command;

use crate::Result;

pub async fn example(_: String) -> Result<String> {
    let router = Router::new().route("/", get(|| async { "hello from axum\n" }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/", listener.local_addr()?);
    let stop = CancellationToken::new();
    let server =
        axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
    let client = async {
        let page = Command::new("curl").args(["-sSf", &url]).output().await;
        stop.cancel();
        page
    };
    let (served, page) = wakeful::join!(server.into_future(), client);
    served?;
    Ok(String::from_utf8(page?.stdout)?)
}
