//! An HTTP/1 and HTTP/2 server on hyper, whose handlers share an `Rc`:
//! `cargo run --example hyper_server --features hyper`, then `curl --http2-prior-knowledge
//! http://127.0.0.1:7000/`.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Body, Frame, Incoming};
use hyper::header::CONTENT_TYPE;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use wakeful::time::sleep;
use wakeful_examples::{Args, accept, listen, raise_descriptor_limit, serve_connection};

const USAGE: &str = "\
usage: hyper_server [ADDRESS]

Listens at ADDRESS (127.0.0.1:7000) for HTTP/1 and for HTTP/2 with prior knowledge.
  GET /            a greeting, and how many requests there were
  POST /echo       the body comes back, as it arrives
  GET /bytes/N     N bytes
  GET /slow/MS     an answer after MS milliseconds";

/// Bytes of a response to `/bytes` that are produced at a time.
const CHUNK: u64 = 64 * 1024;

/// Body of a response. It need not be `Send` either.
type LocalBody = Pin<Box<dyn Body<Data = Bytes, Error = hyper::Error>>>;

#[wakeful::main]
async fn main() {
    let mut args = Args::from_env(USAGE);
    let address = args.address("ADDRESS", "127.0.0.1:7000");
    args.finish();
    raise_descriptor_limit();
    let listener = listen(&address).await;
    let requests = Rc::new(Cell::new(0));
    loop {
        let (stream, peer) = accept(&listener).await;
        // If it fails, small answers are sent later.
        let _ = stream.set_nodelay(true);
        let requests = requests.clone();
        let service = service_fn(move |request| {
            requests.set(requests.get() + 1);
            answer(request, requests.clone())
        });
        wakeful::spawn(serve_connection(stream, peer, service));
    }
}

async fn answer(
    request: Request<Incoming>,
    requests: Rc<Cell<u64>>,
) -> Result<Response<LocalBody>, hyper::Error> {
    let path = request.uri().path().to_owned();
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let number = parts.get(1).and_then(|number| number.parse().ok());
    let body: LocalBody = match (request.method(), parts[0], number) {
        (&Method::GET, "", None) => text(format!(
            "hello over {:?}, request {}\n",
            request.version(),
            requests.get()
        )),
        (&Method::POST, "echo", None) => Box::pin(request.into_body()),
        (&Method::GET, "bytes", Some(length)) => bytes(length),
        (&Method::GET, "slow", Some(time)) => {
            sleep(Duration::from_millis(time)).await;
            text(format!("after {time} ms\n"))
        }
        (method, ..) => {
            let body = text(format!("{method} {path} does not exist\n"));
            return Ok(response(StatusCode::NOT_FOUND, body));
        }
    };
    Ok(response(StatusCode::OK, body))
}

fn response(status: StatusCode, body: LocalBody) -> Response<LocalBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let plain = "text/plain; charset=utf-8".parse();
    response
        .headers_mut()
        .insert(CONTENT_TYPE, plain.expect("a header"));
    response
}

fn text(text: String) -> LocalBody {
    Box::pin(Full::from(text).map_err(|never| match never {}))
}

/// Returns a body of `length` bytes, produced as fast as the client reads them.
fn bytes(length: u64) -> LocalBody {
    static BYTES: [u8; CHUNK as usize] = [b'.'; CHUNK as usize];
    let chunks = (0..length).step_by(CHUNK as usize).map(move |at| {
        let size = CHUNK.min(length - at) as usize;
        Ok(Frame::data(Bytes::from_static(&BYTES[..size])))
    });
    Box::pin(StreamBody::new(stream::iter(chunks)))
}
