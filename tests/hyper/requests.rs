//! Requests and responses.

use std::cell::Cell;
use std::rc::Rc;

use futures_util::future::join_all;
use wakeful::task::yield_now;

use crate::common::{WAYS, Way, body_of, client, get, serve, text};
use crate::net::{run, tcp_pair};

#[test]
fn a_service_with_an_rc_answers_over_http1_and_http2() {
    run(async || {
        for way in WAYS {
            let (here, there) = tcp_pair().await;
            let count = Rc::new(Cell::new(0));
            let served = count.clone();
            let server = serve(way, there, move |request| {
                served.set(served.get() + 1);
                let answer = format!("{} {}", request.uri().path(), served.get());
                async move {
                    yield_now().await;
                    Ok(text(&answer))
                }
            });
            let (send, connection) = client(way, here).await;
            for i in 1..=3 {
                let response = send(get(way, "/path")).await.unwrap();
                assert_eq!(body_of(response).await, format!("/path {i}"), "{way:?}");
            }
            drop(send);
            connection.await.unwrap().unwrap();
            server.await.unwrap().unwrap();
            assert_eq!(count.get(), 3);
        }
    });
}

#[test]
fn many_streams_of_one_http2_connection_are_served_concurrently() {
    run(async || {
        let (here, there) = tcp_pair().await;
        // Each waits until all have arrived, so none could be answered alone.
        let arrived = Rc::new(Cell::new(0));
        let at_server = arrived.clone();
        serve(Way::Http2, there, move |request| {
            let arrived = at_server.clone();
            arrived.set(arrived.get() + 1);
            async move {
                while arrived.get() < 50 {
                    yield_now().await;
                }
                Ok(text(request.uri().path()))
            }
        });
        let (send, _connection) = client(Way::Http2, here).await;
        let answers = (0..50).map(|i| {
            let answer = send(get(Way::Http2, &format!("/{i}")));
            async move { body_of(answer.await.unwrap()).await }
        });
        for (i, body) in join_all(answers).await.into_iter().enumerate() {
            assert_eq!(body, format!("/{i}"));
        }
        assert_eq!(arrived.get(), 50);
    });
}
