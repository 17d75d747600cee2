//! Which connections a client uses.

use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::{join, join_all};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper::{Request, Version};
use wakeful::net::UnixStream;
use wakeful::task::yield_now;
use wakeful::time::{Instant, sleep};
use wakeful_hyper::Client;

use crate::net::{is_pending, run};
use crate::{Server, get, text};

#[test]
fn requests_one_after_another_use_one_connection() {
    run(async || {
        for client in [Client::new(), Client::builder().http2_only().build()] {
            let server = Server::start().await;
            for n in 0..20 {
                let answer = get(&client, &server.url(&format!("/{n}"))).await;
                assert!(answer.starts_with(&format!("/{n} HTTP/")), "{answer}");
            }
            assert_eq!(server.connections.get(), 1);
        }
    });
}

#[test]
fn over_http2_requests_at_once_share_a_connection() {
    run(async || {
        let server = Server::start().await;
        let client = Client::builder().http2_only().build();
        let url = server.url("/slow");
        let all = join_all((0..50).map(|_| get(&client, &url)));
        let finish = async {
            server.until_begun(50).await;
            server.finish.add_permits(50);
        };
        let (answers, ()) = join(all, finish).await;
        assert!(answers.iter().all(|answer| answer == "slow"));
        assert_eq!(server.connections.get(), 1);
    });
}

#[test]
fn over_http1_there_are_at_most_as_many_connections_as_the_limit() {
    run(async || {
        let server = Server::start().await;
        let client = Client::builder().max_connections_per_host(3).build();
        let url = server.url("/slow");
        let all = join_all((0..12).map(|_| get(&client, &url)));
        let finish = async {
            server.until_begun(3).await;
            for _ in 0..100 {
                yield_now().await;
            }
            assert_eq!(server.begun.get(), 3, "the others wait");
            server.finish.add_permits(12);
        };
        join(all, finish).await;
        assert_eq!(server.begun.get(), 12);
        assert_eq!(server.connections.get(), 3);
    });
}

#[test]
fn a_request_that_is_dropped_while_it_waits_leaves_its_place_to_the_next() {
    run(async || {
        let server = Server::start().await;
        let client = Client::builder().max_connections_per_host(1).build();
        let url = server.url("/slow");
        let request = |client: &Client| {
            let (client, url) = (client.clone(), url.clone());
            wakeful::spawn(async move { get(&client, &url).await })
        };
        let first = request(&client);
        server.until_begun(1).await;
        let (second, third) = (request(&client), request(&client));
        yield_now().await;
        second.abort();
        server.finish.add_permits(2);
        assert_eq!(first.await.unwrap(), "slow");
        assert_eq!(third.await.unwrap(), "slow");
        assert_eq!((server.begun.get(), server.connections.get()), (2, 1));
    });
}

#[test]
fn a_request_that_is_dropped_is_cancelled_and_frees_its_connection() {
    run(async || {
        let server = Server::start().await;
        for client in [
            Client::builder().max_connections_per_host(1).build(),
            Client::builder().http2_only().build(),
        ] {
            let before = server.begun.get();
            let url = server.url("/slow");
            let other = client.clone();
            let task = wakeful::spawn(async move { other.get(&url).await.map(|_| ()) });
            server.until_begun(before + 1).await;
            task.abort();
            task.await.unwrap_err();
            get(&client, &server.url("/")).await;
        }
    });
}

#[test]
fn a_body_that_is_dropped_early_frees_its_connection() {
    run(async || {
        let server = Server::start().await;
        for client in [
            Client::builder().max_connections_per_host(1).build(),
            Client::builder().http2_only().build(),
        ] {
            for _ in 0..3 {
                let mut response = client.get(server.url("/big")).await.unwrap();
                response.body_mut().frame().await.unwrap().unwrap();
                drop(response);
                let answer = get(&client, &server.url("/after")).await;
                assert!(answer.starts_with("/after"), "{answer}");
            }
            assert_eq!(get(&client, &server.url("/big")).await.len(), 10_000_000);
        }
    });
}

#[test]
fn a_body_need_not_be_send_and_may_be_long() {
    run(async || {
        let server = Server::start().await;
        for client in [Client::new(), Client::builder().http2_only().build()] {
            let part = Rc::new(Bytes::from(vec![b'y'; 100_000]));
            let parts = futures_util::stream::iter(0..30)
                .map(move |_| Ok::<_, std::io::Error>(Frame::data(Bytes::clone(&part))));
            let request = Request::post(server.url("/echo")).body(StreamBody::new(parts));
            let response = client.request(request.unwrap()).await.unwrap();
            assert_eq!(text(response).await.len(), 3_000_000);
        }
    });
}

