//! Graceful shutdown.

use std::cell::Cell;
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use tower::service_fn;
use wakeful::net::TcpStream;
use wakeful::sync::{CancellationToken, Notify};
use wakeful::task::yield_now;
use wakeful_hyper::serve;

use crate::common::{body_of, client, get, text};
use crate::net::run;
use crate::{BOTH, Way, tcp};

/// A service whose answers to `/slow` wait for `finish`.
macro_rules! slow {
    ($begun:expr, $finish:expr) => {{
        let (begun, finish) = ($begun.clone(), $finish.clone());
        service_fn(move |request: Request<Incoming>| {
            let (begun, finish) = (begun.clone(), finish.clone());
            async move {
                if request.uri().path() == "/slow" {
                    begun.notify_one();
                    finish.cancelled().await;
                }
                Ok::<_, Infallible>(text("done"))
            }
        })
    }};
}

#[test]
fn a_request_is_answered_and_further_ones_are_refused() {
    run(async || {
        for way in BOTH {
            let (listener, addr) = tcp().await;
            let (begun, finish) = (Rc::new(Notify::new()), CancellationToken::new());
            let stop = CancellationToken::new();
            let server = serve(listener, slow!(begun, finish))
                .with_graceful_shutdown(stop.clone().cancelled_owned());
            let server = wakeful::spawn(server.into_future());
            let stream = TcpStream::connect(addr).await.unwrap();
            let (send, connection) = client(way, stream).await;
            let answer = wakeful::spawn(send(get(way, "/slow")));
            begun.notified().await;
            stop.cancel();
            // The listener is closed, while the request goes on.
            while TcpStream::connect(addr).await.is_ok() {
                yield_now().await;
            }
            assert!(!server.is_finished());
            if way == Way::Http2 {
                // After the `GOAWAY` the client sends no further request.
                while let Ok(again) = send(get(way, "/")).await {
                    body_of(again).await;
                    yield_now().await;
                }
            }
            finish.cancel();
            let answer = answer.await.unwrap().unwrap();
            assert_eq!(body_of(answer).await, "done");
            connection.await.unwrap().unwrap();
            server.await.unwrap().unwrap();
        }
    });
}

#[test]
fn idle_connections_are_closed() {
    run(async || {
        let (listener, addr) = tcp().await;
        let (begun, finish) = (Rc::new(Notify::new()), CancellationToken::new());
        let stop = CancellationToken::new();
        let errors = Rc::new(Cell::new(0));
        let count = errors.clone();
        let server = serve(listener, slow!(begun, finish))
            .on_error(move |_, _| count.set(count.get() + 1))
            .with_graceful_shutdown(stop.clone().cancelled_owned());
        let server = wakeful::spawn(server.into_future());
        // One without a byte, one within a head, and two between requests.
        let silent = TcpStream::connect(addr).await.unwrap();
        let mut connections = Vec::new();
        for way in BOTH {
            let stream = TcpStream::connect(addr).await.unwrap();
            let (send, connection) = client(way, stream).await;
            body_of(send(get(way, "/")).await.unwrap()).await;
            connections.push((send, connection));
        }
        stop.cancel();
        server.await.unwrap().unwrap();
        assert_eq!(silent.read(&mut [0]).await.unwrap(), 0);
        for (_send, connection) in connections {
            connection.await.unwrap().unwrap();
        }
        assert_eq!(errors.get(), 0);
    });
}

#[test]
fn the_shutdown_timeout_closes_the_connections_that_remain() {
    run(async || {
        for way in BOTH {
            let (listener, addr) = tcp().await;
            let (begun, finish) = (Rc::new(Notify::new()), CancellationToken::new());
            let stop = CancellationToken::new();
            let server = serve(listener, slow!(begun, finish))
                .with_graceful_shutdown(stop.clone().cancelled_owned())
                .shutdown_timeout(Duration::from_millis(20));
            let server = wakeful::spawn(server.into_future());
            let stream = TcpStream::connect(addr).await.unwrap();
            let (send, _connection) = client(way, stream).await;
            let answer = wakeful::spawn(send(get(way, "/slow")));
            begun.notified().await;
            stop.cancel();
            server.await.unwrap().unwrap();
            answer.await.unwrap().unwrap_err();
        }
    });
}

#[test]
fn connections_outlive_a_server_that_is_dropped() {
    run(async || {
        let (listener, addr) = tcp().await;
        let (begun, finish) = (Rc::new(Notify::new()), CancellationToken::new());
        let server = wakeful::spawn(serve(listener, slow!(begun, finish)).into_future());
        let stream = TcpStream::connect(addr).await.unwrap();
        let (send, _connection) = client(Way::Http1, stream).await;
        body_of(send(get(Way::Http1, "/")).await.unwrap()).await;
        server.abort();
        assert!(server.await.unwrap_err().is_cancelled());
        TcpStream::connect(addr).await.unwrap_err();
        let answer = send(get(Way::Http1, "/")).await.unwrap();
        assert_eq!(body_of(answer).await, "done");
    });
}
