//! Connections that the server closes.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::{Future, IntoFuture};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use http_body_util::{Full, StreamBody};
use hyper::Request;
use hyper::body::Frame;
use wakeful::net::UnixStream;
use wakeful::sync::{CancellationToken, Notify};
use wakeful_hyper::{Client, ErrorKind};

use crate::net::run;
use crate::text;

/// What a connection of the blocking server does, request by request.
#[derive(Clone, Copy)]
enum Step {
    Answer,
    /// Reads a request and closes the connection without an answer.
    Close,
    /// Answers with a body that ends too early.
    Break,
}

/// Starts a thread that serves one connection after another by these steps. It returns the number
/// of requests.
fn server(connections: &'static [&'static [Step]]) -> (SocketAddr, thread::JoinHandle<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let thread = thread::spawn(move || {
        let mut requests = 0;
        for steps in connections {
            let (mut stream, _) = listener.accept().unwrap();
            for step in *steps {
                let mut seen = Vec::new();
                let mut buf = [0; 1000];
                // Each request ends with this, in its head or in its body.
                while !seen.ends_with(b"\r\n\r\n") {
                    match stream.read(&mut buf).unwrap_or(0) {
                        0 => return requests,
                        n => seen.extend(&buf[..n]),
                    }
                }
                requests += 1;
                let answer = match step {
                    Step::Answer => "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nyes",
                    Step::Break => "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nyes",
                    Step::Close => "",
                };
                stream.write_all(answer.as_bytes()).unwrap();
                if !matches!(step, Step::Answer) {
                    break;
                }
            }
        }
        requests
    });
    (addr, thread)
}

#[wakeful::test(start_paused = true)]
async fn a_connection_that_was_closed_while_idle_is_replaced() {
    let connections = Rc::new(Cell::new(0));
    let count = connections.clone();
    let connect = move |_| {
        count.set(count.get() + 1);
        let (here, there) = UnixStream::pair().unwrap();
        wakeful::spawn(async move {
            let mut seen = Vec::new();
            while !seen.ends_with(b"\r\n\r\nbody") {
                let mut buf = [0; 1000];
                let n = there.read(&mut buf).await.unwrap();
                seen.extend(&buf[..n]);
            }
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nyes";
            there.write_all(answer).await.unwrap();
            wakeful::time::sleep(Duration::from_secs(1)).await;
        });
        std::future::ready(Ok(here))
    };
    let client = Client::builder().connect_with(connect).build();
    for n in 1..=3 {
        // With a body, which can't be sent twice.
        let request = Request::post("http://test/").body(Full::from("body"));
        let response = client.request(request.unwrap()).await.unwrap();
        assert_eq!(text(response).await, "yes");
        assert_eq!(connections.get(), n);
        wakeful::time::sleep(Duration::from_secs(2)).await;
    }
}

#[test]
fn a_get_is_repeated_if_the_connection_ends_without_an_answer() {
    use Step::{Answer, Close};
    run(async || {
        let (addr, thread) = server(&[&[Answer, Close], &[Answer]]);
        let client = Client::new();
        for _ in 0..2 {
            let response = client.get(format!("http://{addr}/")).await.unwrap();
            assert_eq!(text(response).await, "yes");
        }
        assert_eq!(thread.join().unwrap(), 3);
    });
}

#[test]
fn a_post_is_not_repeated_once_it_may_have_arrived() {
    use Step::{Answer, Close};
    run(async || {
        let (addr, thread) = server(&[&[Answer, Close]]);
        let client = Client::new();
        let post = || {
            let request = Request::post(format!("http://{addr}/"));
            client.request(request.body(Full::from("body\r\n\r\n")).unwrap())
        };
        assert_eq!(text(post().await.unwrap()).await, "yes");
        let error = post().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Exchange);
        assert!(!error.is_unsent());
        assert_eq!(thread.join().unwrap(), 2);
    });
}

#[test]
fn a_request_that_fails_on_a_new_connection_is_not_repeated() {
    run(async || {
        let (addr, thread) = server(&[&[Step::Close]]);
        let error = Client::new()
            .get(format!("http://{addr}/"))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Exchange);
        assert!(
            error
                .to_string()
                .starts_with(&format!("GET http://{addr}/: no response: "))
        );
        assert_eq!(thread.join().unwrap(), 1);
    });
}

#[test]
fn an_answer_before_the_end_of_the_request_is_not_lost() {
    run(async || {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        // The server answers after the head, in the middle of a poll of the body: so the connection
        // is closed when the part is written, and the client has not yet noticed the answer.
        let mut polls = 0;
        let upload = Rc::new(());
        let is_uploading = Rc::downgrade(&upload);
        let body = futures_util::stream::poll_fn(move |cx| {
            let _upload = &upload;
            polls += 1;
            match polls {
                1 => {
                    cx.waker().wake_by_ref();
                    return std::task::Poll::Pending;
                }
                2 => {
                    let (mut stream, _) = listener.accept().unwrap();
                    stream.read_exact(&mut [0]).unwrap();
                    let answer = "HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nbig";
                    stream.write_all(answer.as_bytes()).unwrap();
                }
                _ => {}
            }
            let part = Frame::data(bytes::Bytes::from(vec![b'x'; 1000]));
            std::task::Poll::Ready(Some(Ok::<_, Infallible>(part)))
        });
        let request = Request::post(format!("http://{addr}/")).body(StreamBody::new(body));
        let response = Client::new().request(request.unwrap()).await.unwrap();
        assert_eq!(response.status(), 413);
        assert_eq!(text(response).await, "big");
        // The rest of the body, which has no end, is not read for long.
        while is_uploading.strong_count() > 0 {
            wakeful::task::yield_now().await;
        }
    });
}

