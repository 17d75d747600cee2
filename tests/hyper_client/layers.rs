//! A client below layers of tower, and upgraded connections.

use async_tungstenite::WebSocketStream;
use async_tungstenite::tungstenite::Message;
use async_tungstenite::tungstenite::handshake::client::generate_key;
use async_tungstenite::tungstenite::handshake::server::create_response;
use async_tungstenite::tungstenite::protocol::Role;
use bytes::Bytes;
use futures_util::StreamExt;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use std::convert::Infallible;
use tower::{ServiceBuilder, ServiceExt};
use tower_http::follow_redirect::FollowRedirectLayer;
use wakeful::net::TcpListener;
use wakeful_hyper::{Client, serve, upgrade};

use crate::net::run;
use crate::{Server, text};

#[test]
fn redirects_are_followed_by_a_layer() {
    run(async || {
        let server = Server::start().await;
        let client = ServiceBuilder::new()
            .layer(FollowRedirectLayer::new())
            .service(Client::new());
        let request = Request::get(server.url("/to/to/there")).body(Empty::<Bytes>::new());
        let response = client.oneshot(request.unwrap()).await.unwrap();
        assert_eq!(text(response).await, "/there HTTP/1.1");
        assert_eq!(server.connections.get(), 1);
        // Without the layer the redirect is the response.
        let response = Client::new().get(server.url("/to/there")).await.unwrap();
        assert_eq!(response.status(), StatusCode::FOUND);
    });
}

#[test]
fn a_response_can_be_upgraded() {
    run(async || {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let service = tower::service_fn(async |mut request: Request<Incoming>| {
            let pending = upgrade::on(&mut request);
            let response = create_response(&request.map(|_| ())).unwrap();
            wakeful::spawn(async move {
                let stream = pending.await.unwrap();
                let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
                while let Some(Ok(message)) = socket.next().await {
                    let _ = socket.send(message).await;
                }
            });
            Ok::<_, Infallible>(response.map(|()| String::new()))
        });
        wakeful::spawn(serve(listener, service).into_future());
        let client = Client::builder().max_connections_per_host(1).build();
        // The connection of an upgrade does not count, so that there may be several.
        let mut sockets = Vec::new();
        for _ in 0..2 {
            let request = Request::get(format!("http://{addr}/"))
                .header("connection", "upgrade")
                .header("upgrade", "websocket")
                .header("sec-websocket-version", "13")
                .header("sec-websocket-key", generate_key());
            let request = request.body(String::new()).unwrap();
            let response = client.request(request).await.unwrap();
            assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
            let stream = upgrade::on(response).await.unwrap();
            sockets.push(WebSocketStream::from_raw_socket(stream, Role::Client, None).await);
        }
        for socket in &mut sockets {
            socket.send("hello".into()).await.unwrap();
            assert_eq!(
                socket.next().await.unwrap().unwrap(),
                Message::text("hello")
            );
        }
    });
}