#[test]
fn the_version_and_the_host_follow_from_the_connection() {
    run(async || {
        let server = Server::start().await;
        let client = Client::new();
        let url = server
            .url("/host")
            .replace("http://", "http://user:secret@");
        assert_eq!(get(&client, &url).await, server.addr.to_string());
        // `tonic` asks for HTTP/2 whatever the connection speaks.
        let request = Request::post(server.url("/echo")).version(Version::HTTP_2);
        let request = request.body(Full::from("body")).unwrap();
        let response = client.request(request).await.unwrap();
        assert_eq!(response.version(), Version::HTTP_11);
        assert_eq!(text(response).await, "body");
    });
}

#[wakeful::test]
async fn hosts_whose_requests_fail_or_are_cancelled_are_forgotten() {
    let client = Client::builder()
        .connect_with(|uri| async move {
            if uri.path() == "/cancelled" {
                std::future::pending::<()>().await;
            }
            let (here, there) = UnixStream::pair()?;
            drop(there);
            Ok(here)
        })
        .build();
    for n in 0..500 {
        let request = client.get(format!("http://failed-{n}/"));
        request.await.unwrap_err();
        let mut request = pin!(client.get(format!("http://{n}.test/cancelled")));
        assert!(is_pending(request.as_mut()).await);
    }
    let text = format!("{client:?}");
    let hosts: usize = text
        .split_once("hosts: ")
        .unwrap()
        .1
        .split_once(',')
        .unwrap()
        .0
        .parse()
        .unwrap();
    assert!(hosts < 100, "{text}");
}

#[test]
fn close_idle_closes_what_is_not_in_use() {
    run(async || {
        let server = Server::start().await;
        for client in [Client::new(), Client::builder().http2_only().build()] {
            let before = server.connections.get();
            let mut response = client.get(server.url("/big")).await.unwrap();
            client.close_idle();
            response.body_mut().frame().await.unwrap().unwrap();
            drop(text(response).await);
            let idle = |n| format!("{client:?}").contains(&format!("idle_connections: {n}"));
            while !idle(1) {
                yield_now().await;
            }
            get(&client, &server.url("/")).await;
            assert_eq!(server.connections.get(), before + 1);
            while !idle(1) {
                yield_now().await;
            }
            client.close_idle();
            assert!(idle(0), "{client:?}");
            get(&client, &server.url("/")).await;
            assert_eq!(server.connections.get(), before + 2);
        }
    });
}

/// A client whose connections end in a service of hyper on a paused clock.
fn paired(
    builder: wakeful_hyper::ClientBuilder,
    ends: Rc<std::cell::RefCell<Vec<Instant>>>,
) -> Client {
    let connect = move |_| {
        let (here, there) = UnixStream::pair().unwrap();
        let ends = ends.clone();
        wakeful::spawn(async move {
            let service = hyper::service::service_fn(async |_| {
                Ok::<_, hyper::Error>(hyper::Response::new("yes".to_string()))
            });
            let builder =
                hyper_util::server::conn::auto::Builder::new(wakeful_hyper::Executor::new());
            let _ = builder
                .serve_connection(wakeful_hyper::Io::new(there), service)
                .await;
            ends.borrow_mut().push(Instant::now());
        });
        std::future::ready(Ok(here))
    };
    builder.connect_with(connect).build()
}

#[wakeful::test(start_paused = true)]
async fn idle_connections_are_closed_after_the_idle_timeout() {
    let limit = Duration::from_secs(20);
    for only_http2 in [false, true] {
        let ends = Rc::default();
        let mut builder = Client::builder().idle_timeout(limit);
        if only_http2 {
            builder = builder.http2_only();
        }
        let client = paired(builder, Rc::clone(&ends));
        let mut last = Instant::now();
        for _ in 0..3 {
            sleep(limit * 2 / 3).await;
            last = Instant::now();
            assert_eq!(get(&client, "http://test/").await, "yes");
        }
        assert_eq!(ends.borrow().len(), 0, "the connection was used again");
        sleep(limit * 10).await;
        let closed = ends.borrow()[0] - last;
        // The pool counts a stream of HTTP/2 as used until it looks the next time.
        assert!(closed >= limit && closed <= limit * 2, "{closed:?}");
        if !only_http2 {
            assert_eq!(closed, limit);
        }
        get(&client, "http://test/").await;
        assert_eq!(ends.borrow().len(), 1);
        // Dropping the client closes its idle connections at once.
        drop(client);
        while ends.borrow().len() < 2 {
            yield_now().await;
        }
    }
}

#[wakeful::test(start_paused = true)]
async fn without_an_idle_timeout_no_connection_is_used_twice() {
    let ends = Rc::default();
    let client = paired(
        Client::builder().idle_timeout(Duration::ZERO),
        Rc::clone(&ends),
    );
    for n in 0..3 {
        get(&client, "http://test/").await;
        while ends.borrow().len() <= n {
            yield_now().await;
        }
    }
}
