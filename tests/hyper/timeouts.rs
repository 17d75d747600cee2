//! hyper's own timeouts, on a paused clock. Over Unix sockets, where bytes have arrived when the
//! send returns: the clock jumps as soon as no task is ready.

use std::future::pending;
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use wakeful::net::UnixStream;
use wakeful::time::{Instant, sleep};
use wakeful_hyper::{Executor, Io, Timer};

use crate::common::{Way, body_of, client, get, text};

/// hyper's default for the head of a request.
const HEAD: Duration = Duration::from_secs(30);

#[wakeful::test(start_paused = true)]
async fn a_head_that_never_ends_times_out() {
    let (here, there) = UnixStream::pair().unwrap();
    let begun = Instant::now();
    let server = wakeful::spawn(async move {
        let service = service_fn(async |_| Ok::<_, hyper::Error>(text("")));
        let mut builder = http1::Builder::new();
        builder.timer(Timer::new());
        builder.serve_connection(Io::new(there), service).await
    });
    here.write_all(b"GET / HTTP/1.1\r\nhost:").await.unwrap();
    let error = server.await.unwrap().unwrap_err();
    assert!(error.is_timeout(), "{error:?}");
    assert_eq!(begun.elapsed(), HEAD);
}

#[wakeful::test(start_paused = true)]
async fn each_request_has_its_own_time_for_the_head() {
    let (here, there) = UnixStream::pair().unwrap();
    let server = wakeful::spawn(async move {
        let service = service_fn(async |_| Ok::<_, hyper::Error>(text("yes")));
        let mut builder = http1::Builder::new();
        builder.timer(Timer::new()).header_read_timeout(HEAD);
        builder.serve_connection(Io::new(there), service).await
    });
    let mut last = Instant::now();
    for _ in 0..5 {
        sleep(HEAD * 2 / 3).await;
        last = Instant::now();
        here.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
            .await
            .unwrap();
        let mut buf = [0; 1000];
        let n = here.read(&mut buf).await.unwrap();
        assert!(buf[..n].ends_with(b"\r\n\r\nyes"));
    }
    // The connection that waits for the next request is closed in time, too.
    let _ = server.await.unwrap();
    assert_eq!(last.elapsed(), HEAD);
}

#[wakeful::test(start_paused = true)]
async fn an_http2_peer_that_answers_no_ping_is_disconnected() {
    let (here, there) = UnixStream::pair().unwrap();
    let begun = Instant::now();
    let server = wakeful::spawn(async move {
        let service = service_fn(async |_| Ok::<_, hyper::Error>(text("")));
        let mut builder = http2::Builder::new(Executor::new());
        builder
            .timer(Timer::new())
            .keep_alive_interval(Duration::from_secs(10))
            .keep_alive_timeout(Duration::from_secs(5));
        builder.serve_connection(Io::new(there), service).await
    });
    // The preface without settings: the server's frames are never answered.
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";
    here.write_all(preface).await.unwrap();
    let error = server.await.unwrap().unwrap_err();
    assert!(error.is_timeout(), "{error:?}");
    assert_eq!(begun.elapsed(), Duration::from_secs(15));
}

#[wakeful::test(start_paused = true)]
async fn an_http2_client_detects_a_silent_server() {
    let (here, there) = UnixStream::pair().unwrap();
    let begun = Instant::now();
    let mut builder = hyper::client::conn::http2::Builder::new(Executor::new());
    builder
        .timer(Timer::new())
        .keep_alive_interval(Duration::from_secs(10))
        .keep_alive_timeout(Duration::from_secs(5))
        .keep_alive_while_idle(true);
    let handshake = builder.handshake(Io::new(here)).await.unwrap();
    let (sender, connection) = handshake;
    let _request = sender.clone().send_request(get(Way::Http2, "/"));
    there
        .write_all(b"\x00\x00\x00\x04\x00\x00\x00\x00\x00")
        .await
        .unwrap();
    let error = connection.await.unwrap_err();
    assert!(error.is_timeout(), "{error:?}");
    assert_eq!(begun.elapsed(), Duration::from_secs(15));
}

#[wakeful::test(start_paused = true)]
async fn no_timeout_affects_a_slow_response() {
    for way in [Way::Http1, Way::Http2] {
        let (here, there) = UnixStream::pair().unwrap();
        crate::common::serve(way, there, async |_| {
            sleep(Duration::from_secs(3600)).await;
            Ok(text("at last"))
        });
        let (send, connection) = client(way, here).await;
        let response = send(get(way, "/")).await.unwrap();
        assert_eq!(body_of(response).await, "at last");
        connection.abort();
    }
    // A task that never ends does not keep the runtime from ending.
    wakeful::spawn(pending::<()>());
}
