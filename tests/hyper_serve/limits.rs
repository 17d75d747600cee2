//! Limits, timeouts and errors of a server.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use futures_util::AsyncReadExt;
use hyper::Request;
use hyper::body::Incoming;
use tower::service_fn;
use wakeful::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use wakeful::sync::{CancellationToken, mpsc};
use wakeful::time::{Instant, timeout};
use wakeful_hyper::{Listener, serve};

use crate::common::{body_of, client, get, text};
use crate::net::run;
use crate::{Way, fetch, tcp};

#[test]
fn clients_beyond_the_limit_of_connections_wait() {
    run(async || {
        let (listener, addr) = tcp().await;
        let open = Rc::new(Cell::new(0));
        let service = service_fn(async |_: Request<Incoming>| Ok::<_, Infallible>(text("yes")));
        wakeful::spawn(serve(listener, service).max_connections(2).into_future());
        let mut firsts = Vec::new();
        for _ in 0..2 {
            let stream = TcpStream::connect(addr).await.unwrap();
            let (send, connection) = client(Way::Http1, stream).await;
            body_of(send(get(Way::Http1, "/")).await.unwrap()).await;
            firsts.push((send, connection));
        }
        let third = wakeful::spawn({
            let open = open.clone();
            async move {
                let answer = fetch(Way::Http1, addr, "/").await;
                assert_eq!(
                    open.get(),
                    1,
                    "it was served while two connections were open"
                );
                answer
            }
        });
        // Both connections go on, while the third waits.
        for (send, _) in &firsts {
            body_of(send(get(Way::Http1, "/")).await.unwrap()).await;
        }
        assert!(!third.is_finished());
        open.set(1);
        let (send, connection) = firsts.pop().unwrap();
        drop(send);
        connection.await.unwrap().unwrap();
        assert_eq!(third.await.unwrap(), "yes");
    });
}

#[test]
#[should_panic = "max_connections(0) serves no client: give at least 1"]
fn a_limit_of_no_connections_is_refused() {
    wakeful::block_on(async {
        let (listener, _) = tcp().await;
        let _ = serve(listener, ()).max_connections(0);
    });
}

/// Listener with the ends of socket pairs. On a paused clock a connection must not arrive through
/// the network.
struct Pairs(mpsc::Receiver<io::Result<UnixStream>>);

impl Listener for Pairs {
    type Io = UnixStream;
    type Addr = &'static str;
    type Handshake = Ready<io::Result<UnixStream>>;

    async fn accept(&mut self) -> io::Result<(Self::Handshake, &'static str)> {
        let next = self.0.recv().await;
        let stream = next.unwrap_or_else(|| Err(io::Error::other("no more pairs")))?;
        Ok((ready(Ok(stream)), "the other end"))
    }

    fn local_addr(&self) -> io::Result<&'static str> {
        Ok("this end")
    }
}

#[wakeful::test(start_paused = true)]
async fn a_client_without_a_request_is_disconnected_in_time() {
    let limit = Duration::from_secs(7);
    // Nothing, a part of a head, the preface of HTTP/2, and the whole of it without a request.
    let preface = &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"[..];
    for bytes in [
        &b""[..],
        b"GET / HTTP/1.1\r\nhost:",
        &preface[..10],
        preface,
    ] {
        let (sender, receiver) = mpsc::channel(1);
        let service = service_fn(async |_: Request<Incoming>| Ok::<_, Infallible>(text("")));
        let errors = Rc::new(RefCell::new(Vec::new()));
        let server = serve(Pairs(receiver), service)
            .header_timeout(limit)
            .on_error({
                let errors = errors.clone();
                move |peer, error| errors.borrow_mut().push(format!("{peer}: {error}"))
            });
        let server = wakeful::spawn(server.into_future());
        let (mut here, there) = UnixStream::pair().unwrap();
        let begun = Instant::now();
        here.write_all(bytes).await.unwrap();
        sender.send(Ok(there)).await.unwrap();
        let mut rest = Vec::new();
        here.read_to_end(&mut rest).await.unwrap();
        assert_eq!(begun.elapsed(), limit, "{bytes:?}");
        wakeful::task::yield_now().await;
        let errors = errors.borrow();
        assert!(errors[0].starts_with("the other end: "), "{errors:?}");
        assert_eq!(errors.len(), 1);
        server.abort();
    }
}

#[wakeful::test(start_paused = true)]
async fn after_a_request_the_header_timeout_is_that_of_an_idle_connection() {
    let limit = Duration::from_secs(7);
    let (sender, receiver) = mpsc::channel(1);
    let service = service_fn(async |_: Request<Incoming>| Ok::<_, Infallible>(text("yes")));
    wakeful::spawn(
        serve(Pairs(receiver), service)
            .header_timeout(limit)
            .into_future(),
    );
    let (here, there) = UnixStream::pair().unwrap();
    sender.send(Ok(there)).await.unwrap();
    let (send, connection) = client(Way::Http1, here).await;
    let mut last = Instant::now();
    for _ in 0..4 {
        wakeful::time::sleep(limit * 2 / 3).await;
        last = Instant::now();
        body_of(send(get(Way::Http1, "/")).await.unwrap()).await;
    }
    connection.await.unwrap().unwrap();
    assert_eq!(last.elapsed(), limit);
}

