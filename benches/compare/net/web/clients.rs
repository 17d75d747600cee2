//! reqwest as a client, in tasks of each peer.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use async_compat::Compat;
use reqwest::{Client, Url};

use crate::case::{Peer, Took, Watch};
use crate::net::wire::http;

/// The packages of these cases, whose versions the report lists.
pub const PACKAGES: &[&str] = &["hyper", "axum", "tonic", "reqwest", "async-compat"];

/// The options of Cargo that this module needs.
pub const OPTIONS: &str = " --features web";

/// Sends requests for `time`, `at_once` at a time, each from a task that waits for its answer.
/// Returns the time that was used, and the number of requests.
///
/// # Errors
///
/// If a request fails, or if its answer is not that of the service `http`.
pub fn reqwest(
    peer: Peer,
    server: SocketAddr,
    at_once: usize,
    time: Duration,
) -> io::Result<(Took, u64)> {
    let url: Url = format!("http://{server}/")
        .parse()
        .map_err(io::Error::other)?;
    let builder = Client::builder().no_proxy();
    let client = builder.build().map_err(io::Error::other)?;
    macro_rules! load {
        ($spawn:expr) => {
            async {
                let mut total = 0;
                let mut watch = Watch::start();
                // Connections are opened in the first turn, which does not count.
                for time in [time / 5, time] {
                    (total, watch) = (0, Watch::start());
                    let end = Instant::now() + time;
                    let tasks = (0..at_once).map(|_| $spawn(requests(&client, &url, end)));
                    for task in tasks.collect::<Vec<_>>() {
                        total += task.await.map_err(io::Error::other)??;
                    }
                }
                Ok((watch.stop(), total))
            }
        };
    }
    match peer {
        Peer::WakefulGuest => wakeful::tokio_host::block_on(load!(wakeful::spawn)),
        Peer::WakefulCompat => wakeful::block_on(load!(|task| wakeful::spawn(Compat::new(task)))),
        Peer::Tokio => {
            let mut builder = tokio::runtime::Builder::new_current_thread();
            let runtime = builder.enable_all().build()?;
            runtime.block_on(load!(tokio::spawn))
        }
        _ => Err(io::Error::other("reqwest needs tokio")),
    }
}

/// Returns a task that sends one request after the other until `end`, and counts them.
fn requests(
    client: &Client,
    url: &Url,
    end: Instant,
) -> impl Future<Output = io::Result<u64>> + use<> {
    let (client, url) = (client.clone(), url.clone());
    async move {
        let mut count = 0;
        while Instant::now() < end {
            let response = client.get(url.clone()).send().await;
            let response = response.map_err(io::Error::other)?;
            let body = response.bytes().await.map_err(io::Error::other)?;
            if body != http::BODY {
                return Err(io::Error::other(format!("the answer is {body:?}")));
            }
            count += 1;
        }
        Ok(count)
    }
}
