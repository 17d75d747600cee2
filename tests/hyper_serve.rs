//! `wakeful_hyper::serve`, with clients of hyper over real sockets.

#[path = "support/tls.rs"]
mod certificates;
#[path = "hyper/common.rs"]
#[allow(dead_code, reason = "the tests of hyper use the rest")]
mod common;
#[path = "hyper_serve/limits.rs"]
mod limits;
#[path = "support/net.rs"]
mod net;
#[path = "hyper_serve/router.rs"]
mod router;
#[path = "hyper_serve/shutdown.rs"]
mod shutdown;
#[path = "support/mod.rs"]
mod support;
#[path = "hyper_serve/tls.rs"]
mod tls;
#[path = "hyper_serve/upgrades.rs"]
mod upgrades;

use std::cell::Cell;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;

use hyper::body::Incoming;
use hyper::{Request, Response};
use tower::service_fn;
use wakeful::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use wakeful_hyper::{ConnectInfo, serve, serve_make_service};

use common::{LocalBody, Way, body_of, client, get, text};
use net::run;

const BOTH: [Way; 2] = [Way::Http1, Way::Http2];

pub async fn tcp() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}

/// Sends one request on a connection of its own, and returns the text of the answer.
pub async fn fetch(way: Way, addr: SocketAddr, path: &str) -> String {
    let stream = TcpStream::connect(addr).await.unwrap();
    let (send, connection) = client(way, stream).await;
    let answer = body_of(send(get(way, path)).await.unwrap()).await;
    drop(send);
    let _ = connection.await;
    String::from_utf8(answer.to_vec()).unwrap()
}

#[test]
fn http1_and_http2_on_one_port_with_a_service_that_is_not_send() {
    run(async || {
        let (listener, addr) = tcp().await;
        let requests = Rc::new(Cell::new(0));
        let service = service_fn(move |request: Request<Incoming>| {
            requests.set(requests.get() + 1);
            let requests = requests.clone();
            async move {
                let body = format!("{:?} {}", request.version(), requests.get());
                Ok::<Response<LocalBody>, hyper::Error>(text(&body))
            }
        });
        wakeful::spawn(serve(listener, service).into_future());
        assert_eq!(fetch(Way::Http1, addr, "/").await, "HTTP/1.1 1");
        assert_eq!(fetch(Way::Http2, addr, "/").await, "HTTP/2.0 2");
        assert_eq!(fetch(Way::Http1, addr, "/").await, "HTTP/1.1 3");
    });
}

#[test]
fn the_peers_address_is_in_the_extensions_of_each_request() {
    run(async || {
        let (listener, addr) = tcp().await;
        let service = service_fn(async |request: Request<Incoming>| {
            let info = request.extensions().get::<ConnectInfo<SocketAddr>>();
            Ok::<_, Infallible>(text(&info.unwrap().0.to_string()))
        });
        wakeful::spawn(serve(listener, service).into_future());
        for way in BOTH {
            let stream = TcpStream::connect(addr).await.unwrap();
            let ours = stream.local_addr().unwrap().to_string();
            let (send, _connection) = client(way, stream).await;
            for _ in 0..2 {
                let answer = send(get(way, "/")).await.unwrap();
                assert_eq!(body_of(answer).await, ours);
            }
        }
    });
}

#[test]
fn a_make_service_makes_one_service_for_each_connection() {
    run(async || {
        let (listener, addr) = tcp().await;
        let make = service_fn(async |peer: SocketAddr| {
            let requests = Rc::new(Cell::new(0));
            Ok::<_, Infallible>(service_fn(move |_: Request<Incoming>| {
                requests.set(requests.get() + 1);
                let answer = text(&format!("{} {}", requests.get(), peer.port()));
                async move { Ok::<_, Infallible>(answer) }
            }))
        });
        wakeful::spawn(serve_make_service(listener, make).into_future());
        for _ in 0..2 {
            let stream = TcpStream::connect(addr).await.unwrap();
            let port = stream.local_addr().unwrap().port();
            let (send, _connection) = client(Way::Http1, stream).await;
            for request in 1..=3 {
                let answer = send(get(Way::Http1, "/")).await.unwrap();
                assert_eq!(body_of(answer).await, format!("{request} {port}"));
            }
        }
    });
}

#[test]
fn a_unix_socket_is_a_listener() {
    run(async || {
        let path = std::env::temp_dir().join(format!("wakeful-serve-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path).unwrap();
        let service = service_fn(async |_: Request<Incoming>| Ok::<_, Infallible>(text("here")));
        let server = serve(listener, service);
        assert!(
            format!("{server:?}").contains("wakeful-serve"),
            "{server:?}"
        );
        wakeful::spawn(server.into_future());
        let stream = UnixStream::connect(&path).await.unwrap();
        std::fs::remove_file(&path).unwrap();
        let (send, _connection) = client(Way::Http2, stream).await;
        let answer = send(get(Way::Http2, "/")).await.unwrap();
        assert_eq!(body_of(answer).await, "here");
    });
}

#[test]
fn a_panic_of_the_service_ends_that_connection_alone() {
    run(async || {
        let (listener, addr) = tcp().await;
        let service = service_fn(async |request: Request<Incoming>| {
            assert_ne!(request.uri().path(), "/panic", "the test panics here");
            Ok::<_, Infallible>(text("fine"))
        });
        wakeful::spawn(serve(listener, service).max_connections(2).into_future());
        let other = TcpStream::connect(addr).await.unwrap();
        let (other, _connection) = client(Way::Http1, other).await;
        for _ in 0..3 {
            let stream = TcpStream::connect(addr).await.unwrap();
            let (send, _connection) = client(Way::Http1, stream).await;
            send(get(Way::Http1, "/panic")).await.unwrap_err();
            let answer = other(get(Way::Http1, "/")).await.unwrap();
            assert_eq!(body_of(answer).await, "fine");
        }
    });
}
