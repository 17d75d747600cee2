//! Connections that change to another protocol.

use std::convert::Infallible;
use std::net::SocketAddr;

use async_tungstenite::tungstenite::handshake::server::create_response;
use async_tungstenite::tungstenite::protocol::Role;
use async_tungstenite::tungstenite::{Error, Message};
use async_tungstenite::{WebSocketStream, client_async};
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use futures_util::AsyncReadExt;
use hyper::StatusCode;
use hyper::body::Incoming;
use tower::service_fn;
use wakeful::net::TcpStream;
use wakeful::sync::{CancellationToken, oneshot};
use wakeful_hyper::{serve, upgrade};

use crate::common::text;
use crate::net::run;
use crate::tcp;

/// A handler of axum that echoes messages. Its future is `Send`, as axum requires.
async fn echo(mut request: Request) -> Response {
    let pending = upgrade::on(&mut request);
    let Ok(response) = create_response(&request.map(|_| ())) else {
        let mut response = Response::new(Body::from("not a WebSocket"));
        *response.status_mut() = StatusCode::BAD_REQUEST;
        return response;
    };
    wakeful::spawn(async move {
        let stream = pending.await.unwrap();
        let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
        while let Some(Ok(message)) = futures_util::StreamExt::next(&mut socket).await {
            if message.is_text() || message.is_binary() {
                socket.send(message).await.unwrap();
            }
        }
    });
    response.map(|()| Body::empty())
}

async fn talk(addr: SocketAddr) {
    let stream = TcpStream::connect(addr).await.unwrap();
    let (mut socket, response) = client_async(format!("ws://{addr}/"), stream).await.unwrap();
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    for length in [0, 1, 125, 126, 65_536, 1_000_000] {
        let message = Message::binary(vec![7; length]);
        socket.send(message.clone()).await.unwrap();
        let answer = futures_util::StreamExt::next(&mut socket).await;
        assert_eq!(answer.unwrap().unwrap(), message);
    }
    socket.close(None).await.unwrap();
    while let Some(message) = futures_util::StreamExt::next(&mut socket).await {
        assert!(message.unwrap().is_close());
    }
}

#[test]
fn a_handler_of_axum_talks_web_socket() {
    run(async || {
        let (listener, addr) = tcp().await;
        let router = Router::new().route("/", axum::routing::any(echo));
        wakeful::spawn(serve(listener, router).into_future());
        let talks: Vec<_> = (0..3).map(|_| wakeful::spawn(talk(addr))).collect();
        for talk in talks {
            talk.await.unwrap();
        }
        let plain = crate::fetch(crate::Way::Http1, addr, "/").await;
        assert_eq!(plain, "not a WebSocket");
    });
}

#[test]
fn bytes_that_arrive_with_the_request_are_read_first() {
    run(async || {
        let (listener, addr) = tcp().await;
        let (sender, receiver) = oneshot::channel();
        let sender = std::rc::Rc::new(std::cell::RefCell::new(Some(sender)));
        let service = service_fn(move |mut request: hyper::Request<Incoming>| {
            let pending = upgrade::on(&mut request);
            let sender = sender.borrow_mut().take().unwrap();
            wakeful::spawn(async move {
                let mut stream = pending.await.unwrap();
                let mut bytes = Vec::new();
                stream.read_to_end(&mut bytes).await.unwrap();
                sender.send(bytes).unwrap();
            });
            let mut response = text("");
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            response
                .headers_mut()
                .insert("upgrade", "other".parse().unwrap());
            response
                .headers_mut()
                .insert("connection", "upgrade".parse().unwrap());
            async move { Ok::<_, Infallible>(response) }
        });
        wakeful::spawn(serve(listener, service).into_future());
        let stream = TcpStream::connect(addr).await.unwrap();
        let head =
            b"GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: other\r\n\r\nearly";
        stream.write_all(head).await.unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 101");
        stream.write_all(b" and late").await.unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(receiver.await.unwrap(), b"early and late");
    });
}

#[test]
fn a_shutdown_does_not_wait_for_upgraded_connections() {
    run(async || {
        let (listener, addr) = tcp().await;
        let stop = CancellationToken::new();
        let router = Router::new().route("/", axum::routing::any(echo));
        let server = serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
        let server = wakeful::spawn(server.into_future());
        let stream = TcpStream::connect(addr).await.unwrap();
        let (mut socket, _) = client_async(format!("ws://{addr}/"), stream).await.unwrap();
        stop.cancel();
        server.await.unwrap().unwrap();
        socket.send("still there".into()).await.unwrap();
        let answer = futures_util::StreamExt::next(&mut socket).await.unwrap();
        assert_eq!(answer.unwrap(), Message::text("still there"));
    });
}

#[test]
fn upgraded_connections_count_for_the_limit_until_they_are_closed() {
    run(async || {
        let (listener, addr) = tcp().await;
        let router = Router::new().route("/", axum::routing::any(echo));
        wakeful::spawn(serve(listener, router).max_connections(2).into_future());
        let connect = async move || {
            let stream = TcpStream::connect(addr).await.unwrap();
            client_async(format!("ws://{addr}/"), stream)
                .await
                .unwrap()
                .0
        };
        let mut sockets = vec![connect().await, connect().await];
        let third = wakeful::spawn(async move { connect().await });
        // Further requests of the two show that the server runs.
        for n in 0..10 {
            for socket in &mut sockets {
                let message = Message::text(n.to_string());
                socket.send(message.clone()).await.unwrap();
                let answer = futures_util::StreamExt::next(socket).await;
                assert_eq!(answer.unwrap().unwrap(), message);
            }
        }
        assert!(!third.is_finished(), "three connections, and two allowed");
        drop(sockets.pop());
        third.await.unwrap();
    });
}

#[test]
fn an_upgraded_stream_that_is_dropped_on_another_thread_is_closed() {
    run(async || {
        let (listener, addr) = tcp().await;
        let service = service_fn(async |mut request: hyper::Request<Incoming>| {
            let pending = upgrade::on(&mut request);
            let response = create_response(&request.map(|_| ())).unwrap();
            wakeful::spawn(async move {
                let stream = pending.await.unwrap();
                wakeful::spawn_blocking(move || drop(stream)).await.unwrap();
            });
            Ok::<_, Infallible>(response.map(|()| String::new()))
        });
        wakeful::spawn(serve(listener, service).into_future());
        let stream = TcpStream::connect(addr).await.unwrap();
        let (mut socket, _) = client_async(format!("ws://{addr}/"), stream).await.unwrap();
        let end = futures_util::StreamExt::next(&mut socket).await.unwrap();
        assert!(
            matches!(end, Err(Error::Protocol(_) | Error::Io(_))),
            "{end:?}"
        );
    });
}