#[wakeful::test(start_paused = true)]
async fn a_lack_of_memory_is_waited_for_and_other_errors_end_the_server() {
    let (sender, receiver) = mpsc::channel(10);
    let service = service_fn(async |_: Request<Incoming>| Ok::<_, Infallible>(text("yes")));
    let server = wakeful::spawn(serve(Pairs(receiver), service).into_future());
    let begun = Instant::now();
    for kind in [io::ErrorKind::OutOfMemory, io::ErrorKind::StorageFull] {
        sender.send(Err(kind.into())).await.unwrap();
    }
    let (here, there) = UnixStream::pair().unwrap();
    sender.send(Ok(there)).await.unwrap();
    let (send, _connection) = client(Way::Http1, here).await;
    body_of(send(get(Way::Http1, "/")).await.unwrap()).await;
    assert_eq!(begun.elapsed(), Duration::from_millis(200));
    drop(sender);
    let error = server.await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "no more pairs");
}

#[wakeful::test]
async fn a_request_that_arrived_with_its_connection_is_answered_at_a_shutdown() {
    let (sender, receiver) = mpsc::channel(1);
    let service = service_fn(async |_: Request<Incoming>| Ok::<_, Infallible>(text("yes")));
    let stop = CancellationToken::new();
    let server = serve(Pairs(receiver), service);
    let server = server.with_graceful_shutdown(stop.clone().cancelled_owned());
    let server = wakeful::spawn(server.into_future());
    let (mut here, there) = UnixStream::pair().unwrap();
    let request = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";
    here.write_all(request).await.unwrap();
    // The server accepts it in the same poll in which it sees the signal.
    sender.send(Ok(there)).await.unwrap();
    stop.cancel();
    let mut answer = String::new();
    here.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("\r\n\r\nyes"), "{answer}");
    server.await.unwrap().unwrap();
}

/// Listener whose first handshake never ends, and whose second fails.
struct SlowHandshakes(TcpListener, usize);

impl Listener for SlowHandshakes {
    type Io = TcpStream;
    type Addr = SocketAddr;
    type Handshake = std::pin::Pin<Box<dyn Future<Output = io::Result<TcpStream>>>>;

    async fn accept(&mut self) -> io::Result<(Self::Handshake, SocketAddr)> {
        let (stream, peer) = self.0.accept().await?;
        self.1 += 1;
        let turn = self.1;
        let handshake = Box::pin(async move {
            match turn {
                1 => std::future::pending().await,
                2 => Err(io::Error::other("no handshake")),
                _ => Ok(stream),
            }
        });
        Ok((handshake, peer))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

#[test]
fn a_handshake_delays_no_other_client() {
    run(async || {
        let (listener, addr) = tcp().await;
        let service = service_fn(async |_: Request<Incoming>| Ok::<_, Infallible>(text("yes")));
        let errors = Rc::new(RefCell::new(Vec::new()));
        let server = serve(SlowHandshakes(listener, 0), service).on_error({
            let errors = errors.clone();
            move |_, error| errors.borrow_mut().push(error.to_string())
        });
        wakeful::spawn(server.into_future());
        let _first = TcpStream::connect(addr).await.unwrap();
        let second = TcpStream::connect(addr).await.unwrap();
        assert_eq!(second.read(&mut [0]).await.unwrap(), 0);
        assert_eq!(fetch(Way::Http1, addr, "/").await, "yes");
        assert_eq!(*errors.borrow(), ["no handshake"]);
    });
}

#[test]
fn dropping_the_server_closes_the_listener() {
    run(async || {
        let path = std::env::temp_dir().join(format!("wakeful-serve-drop-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path).unwrap();
        let service = service_fn(async |_: Request<Incoming>| Ok::<_, Infallible>(text("yes")));
        let server = serve(listener, service).into_future();
        timeout(Duration::ZERO, server).await.unwrap_err();
        let refused = UnixStream::connect(&path).await;
        std::fs::remove_file(&path).unwrap();
        refused.unwrap_err();
    });
}

#[test]
fn the_longest_header_timeout_is_accepted() {
    run(async || {
        let (listener, addr) = tcp().await;
        let service = service_fn(async |_: Request<Incoming>| Ok::<_, Infallible>(text("yes")));
        let server = serve(listener, service).header_timeout(Duration::MAX);
        wakeful::spawn(server.into_future());
        assert_eq!(fetch(Way::Http1, addr, "/").await, "yes");
        assert_eq!(fetch(Way::Http2, addr, "/").await, "yes");
    });
}
