//! Bodies: large ones, and those that are cut off.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use futures_util::{AsyncReadExt, stream};
use http_body_util::{BodyExt, StreamBody};
use hyper::Response;
use hyper::body::Frame;

use crate::common::{WAYS, Way, body_of, client, full, request, serve, text};
use crate::net::{pattern, run, tcp_pair};

const LARGE: usize = 8 << 20;

#[test]
fn a_large_body_is_echoed_unchanged() {
    run(async || {
        let sent = Bytes::from(pattern(LARGE));
        for way in WAYS {
            let (here, there) = tcp_pair().await;
            serve(way, there, async |request| {
                Ok(Response::new(Box::pin(request.into_body()) as _))
            });
            let (send, _connection) = client(way, here).await;
            let pieces: Vec<_> = sent.chunks(100_000).map(Bytes::copy_from_slice).collect();
            let pieces = stream::iter(pieces.into_iter().map(|piece| Ok(Frame::data(piece))));
            for body in [full(sent.clone()), Box::pin(StreamBody::new(pieces))] {
                let response = send(request(way, "/", body)).await.unwrap();
                let back = body_of(response).await;
                assert!(back == sent, "other bytes come back, over {way:?}");
            }
        }
    });
}

#[test]
fn a_client_that_closes_within_its_body_ends_only_its_connection() {
    run(async || {
        let seen = Rc::new(RefCell::new(Vec::new()));
        let mut ends = Vec::new();
        for leaves in [true, false] {
            let (here, there) = tcp_pair().await;
            let seen = seen.clone();
            let server = serve(Way::Http1, there, move |request| {
                let seen = seen.clone();
                async move {
                    let body = request.into_body().collect().await;
                    let complete = body.is_ok();
                    seen.borrow_mut().push(complete);
                    body.map(|_| text("complete"))
                }
            });
            let part: &[u8] = b"POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 10\r\n\r\n12345";
            here.write_all(part).await.unwrap();
            ends.push((
                server,
                leaves.then(|| here.shutdown(std::net::Shutdown::Both)),
                here,
            ));
        }
        let (other, _, here) = ends.pop().unwrap();
        let (gone, ..) = ends.pop().unwrap();
        assert!(gone.await.unwrap().is_err(), "a broken request is an error");
        // The other connection continues.
        here.write_all(b"67890").await.unwrap();
        let mut answer = String::new();
        (&here).read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("\r\n\r\ncomplete"), "{answer}");
        other.await.unwrap().unwrap();
        assert_eq!(*seen.borrow(), [false, true]);
    });
}

#[test]
fn a_server_that_closes_within_its_body_is_an_error_for_the_client() {
    run(async || {
        for way in [Way::Http1, Way::Http2] {
            let (here, there) = tcp_pair().await;
            let server = serve(way, there, async |_| {
                let first = Ok(Frame::data(Bytes::from_static(b"some")));
                let never = stream::once(async { first });
                let never = futures_util::StreamExt::chain(never, stream::pending());
                Ok(Response::new(Box::pin(StreamBody::new(never)) as _))
            });
            let (send, _connection) = client(way, here).await;
            let response = send(request(way, "/", full(""))).await.unwrap();
            let mut body = response.into_body();
            let first = body.frame().await.unwrap().unwrap();
            assert_eq!(first.into_data().unwrap(), "some");
            server.abort();
            assert!(body.frame().await.unwrap().is_err(), "{way:?}");
        }
    });
}
