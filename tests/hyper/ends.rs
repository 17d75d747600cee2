//! The end of connections: graceful shutdown, upgrade, end of the runtime.

use std::cell::Cell;
use std::future::{pending, ready};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;

use futures_util::AsyncReadExt;
use futures_util::future::{Either, poll_fn, select};
use hyper::header::{CONNECTION, UPGRADE};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use wakeful::Runtime;
use wakeful::net::TcpStream;
use wakeful::task::yield_now;
use wakeful_hyper::{Executor, Io, Timer};

use crate::common::{Way, body_of, client, full, get, serve, text};
use crate::net::{run, tcp_pair};
use crate::support::Ledger;

/// A flag that a task waits for.
#[derive(Clone, Default)]
struct Flag(Rc<Cell<bool>>);

impl Flag {
    fn set(&self) {
        self.0.set(true);
    }

    async fn wait(&self) {
        while !self.0.get() {
            yield_now().await;
        }
    }
}

/// Polls a connection. When `stop` is set, shuts it down gracefully.
async fn until_stopped<C>(connection: C, stop: Flag, tell: fn(Pin<&mut C>)) -> hyper::Result<()>
where
    C: Future<Output = hyper::Result<()>>,
{
    let mut connection = pin!(connection);
    match select(connection.as_mut(), pin!(stop.wait())).await {
        Either::Left((result, _)) => return result,
        Either::Right(_) => {}
    }
    tell(connection.as_mut());
    connection.await
}

#[test]
fn a_graceful_shutdown_finishes_the_request_under_way_and_accepts_no_other() {
    run(async || {
        for way in [Way::Http1, Way::Http2] {
            let (here, there) = tcp_pair().await;
            let (arrived, go_on, stop) = (Flag::default(), Flag::default(), Flag::default());
            let (at_server, gate) = (arrived.clone(), go_on.clone());
            let service = service_fn(move |_| {
                let (arrived, gate) = (at_server.clone(), gate.clone());
                async move {
                    arrived.set();
                    gate.wait().await;
                    Ok::<_, hyper::Error>(text("finished"))
                }
            });
            let told = stop.clone();
            let server = wakeful::spawn(async move {
                let io = Io::new(there);
                match way {
                    Way::Http1 => {
                        let connection = http1::Builder::new().serve_connection(io, service);
                        until_stopped(connection, told, |c| c.graceful_shutdown()).await
                    }
                    _ => {
                        let builder = http2::Builder::new(Executor::new());
                        let connection = builder.serve_connection(io, service);
                        until_stopped(connection, told, |c| c.graceful_shutdown()).await
                    }
                }
            });
            let (send, connection) = client(way, here).await;
            let response = wakeful::spawn(send(get(way, "/")));
            arrived.wait().await;
            stop.set();
            for _ in 0..10 {
                yield_now().await;
            }
            assert!(
                !server.is_finished(),
                "the request is not done yet, {way:?}"
            );
            go_on.set();
            let response = response.await.unwrap().unwrap();
            assert_eq!(body_of(response).await, "finished");
            server.await.unwrap().unwrap();
            connection.await.unwrap().unwrap();
            assert!(send(get(way, "/")).await.is_err(), "{way:?}");
        }
    });
}

/// A client that requests an upgrade, at once sends more bytes, and uses the new protocol.
async fn upgrade(stream: TcpStream) -> Vec<u8> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(Io::new(stream))
        .await
        .unwrap();
    let connection = wakeful::spawn(connection.without_shutdown());
    let request = Request::get("/")
        .header("host", "a")
        .header(CONNECTION, "upgrade")
        .header(UPGRADE, "echo");
    let request = request.body(full("")).unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    let parts = connection.await.unwrap().unwrap();
    let mut bytes = parts.read_buf.to_vec();
    let stream = parts.io.into_inner();
    stream.write_all(b"hello").await.unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    (&stream).read_to_end(&mut bytes).await.unwrap();
    bytes
}

#[test]
fn a_socket_that_is_not_send_is_taken_out_for_an_upgrade() {
    run(async || {
        let (here, there) = tcp_pair().await;
        let server = wakeful::spawn(async move {
            let service = service_fn(|request: Request<_>| {
                assert_eq!(request.headers()[UPGRADE], "echo");
                let response = Response::builder()
                    .status(StatusCode::SWITCHING_PROTOCOLS)
                    .header(CONNECTION, "upgrade")
                    .header(UPGRADE, "echo");
                // To poll the connection directly its responses have to be `Unpin`.
                ready(Ok::<_, hyper::Error>(response.body(full("")).unwrap()))
            });
            let mut builder = http1::Builder::new();
            builder.timer(Timer::new());
            let mut connection = builder.serve_connection(Io::new(there), service);
            poll_fn(|cx| connection.poll_without_shutdown(cx))
                .await
                .unwrap();
            let parts = connection.into_parts();
            let stream = parts.io.into_inner();
            stream.write_all(b"welcome ").await.unwrap();
            stream.write_all(&parts.read_buf).await.unwrap();
            let mut rest = Vec::new();
            (&stream).read_to_end(&mut rest).await.unwrap();
            stream.write_all(&rest).await.unwrap();
        });
        assert_eq!(upgrade(here).await, b"welcome hello");
        server.await.unwrap();
    });
}

#[test]
fn the_end_of_the_runtime_drops_requests_under_way_on_its_thread() {
    let ledger = Ledger::new();
    for way in [Way::Http1, Way::Http2, Way::Auto2] {
        let runtime = Runtime::new().unwrap();
        runtime.block_on(async {
            let (here, there) = tcp_pair().await;
            let arrived = Flag::default();
            let (guards, at_server) = (ledger.clone(), arrived.clone());
            serve(way, there, move |_| {
                let guard = guards.guard();
                at_server.set();
                async move {
                    let _guard = guard;
                    pending().await
                }
            });
            let (send, _connection) = client(way, here).await;
            wakeful::spawn(send(get(way, "/")));
            arrived.wait().await;
        });
        drop(runtime);
    }
    ledger.assert_all_dropped(3);
}

#[test]
fn a_client_that_drops_a_request_of_http2_ends_it_and_not_the_connection() {
    run(async || {
        let (here, there) = tcp_pair().await;
        let ledger = Ledger::new();
        let (guards, arrived) = (ledger.clone(), Flag::default());
        let at_server = arrived.clone();
        serve(Way::Http2, there, move |request| {
            let guard = guards.guard();
            let arrived = at_server.clone();
            async move {
                let _guard = guard;
                if request.uri().path() == "/slow" {
                    arrived.set();
                    pending::<()>().await;
                }
                Ok(text("quick"))
            }
        });
        let (send, _connection) = client(Way::Http2, here).await;
        let mut slow = send(get(Way::Http2, "/slow"));
        let polled = poll_fn(|cx| Poll::Ready(slow.as_mut().poll(cx))).await;
        assert!(polled.is_pending());
        arrived.wait().await;
        drop(slow);
        while ledger.dropped() == 0 {
            yield_now().await;
        }
        let response = send(get(Way::Http2, "/")).await.unwrap();
        assert_eq!(body_of(response).await, "quick");
        ledger.assert_all_dropped(2);
    });
}
