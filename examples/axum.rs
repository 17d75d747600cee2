//! An axum `Router` on Wakeful: `cargo run --example axum --features axum`, then `curl
//! http://127.0.0.1:7000/hello/ada`.
//!
//! axum requires `Send` of its state and of its handlers' futures. Local values are put into a
//! `ThreadBound`, which panics when it is used on another thread; here there is only one.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use hyper_util::service::TowerToHyperService;
use wakeful::ThreadBound;
use wakeful::time::sleep;
use wakeful_examples::{Args, accept, listen, raise_descriptor_limit, serve_connection};

const USAGE: &str = "\
usage: axum [ADDRESS]

Listens at ADDRESS (127.0.0.1:7000) for HTTP/1 and for HTTP/2 with prior knowledge.
  GET /hello/NAME  a greeting
  POST /sum        the sum of a JSON array of numbers, as JSON
  GET /count       how often this was asked for, counted in an `Rc`
  GET /slow/MS     an answer after MS milliseconds";

type Count = ThreadBound<Rc<Cell<u64>>>;

#[wakeful::main]
async fn main() {
    let mut args = Args::from_env(USAGE);
    let address = args.address("ADDRESS", "127.0.0.1:7000");
    args.finish();
    raise_descriptor_limit();
    let router = router();
    let listener = listen(&address).await;
    // `axum::serve` requires tokio; this loop replaces it.
    loop {
        let (stream, peer) = accept(&listener).await;
        // If it fails, small answers are sent later.
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(router.clone());
        wakeful::spawn(serve_connection(stream, peer, service));
    }
}

fn router() -> Router {
    Router::new()
        .route("/hello/{name}", get(hello))
        .route("/sum", post(sum))
        .route("/count", get(count))
        // The future of a timer is not `Send`.
        .route("/slow/{ms}", get(|path| ThreadBound::new(slow(path))))
        .fallback(|| async { (StatusCode::NOT_FOUND, "this page does not exist\n") })
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
