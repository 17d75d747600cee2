//! An axum `Router` on Wakeful: `cargo run --example axum --features axum`, then `curl
//! http://127.0.0.1:7000/hello/ada`.
//!
//! axum requires `Send` of its state and of its handlers' futures. Local values are put into a
//! `ThreadBound`, which panics when it is used on another thread; here there is only one.

use std::cell::Cell;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use async_tungstenite::WebSocketStream;
use async_tungstenite::tungstenite::{handshake::server::create_response, protocol::Role};
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use futures_util::stream::{self, Stream, StreamExt};
use wakeful::ThreadBound;
use wakeful::signal::unix::{SignalKind, signal};
use wakeful::time::sleep;
use wakeful_examples::{Args, listen, raise_descriptor_limit, with_causes};
use wakeful_hyper::{ConnectInfo, KeepAlive, serve, upgrade};

const USAGE: &str = "\
usage: axum [ADDRESS]

Listens at ADDRESS (127.0.0.1:7000) for HTTP/1 and for HTTP/2 with prior knowledge. On SIGTERM it
answers the requests that it has received, and ends.
  GET /hello/NAME  a greeting
  POST /sum        the sum of a JSON array of numbers, as JSON
  GET /count       how often this was asked for, counted in an `Rc`
  GET /slow/MS     an answer after MS milliseconds
  GET /peer        the address of the client
  GET /events/N    N events, one each 300 ms, with a comment every 100 ms without one
  GET /echo        a WebSocket that echoes messages";

type Count = ThreadBound<Rc<Cell<u64>>>;

#[wakeful::main]
async fn main() -> std::io::Result<()> {
    let mut args = Args::from_env(USAGE);
    let address = args.address("ADDRESS", "127.0.0.1:7000");
    args.finish();
    raise_descriptor_limit();
    let mut terminate = signal(SignalKind::terminate())?;
    serve(listen(&address).await, router())
        .on_error(|peer, error| eprintln!("{peer}: {}", with_causes(&*error)))
        .with_graceful_shutdown(async move { _ = terminate.recv().await })
        .await
}

fn router() -> Router {
    Router::new()
        .route("/hello/{name}", get(hello))
        .route("/sum", post(sum))
        .route("/count", get(count))
        // The future of a timer is not `Send`.
        .route("/slow/{ms}", get(|path| ThreadBound::new(slow(path))))
        .route("/peer", get(peer))
        .route("/events/{count}", get(events))
        .route("/echo", any(echo))
        .fallback(async || (StatusCode::NOT_FOUND, "this page does not exist\n"))
        .with_state(Count::new(Rc::default()))
}

async fn hello(Path(name): Path<String>) -> String {
    format!("hello, {name}\n")
}

async fn sum(Json(numbers): Json<Vec<f64>>) -> Json<f64> {
    Json(numbers.iter().sum())
}

async fn count(State(count): State<Count>) -> String {
    count.set(count.get() + 1);
    format!("{}\n", count.get())
}

async fn slow(Path(time): Path<u64>) -> String {
    sleep(Duration::from_millis(time)).await;
    format!("after {time} ms\n")
}

async fn peer(ConnectInfo(peer): ConnectInfo<SocketAddr>) -> String {
    format!("{peer}\n")
}

async fn events(Path(count): Path<u32>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let events = stream::iter(1..=count).then(|n| {
        ThreadBound::new(async move {
            sleep(Duration::from_millis(300)).await;
            Ok(Event::default().data(n.to_string()))
        })
    });
    let comment = || Ok(Event::default().comment("still here"));
    Sse::new(KeepAlive::new(events, Duration::from_millis(100), comment))
}

async fn echo(mut request: Request) -> Response {
    let pending = upgrade::on(&mut request);
    let response = match create_response(&request.map(|_| ())) {
        Ok(response) => response,
        Err(error) => return (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
    };
    wakeful::spawn(async move {
        let Ok(stream) = pending.await else { return };
        let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
        while let Some(Ok(message)) = socket.next().await {
            if (message.is_text() || message.is_binary()) && socket.send(message).await.is_err() {
                return;
            }
        }
    });
    response.map(|()| axum::body::Body::empty())
}
