//! Servers and clients on a pair of sockets.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use bytes::Bytes;
use futures_util::{AsyncRead, AsyncWrite};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::client::conn;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::server::conn::auto;
use wakeful::task::JoinHandle;
use wakeful_hyper::{Executor, Io, Timer};

/// A body that is not `Send`.
pub type LocalBody = Pin<Box<dyn Body<Data = Bytes, Error = hyper::Error>>>;

/// The protocol of a test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Way {
    Http1,
    Http2,
    /// HTTP/1 with a server that detects it.
    Auto1,
    /// HTTP/2 with a server that detects it.
    Auto2,
}

pub const WAYS: [Way; 4] = [Way::Http1, Way::Http2, Way::Auto1, Way::Auto2];

/// Bodies that either protocol can send.
pub type Sender = Rc<dyn Fn(Request<LocalBody>) -> Answer>;
pub type Answer = Pin<Box<dyn Future<Output = hyper::Result<Response<Incoming>>>>>;

pub fn full(bytes: impl Into<Bytes>) -> LocalBody {
    // The `Rc` keeps it from being `Send`.
    let local = Rc::new(());
    Box::pin(Full::new(bytes.into()).map_err(move |never| {
        let _ = &local;
        match never {}
    }))
}

pub fn text(text: &str) -> Response<LocalBody> {
    Response::new(full(text.to_string()))
}

/// Serves one connection with a service that owns an `Rc`.
pub fn serve<F>(
    way: Way,
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    answer: impl Fn(Request<Incoming>) -> F + 'static,
) -> JoinHandle<Result<(), Box<dyn Error + Send + Sync>>>
where
    F: Future<Output = hyper::Result<Response<LocalBody>>> + 'static,
{
    let local = Rc::new(());
    let service = service_fn(move |request| {
        let _ = &local;
        answer(request)
    });
    let io = Io::new(stream);
    wakeful::spawn(async move {
        match way {
            Way::Http1 => {
                let mut builder = http1::Builder::new();
                builder.timer(Timer::new());
                builder.serve_connection(io, service).await?;
            }
            Way::Http2 => {
                let mut builder = http2::Builder::new(Executor::new());
                builder.timer(Timer::new());
                builder.serve_connection(io, service).await?;
            }
            Way::Auto1 | Way::Auto2 => {
                let mut builder = auto::Builder::new(Executor::new());
                builder.http1().timer(Timer::new());
                builder.http2().timer(Timer::new());
                builder.serve_connection(io, service).await?;
            }
        }
        Ok(())
    })
}

/// A client of one connection, and the task that runs it.
pub async fn client<S>(way: Way, stream: S) -> (Sender, JoinHandle<hyper::Result<()>>)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let io = Io::new(stream);
    match way {
        Way::Http1 | Way::Auto1 => {
            let (sender, connection) = conn::http1::handshake(io).await.unwrap();
            let sender = std::cell::RefCell::new(sender);
            let send = move |request| Box::pin(sender.borrow_mut().send_request(request)) as Answer;
            (Rc::new(send), wakeful::spawn(connection))
        }
        Way::Http2 | Way::Auto2 => {
            let mut builder = conn::http2::Builder::new(Executor::new());
            builder.timer(Timer::new());
            let (sender, connection) = builder.handshake(io).await.unwrap();
            let send = move |request| Box::pin(sender.clone().send_request(request)) as Answer;
            (Rc::new(send), wakeful::spawn(connection))
        }
    }
}

pub fn get(way: Way, path: &str) -> Request<LocalBody> {
    request(way, path, full(""))
}

pub fn request(way: Way, path: &str, body: LocalBody) -> Request<LocalBody> {
    let builder = match way {
        Way::Http1 | Way::Auto1 => Request::post(path).header("host", "test"),
        Way::Http2 | Way::Auto2 => {
            Request::post(format!("http://test{path}")).version(Version::HTTP_2)
        }
    };
    builder.body(body).unwrap()
}

pub async fn body_of(response: Response<Incoming>) -> Bytes {
    response.into_body().collect().await.unwrap().to_bytes()
}