#[test]
fn a_body_that_ends_too_early_is_an_error() {
    use http_body_util::BodyExt;
    run(async || {
        let (addr, thread) = server(&[&[Step::Break]]);
        let mut response = Client::new().get(format!("http://{addr}/a")).await.unwrap();
        let body = response.body_mut();
        assert_eq!(
            body.frame().await.unwrap().unwrap().into_data().unwrap(),
            "yes"
        );
        let error = body.frame().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Body);
        let text = format!("GET http://{addr}/a: the response is not complete: ");
        assert!(error.to_string().starts_with(&text), "{error}");
        assert!(body.frame().await.is_none());
        assert_eq!(thread.join().unwrap(), 1);
    });
}

#[test]
fn http2_reconnects_after_a_shutdown_of_the_server() {
    run(async || {
        let listener = wakeful::net::TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap();
        let addr = listener.local_addr().unwrap();
        let client = Client::builder().http2_only().build();
        let mut listener = Some(listener);
        for _ in 0..3 {
            let stop = CancellationToken::new();
            let next = match listener.take() {
                Some(listener) => listener,
                None => wakeful::net::TcpListener::bind(addr).await.unwrap(),
            };
            let service = tower::service_fn(async |_: Request<hyper::body::Incoming>| {
                Ok::<_, Infallible>(hyper::Response::new("yes".to_string()))
            });
            let server = wakeful_hyper::serve(next, service)
                .with_graceful_shutdown(stop.clone().cancelled_owned());
            let server = wakeful::spawn(server.into_future());
            for _ in 0..3 {
                assert_eq!(crate::get(&client, &format!("http://{addr}/")).await, "yes");
            }
            stop.cancel();
            server.await.unwrap().unwrap();
        }
    });
}

/// Serves a listener with one stream at a time. Requests to `/slow` wait for the token.
fn narrow(
    listener: wakeful::net::TcpListener,
    finish: CancellationToken,
    begun: Rc<Notify>,
) -> impl Future<Output = std::io::Result<()>> {
    let stop = finish.clone();
    let service = tower::service_fn(move |request: Request<hyper::body::Incoming>| {
        let (finish, begun) = (finish.clone(), begun.clone());
        async move {
            if request.uri().path() == "/slow" {
                begun.notify_one();
                finish.cancelled().await;
            }
            Ok::<_, Infallible>(hyper::Response::new("yes".to_string()))
        }
    });
    wakeful_hyper::serve(listener, service)
        .configure(|builder| {
            builder.http2().max_concurrent_streams(1);
        })
        .with_graceful_shutdown(stop.cancelled_owned())
        .into_future()
}

#[test]
fn http2_sends_requests_again_that_a_goaway_has_refused() {
    run(async || {
        let bind = || wakeful::net::TcpListener::bind("127.0.0.1:0");
        let (first, second) = (bind().await.unwrap(), bind().await.unwrap());
        let addrs = RefCell::new(vec![
            second.local_addr().unwrap(),
            first.local_addr().unwrap(),
        ]);
        let client = Client::builder()
            .http2_only()
            .connect_with(move |_| {
                let addr = addrs.borrow_mut().pop().expect("two connections");
                wakeful::net::TcpStream::connect(addr)
            })
            .build();
        let (finish, begun) = (CancellationToken::new(), Rc::new(Notify::new()));
        let server = wakeful::spawn(narrow(first, finish.clone(), begun.clone()));
        wakeful::spawn(narrow(second, CancellationToken::new(), Rc::default()));
        // The first has the only stream of the first server. The second waits for a stream, and the
        // others, with a body that can't be sent twice, wait to be sent.
        let mut requests = Vec::new();
        for (path, body) in [("/slow", ""), ("/", ""), ("/", "a"), ("/", "b"), ("/", "c")] {
            let client = client.clone();
            let request = Request::get(format!("http://test{path}")).body(Full::from(body));
            let send = async move { client.request(request.unwrap()).await };
            requests.push(wakeful::spawn(async { text(send.await.unwrap()).await }));
            wakeful::task::yield_now().await;
        }
        begun.notified().await;
        for _ in 0..100 {
            wakeful::task::yield_now().await;
        }
        finish.cancel();
        for request in requests {
            assert_eq!(request.await.unwrap(), "yes");
        }
        server.await.unwrap().unwrap();
    });
}

/// A server of HTTP/2 that answers the first stream of a connection and refuses the others.
async fn refuse(stream: UnixStream) -> std::io::Result<()> {
    const HEADERS: u8 = 1;
    let mut preface = [0; 24];
    stream.read_exact(&mut preface).await?;
    // Settings, without any.
    stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await?;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        stream.read_exact(&mut vec![0; length as usize]).await?;
        if head[3] == HEADERS {
            let id = &head[5..];
            let answer = match id {
                // The status 200, which ends the stream.
                [0, 0, 0, 1] => [&[0, 0, 1, HEADERS, 5], id, &[0x88]].concat(),
                // RST_STREAM with REFUSED_STREAM.
                _ => [&[0, 0, 4, 3, 0], id, &[0, 0, 0, 7]].concat(),
            };
            stream.write_all(&answer).await?;
        }
    }
}

#[test]
fn http2_sends_a_refused_request_on_another_connection() {
    run(async || {
        let connections = Rc::new(Cell::new(0));
        let count = connections.clone();
        let client = Client::builder()
            .http2_only()
            .connect_with(move |_| {
                count.set(count.get() + 1);
                let (here, there) = UnixStream::pair().unwrap();
                wakeful::spawn(refuse(there));
                std::future::ready(Ok(here))
            })
            .build();
        for n in 1..=3 {
            assert_eq!(crate::get(&client, "http://test/").await, "");
            assert_eq!(connections.get(), n);
        }
    });
}
