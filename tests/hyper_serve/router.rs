//! axum's `Router`, with what needs tokio in `axum::serve`.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::Extension;
use axum::response::sse::{Event, Sse};
use axum::routing::any;
use futures_util::{Stream, StreamExt, stream};
use http_body_util::BodyExt;
use hyper::StatusCode;
use tower::ServiceExt;
use wakeful::net::TcpStream;
use wakeful::time::{Instant, sleep};
use wakeful_hyper::{ConnectInfo, KeepAlive, serve};

use crate::common::{self, Way, body_of, client};
use crate::net::run;
use crate::{BOTH, fetch, tcp};

#[test]
fn a_router_extracts_the_peers_address() {
    run(async || {
        let (listener, addr) = tcp().await;
        let router = Router::new()
            .route(
                "/ours",
                any(async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.to_string()),
            )
            .route(
                "/extension",
                any(async |Extension(info): Extension<ConnectInfo<SocketAddr>>| info.0.to_string()),
            );
        wakeful::spawn(serve(listener, router).into_future());
        for way in BOTH {
            for path in ["/ours", "/extension"] {
                let stream = TcpStream::connect(addr).await.unwrap();
                let ours = stream.local_addr().unwrap().to_string();
                let (send, _connection) = client(way, stream).await;
                let answer = send(common::get(way, path)).await.unwrap();
                assert_eq!(body_of(answer).await, ours);
            }
        }
    });
}

#[wakeful::test]
async fn without_our_server_the_extractor_says_what_to_do() {
    let router: Router = Router::new().route(
        "/",
        any(async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.to_string()),
    );
    let request = hyper::Request::get("/")
        .body(axum::body::Body::empty())
        .unwrap();
    let answer = router.oneshot(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    let text = String::from_utf8(body.to_vec()).unwrap();
    assert!(
        text.contains("serve it with `wakeful_hyper::serve`"),
        "{text}"
    );
}

#[test]
fn a_router_is_served_over_both_protocols() {
    run(async || {
        let (listener, addr) = tcp().await;
        let router = Router::new().fallback(async |request: axum::extract::Request| {
            format!("{} {:?}", request.uri().path(), request.version())
        });
        wakeful::spawn(serve(listener, router).into_future());
        assert_eq!(fetch(Way::Http1, addr, "/a").await, "/a HTTP/1.1");
        assert_eq!(fetch(Way::Http2, addr, "/b").await, "/b HTTP/2.0");
    });
}

fn comment() -> Result<Event, Infallible> {
    Ok(Event::default().comment("alive"))
}

async fn events() -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let events = stream::iter([Ok(Event::default().data("one"))]).chain(stream::pending());
    Sse::new(KeepAlive::new(events, Duration::from_millis(5), comment))
}

#[test]
fn a_silent_stream_of_events_is_kept_alive() {
    run(async || {
        let (listener, addr) = tcp().await;
        let router = Router::new().route("/", any(events));
        wakeful::spawn(serve(listener, router).into_future());
        for way in BOTH {
            let stream = TcpStream::connect(addr).await.unwrap();
            let (send, _connection) = client(way, stream).await;
            let mut answer = send(common::get(way, "/")).await.unwrap();
            let mut text = String::new();
            while text.len() < 40 {
                let frame = answer.body_mut().frame().await.unwrap().unwrap();
                text += std::str::from_utf8(frame.data_ref().unwrap()).unwrap();
            }
            assert!(
                text.starts_with("data: one\n\n: alive\n\n: alive\n\n"),
                "{text:?}"
            );
        }
    });
}

#[wakeful::test(start_paused = true)]
async fn extra_items_come_only_after_silence() {
    let second = Duration::from_secs(1);
    let begun = Instant::now();
    // Items after 1, 2, 3 and 9 seconds.
    let items = stream::iter([1, 2, 3, 9]).then(async |n: u32| {
        wakeful::time::sleep_until(begun_at(begun, n)).await;
        n
    });
    let mut alive = Box::pin(KeepAlive::new(items, second * 2, || 0));
    let mut seen = Vec::new();
    while let Some(item) = alive.next().await {
        seen.push((begun.elapsed().as_secs(), item));
    }
    let expected = [(1, 1), (2, 2), (3, 3), (5, 0), (7, 0), (9, 9)];
    assert_eq!(seen, expected);
    // The end is the end, also after more time.
    sleep(second * 5).await;
    assert_eq!(alive.next().await, None);
}

fn begun_at(begun: Instant, seconds: u32) -> Instant {
    begun + Duration::from_secs(seconds.into())
}
