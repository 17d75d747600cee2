//! `wakeful_hyper::Client`, against servers on real sockets.

#[path = "support/tls.rs"]
mod certificates;
#[path = "hyper_client/ends.rs"]
mod ends;
#[path = "hyper_client/errors.rs"]
mod errors;
#[path = "hyper_client/layers.rs"]
mod layers;
#[path = "support/net.rs"]
mod net;
#[path = "hyper_client/pool.rs"]
mod pool;
#[path = "hyper_client/requests.rs"]
mod requests;
#[path = "hyper_client/runtimes.rs"]
mod runtimes;
#[path = "support/mod.rs"]
mod support;
#[path = "hyper_client/tls.rs"]
mod tls;

use std::cell::Cell;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Request, Response};
use tower::service_fn;
use wakeful::net::TcpListener;
use wakeful::sync::Semaphore;
use wakeful_hyper::{Client, Listener, ResponseBody, TlsListener, serve_make_service};

/// A server that counts its connections.
pub struct Server {
    pub addr: SocketAddr,
    pub connections: Rc<Cell<usize>>,
    /// Requests to `/slow` wait for a permit.
    pub finish: Rc<Semaphore>,
    /// Requests that have begun.
    pub begun: Rc<Cell<usize>>,
}

impl Server {
    pub async fn start() -> Server {
        Server::start_with(None).await
    }

    pub async fn start_with(tls: Option<futures_rustls::rustls::ServerConfig>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Server {
            addr: listener.local_addr().unwrap(),
            connections: Rc::default(),
            finish: Rc::new(Semaphore::new(0)),
            begun: Rc::default(),
        };
        match tls {
            None => server.serve(listener),
            Some(config) => server.serve(TlsListener::new(listener, config)),
        }
        server
    }

    fn serve<L: Listener<Addr = SocketAddr>>(&self, listener: L) {
        let connections = self.connections.clone();
        let (finish, begun) = (self.finish.clone(), self.begun.clone());
        let make = service_fn(move |_: SocketAddr| {
            connections.set(connections.get() + 1);
            let (finish, begun) = (finish.clone(), begun.clone());
            let service = service_fn(move |request: Request<Incoming>| {
                begun.set(begun.get() + 1);
                answer(request, finish.clone())
            });
            async { Ok::<_, Infallible>(service) }
        });
        wakeful::spawn(serve_make_service(listener, make).into_future());
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    pub async fn until_begun(&self, requests: usize) {
        while self.begun.get() < requests {
            wakeful::task::yield_now().await;
        }
    }
}

async fn answer(
    request: Request<Incoming>,
    finish: Rc<Semaphore>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let version = request.version();
    let host = request.headers().get("host").cloned();
    let host = host.or_else(|| {
        request
            .uri()
            .authority()
            .map(|host| host.as_str().parse().unwrap())
    });
    let path = request.uri().path().to_owned();
    let text = match &*path {
        "/slow" => {
            finish.acquire().await.unwrap().forget();
            "slow".into()
        }
        "/big" => "x".repeat(10_000_000),
        "/host" => host.unwrap().to_str().unwrap().to_owned(),
        "/echo" => {
            let body = request.into_body().collect().await?.to_bytes();
            return Ok(Response::new(Full::new(body)));
        }
        _ => format!("{path} {version:?}"),
    };
    let mut response = Response::new(Full::from(text));
    if let Some(to) = path.strip_prefix("/to") {
        *response.status_mut() = hyper::StatusCode::FOUND;
        response
            .headers_mut()
            .insert("location", to.parse().unwrap());
    }
    Ok(response)
}

pub async fn text(response: Response<ResponseBody>) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

pub async fn get(client: &Client, url: &str) -> String {
    text(client.get(url).await.unwrap()).await
}
