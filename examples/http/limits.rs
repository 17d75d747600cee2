//! Tests of each limit with a client that exceeds it, on a paused clock.

use std::net::SocketAddr;
use std::time::Duration;

use wakeful::io::AsyncReadExt;
use wakeful::net::{TcpListener, TcpStream};
use wakeful::time::{Instant, sleep, timeout};

use super::{canonical, serve};

const LONG: Duration = Duration::from_secs(3600);

async fn server(max_clients: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let root = canonical(env!("CARGO_MANIFEST_DIR")).unwrap();
    wakeful::spawn(serve(listener, root, max_clients));
    addr
}

/// Sends a request, and returns all bytes until the server closes the connection.
async fn talk(addr: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    // The server may close the connection during the write.
    let _ = stream.write_all(request.as_bytes()).await;
    rest(&mut stream).await
}

async fn rest(stream: &mut TcpStream) -> String {
    let mut rest = Vec::new();
    let ended = timeout(LONG, stream.read_to_end(&mut rest)).await;
    ended.expect("the server ends it").unwrap();
    String::from_utf8(rest).unwrap()
}

#[wakeful::test(start_paused = true)]
async fn requests_too_large_are_refused_with_their_status() {
    let addr = server(10).await;
    let fields = "A: b\r\n".repeat(70);
    let cases = [
        (
            format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(9000)),
            "414",
        ),
        (
            format!("GET / HTTP/1.1\r\nA: {}\r\n", "a".repeat(17_000)),
            "431",
        ),
        (format!("GET / HTTP/1.1\r\n{fields}\r\n"), "431"),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 65537\r\n\r\n".to_string(),
            "413",
        ),
    ];
    for (request, status) in cases {
        let response = talk(addr, &request).await;
        let first = format!("HTTP/1.1 {status} ");
        assert!(response.starts_with(&first), "{status}: {response:.60}");
    }
}

#[wakeful::test(start_paused = true)]
async fn a_connection_over_the_limit_is_refused_and_a_free_place_is_used_again() {
    let addr = server(1).await;
    let one = TcpStream::connect(addr).await.unwrap();
    one.write_all(b"GET /Cargo.toml HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    let mut piece = [0; 15];
    one.read_exact(&mut piece).await.unwrap();
    assert_eq!(&piece, b"HTTP/1.1 200 OK");
    let refusal = talk(addr, "").await;
    assert!(refusal.starts_with("HTTP/1.1 503 "), "{refusal}");
    drop(one);
    sleep(Duration::from_secs(10)).await;
    let page = talk(addr, "GET /Cargo.toml HTTP/1.0\r\n\r\n").await;
    assert!(page.starts_with("HTTP/1.1 200 OK"), "{page:.60}");
}

#[wakeful::test(start_paused = true)]
async fn an_idle_connection_is_closed_without_a_response() {
    let addr = server(10).await;
    let began = Instant::now();
    assert_eq!(talk(addr, "").await, "");
    assert!(began.elapsed() >= Duration::from_secs(15));
}

#[wakeful::test(start_paused = true)]
async fn a_slow_request_gets_status_408() {
    let addr = server(10).await;
    let stream = TcpStream::connect(addr).await.unwrap();
    for byte in b"GET / HTTP/1.1\r\n" {
        // Less than a byte a second, so the head is not complete in time.
        if stream.write_all(&[*byte]).await.is_err() {
            break;
        }
        sleep(Duration::from_secs(1)).await;
    }
    let mut stream = stream;
    let response = rest(&mut stream).await;
    assert!(response.starts_with("HTTP/1.1 408 "), "{response}");
    let body = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf";
    let response = talk(addr, body).await;
    assert!(response.starts_with("HTTP/1.1 408 "), "{response}");
}
