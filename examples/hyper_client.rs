//! An HTTP client on hyper: `cargo run --example hyper_client --features hyper -- http://127.0.0.1:7000/`.

use std::io::Write;
use std::process::ExitCode;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::header::HOST;
use hyper::{Request, Response, Uri, Version};
use wakeful::net::TcpStream;
use wakeful_examples::{Args, BoxError, with_causes};
use wakeful_hyper::{Executor, Io, Timer};

const USAGE: &str = "\
usage: hyper_client [URL] [--http VERSION]

Fetches URL (http://127.0.0.1:7000/), over HTTP/1 or with `--http 2` over HTTP/2 with prior knowledge.
The head of the answer goes to standard error, the body to standard output.";

#[wakeful::main]
async fn main() -> ExitCode {
    let mut args = Args::from_env(USAGE);
    let version: u8 = args.option("--http", 1);
    let url = args.next("URL", Uri::from_static("http://127.0.0.1:7000/"));
    args.finish();
    match fetch(&url, version).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot fetch {url}: {}", with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn fetch(url: &Uri, version: u8) -> Result<(), BoxError> {
    let (Some("http"), Some(host)) = (url.scheme_str(), url.host()) else {
        return Err("give a URL that begins with http:// and a host".into());
    };
    let stream = TcpStream::connect((host, url.port_u16().unwrap_or(80))).await?;
    let io = Io::new(stream);
    // A connection is a future that transfers the bytes while it is polled.
    let response = match version {
        1 => {
            let (mut sender, connection) = http1::handshake(io).await?;
            wakeful::spawn(connection);
            let authority = url.authority().map_or(host, |authority| authority.as_str());
            let target = url.path_and_query().map_or("/", |target| target.as_str());
            let request = Request::get(target).header(HOST, authority);
            sender
                .send_request(request.body(Empty::<Bytes>::new())?)
                .await?
        }
        2 => {
            let mut builder = http2::Builder::new(Executor::new());
            builder.timer(Timer::new());
            let (mut sender, connection) = builder.handshake(io).await?;
            wakeful::spawn(connection);
            let request = Request::get(url).version(Version::HTTP_2);
            sender
                .send_request(request.body(Empty::<Bytes>::new())?)
                .await?
        }
        other => return Err(format!("--http {other}: give 1 or 2").into()),
    };
    print(response).await
}

/// Prints a response as it arrives.
async fn print(response: Response<Incoming>) -> Result<(), BoxError> {
    eprintln!("{:?} {}", response.version(), response.status());
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        if let Some(data) = frame?.data_ref() {
            std::io::stdout().write_all(data)?;
        }
    }
    Ok(())
}
