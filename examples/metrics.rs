//! A server that serves the metrics of its own runtime:
//!
//! ```text
//! cargo run --example metrics
//! curl http://127.0.0.1:9090/metrics
//! curl http://127.0.0.1:9090/stall
//! ```
//!
//! Prometheus fetches `/metrics`. `/stall` makes a mistake on purpose: it blocks the loop for half
//! a second. Standard error names it while it blocks, and the next `/metrics` counts it.

use std::io;
use std::process;
use std::thread;
use std::time::Duration;

use wakeful::net::{TcpListener, TcpStream};
use wakeful::{Builder, Metrics, MetricsLevel, task};
use wakeful_examples::{Args, accept, close_gently, listen};
use wakeful_prometheus::{CONTENT_TYPE, encode};

const USAGE: &str = "\
usage: metrics [ADDRESS]

Serves the metrics of its own runtime at http://ADDRESS/metrics (127.0.0.1:9090).";

/// The largest head of a request.
const LARGEST: usize = 8192;

fn main() {
    let mut args = Args::from_env(USAGE);
    let address = args.address("ADDRESS", "127.0.0.1:9090");
    args.finish();
    let runtime = Builder::new()
        // Durations, in addition to counts.
        .metrics_level(MetricsLevel::Times)
        // A poll that blocks the loop for longer is reported on standard error.
        .detect_stalls(Duration::from_millis(100))
        .build();
    let runtime = runtime.unwrap_or_else(|error| {
        eprintln!("cannot create a runtime: {error}");
        process::exit(1)
    });
    runtime.block_on(async { serve(listen(&address).await).await });
}

async fn serve(listener: TcpListener) {
    loop {
        let (stream, _) = accept(&listener).await;
        // An error of one connection does not affect the others.
        task::Builder::new()
            .name("request")
            .spawn(async move { answer(&stream).await });
    }
}

async fn answer(stream: &TcpStream) -> io::Result<()> {
    let head = head(stream).await?;
    let (status, kind, body) = match head.split(' ').nth(1) {
        Some("/metrics") => ("200 OK", CONTENT_TYPE, encode(&Metrics::current())),
        Some("/stall") => ("200 OK", "text/plain", stall()),
        _ => ("404 Not Found", "text/plain", "try /metrics\n".to_owned()),
    };
    let length = body.len();
    let reply = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    );
    stream.write_all(reply.as_bytes()).await?;
    close_gently(stream).await
}

/// Reads the head of a request; a body is not read.
async fn head(stream: &TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    let mut buffer = [0; 1024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") && head.len() < LARGEST {
        match stream.read(&mut buffer).await? {
            0 => break,
            length => head.extend_from_slice(&buffer[..length]),
        }
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// Blocks the loop, a mistake that `spawn_blocking` avoids.
fn stall() -> String {
    thread::sleep(Duration::from_millis(500));
    "no other request was served meanwhile\n".to_owned()
}
