//! The servers. The services and the connection are the same for both runtimes.

use std::io;
use std::net::TcpListener;

use axum::extract::Path;
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use serde::Serialize;
use tonic::service::Routes;

use super::What;
use crate::net::peers::{self, Peer, Result};

pub fn serve(peer: Peer, listener: TcpListener, what: What) -> Result {
    match what {
        What::Hyper => main_of!(peer, listener, service_fn(hello)),
        What::Axum => {
            let router = Router::new().route("/hello/{name}", get(hello_json));
            main_of!(peer, listener, TowerToHyperService::new(router.clone()))
        }
        What::Tonic => {
            let (_, health) = tonic_health::server::health_reporter();
            let routes = Routes::new(health).prepare();
            main_of!(peer, listener, TowerToHyperService::new(routes.clone()))
        }
    }
}

/// Runs the server. `$service` makes the service of a connection.
macro_rules! main_of {
    ($peer:expr, $listener:expr, $service:expr) => {
        match $peer {
            Peer::Wakeful => peers::wakeful(async move {
                let listener = wakeful::net::TcpListener::from_std($listener)?;
                loop {
                    let (stream, _) = listener.accept().await?;
                    stream.set_nodelay(true)?;
                    let io = wakeful_hyper::Io::new(stream);
                    let (executor, timer) =
                        (wakeful_hyper::Executor::new(), wakeful_hyper::Timer::new());
                    drop(wakeful::spawn(connection!(io, executor, timer, $service)));
                }
            }),
            Peer::Tokio => peers::tokio(async move {
                let listener = tokio::net::TcpListener::from_std($listener)?;
                loop {
                    let (stream, _) = listener.accept().await?;
                    stream.set_nodelay(true)?;
                    let io = TokioIo::new(stream);
                    let (executor, timer) = (TokioExecutor::new(), TokioTimer::new());
                    drop(tokio::spawn(connection!(io, executor, timer, $service)));
                }
            }),
            _ => Err(io::Error::other("this peer does not have the service")),
        }
    };
}
use main_of;

/// Returns the future of a connection: HTTP/1 or HTTP/2, whichever its first bytes are. The timer
/// limits the time for the head of a request, as a server that is open to others needs.
macro_rules! connection {
    ($io:expr, $executor:expr, $timer:expr, $service:expr) => {{
        let (io, service, timer) = ($io, $service, $timer);
        let mut builder = auto::Builder::new($executor);
        builder.http1().timer(timer.clone());
        builder.http2().timer(timer);
        async move { builder.serve_connection(io, service).await.is_ok() }
    }};
}
use connection;

async fn hello(_: Request<Incoming>) -> hyper::Result<Response<Full<Bytes>>> {
    let body = Bytes::from_static(What::Hyper.page().body.as_bytes());
    let mut response = Response::new(Full::new(body));
    let plain = HeaderValue::from_static("text/plain");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    Ok(response)
}

#[derive(Serialize)]
struct Hello {
    hello: String,
}

async fn hello_json(Path(hello): Path<String>) -> Json<Hello> {
    Json(Hello { hello })
}
