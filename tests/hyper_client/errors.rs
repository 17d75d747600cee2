//! Errors and timeouts.

use std::future::pending;
use std::io;
use std::time::Duration;

use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use hyper::{Method, Request};
use wakeful::net::{TcpListener, UnixStream};
use wakeful::time::Instant;
use wakeful_hyper::{Client, ErrorKind};

use crate::Server;
use crate::net::run;

#[test]
fn an_error_names_the_method_and_the_url_without_the_password() {
    run(async || {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        drop(listener);
        let client = Client::new();
        let url = format!("http://ada:secret@{addr}/a?b=1");
        let error = client.get(&url).await.unwrap_err();
        let expected = format!("GET http://{addr}/a?b=1: cannot connect: ");
        assert!(error.to_string().starts_with(&expected), "{error}");
        assert_eq!(error.kind(), ErrorKind::Connect);
        assert!(error.is_unsent());
        let cause = error.get_ref().unwrap().downcast_ref::<io::Error>();
        assert_eq!(cause.unwrap().kind(), io::ErrorKind::ConnectionRefused);
    });
}

#[wakeful::test]
async fn a_request_that_this_client_cannot_send_is_refused() {
    let client = Client::new();
    let cases = [
        ("ftp://a/", "the URL must begin with http:// or https://"),
        ("/path", "the URL must begin with http:// or https://"),
        ("http://a b/", "invalid uri character"),
        ("https://a/", "https needs certificates to trust"),
    ];
    for (url, text) in cases {
        let error = client.get(url).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Request, "{url}");
        assert!(
            error.to_string().starts_with(&format!("GET {url}: {text}")),
            "{error}"
        );
    }
    let mut request = Request::new(String::new());
    *request.method_mut() = Method::CONNECT;
    *request.uri_mut() = "http://a/".parse().unwrap();
    let error = client.request(request).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("make the tunnel in `connect_with`"),
        "{error}"
    );
}

#[wakeful::test(start_paused = true)]
async fn a_connect_ends_with_the_connect_timeout() {
    let limit = Duration::from_secs(3);
    for builder in [Client::builder(), Client::builder().http2_only()] {
        let client = builder
            .connect_timeout(limit)
            .connect_with(|_| pending::<io::Result<UnixStream>>())
            .build();
        let begun = Instant::now();
        // Requests to one host wait for the same time each, not for each other.
        let requests = (0..5).map(|_| client.get("http://test/"));
        for answer in futures_util::future::join_all(requests).await {
            let error = answer.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectTimeout);
            assert!(error.is_timeout() && error.is_unsent());
        }
        assert!(begun.elapsed() <= limit * 2, "{:?}", begun.elapsed());
    }
}

#[test]
fn the_timeout_covers_the_wait_for_the_head_and_the_body() {
    run(async || {
        let server = Server::start().await;
        let limit = Duration::from_millis(30);
        let client = Client::builder().timeout(limit).build();
        let error = client.get(server.url("/slow")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        let text = "/slow: the response did not end within the timeout";
        assert!(error.to_string().ends_with(text), "{error}");
    });
}

#[wakeful::test(start_paused = true)]
async fn a_body_that_takes_too_long_is_an_error() {
    let limit = Duration::from_secs(3);
    let client = Client::builder().timeout(limit).connect_with(|_| {
        let (here, there) = UnixStream::pair().unwrap();
        wakeful::spawn(async move {
            let head = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nyes";
            there.write_all(head).await.unwrap();
            there.read(&mut [0; 1000]).await.unwrap();
            pending::<()>().await;
        });
        std::future::ready(Ok(here))
    });
    let begun = Instant::now();
    let mut response = client.build().get("http://test/").await.unwrap();
    let body = response.body_mut();
    assert_eq!(
        body.frame().await.unwrap().unwrap().into_data().unwrap(),
        "yes"
    );
    let error = body.frame().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(begun.elapsed(), limit);
    assert!(body.frame().await.is_none());
}

#[wakeful::test(start_paused = true)]
async fn a_body_that_never_ends_is_an_error_after_the_timeout() {
    let limit = Duration::from_secs(3);
    let client = Client::builder().timeout(limit).connect_with(|_| {
        let (here, there) = UnixStream::pair().unwrap();
        wakeful::spawn(async move {
            there.read(&mut [0; 1000]).await.unwrap();
            let head = b"HTTP/1.1 200 OK\r\n\r\n";
            there.write_all(head).await.unwrap();
            while there.write_all(&[b'x'; 10_000]).await.is_ok() {}
        });
        std::future::ready(Ok(here))
    });
    let begun = Instant::now();
    let mut response = client.build().get("http://test/").await.unwrap();
    // The next part is always there before it is asked for.
    let error = loop {
        wakeful::time::sleep(Duration::from_millis(100)).await;
        assert!(begun.elapsed() < limit * 2, "the timeout has no effect");
        if let Err(error) = response.body_mut().frame().await.unwrap() {
            break error;
        }
    };
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(begun.elapsed(), limit);
}

#[test]
fn an_error_of_the_requests_body_is_reported() {
    run(async || {
        let server = Server::start().await;
        for client in [Client::new(), Client::builder().http2_only().build()] {
            let parts: [io::Result<Frame<bytes::Bytes>>; 1] = [Err(io::Error::other("no more"))];
            let body = StreamBody::new(futures_util::stream::iter(parts));
            let request = Request::post(server.url("/echo")).body(body).unwrap();
            let error = client.request(request).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Exchange);
        }
    });
}

#[test]
#[should_panic = "max_connections_per_host(0) would send no request: give at least 1"]
fn a_limit_of_no_connections_is_refused() {
    let _ = Client::builder().max_connections_per_host(0);
}
