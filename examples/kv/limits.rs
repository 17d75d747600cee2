//! Tests of each limit with a client that exceeds it, on a paused clock.

use std::net::SocketAddr;
use std::time::Duration;

use wakeful::io::AsyncReadExt;
use wakeful::net::{TcpListener, TcpStream};
use wakeful::time::{Instant, sleep, timeout};

use super::{Policy, serve};

const IDLE: Duration = Duration::from_secs(300);

async fn server(max_bulk: usize, max_clients: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let policy = Policy {
        max_bulk,
        max_clients,
        idle: IDLE,
    };
    wakeful::spawn(serve(listener, policy));
    addr
}

/// Returns a client that has been served once.
async fn client(addr: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(b"PING\r\n").await.unwrap();
    expect(&mut stream, b"+PONG\r\n").await;
    stream
}

async fn expect(stream: &mut TcpStream, reply: &[u8]) {
    let mut got = vec![0; reply.len()];
    stream.read_exact(&mut got).await.unwrap();
    assert_eq!(got, reply);
}

/// Returns all bytes until the server closes the connection.
async fn rest(stream: &mut TcpStream) -> String {
    let mut rest = String::new();
    let ended = timeout(IDLE * 10, stream.read_to_string(&mut rest)).await;
    ended.expect("the server ends it").unwrap();
    rest
}

#[wakeful::test(start_paused = true)]
async fn a_client_over_the_limit_gets_an_error_and_a_free_place_is_used_again() {
    let addr = server(100, 2).await;
    let (mut one, two) = (client(addr).await, client(addr).await);
    let mut three = TcpStream::connect(addr).await.unwrap();
    let refusal = "-ERR max number of clients reached\r\n";
    assert_eq!(rest(&mut three).await, refusal);
    one.write_all(b"PING\r\n").await.unwrap();
    expect(&mut one, b"+PONG\r\n").await;
    two.shutdown(std::net::Shutdown::Write).unwrap();
    let mut two = two;
    assert_eq!(rest(&mut two).await, "");
    client(addr).await;
}

#[wakeful::test(start_paused = true)]
async fn an_idle_client_is_disconnected_and_a_busy_one_is_not() {
    let addr = server(100, 10).await;
    let began = Instant::now();
    let (mut idle, mut busy) = (client(addr).await, client(addr).await);
    for _ in 0..5 {
        sleep(IDLE / 2).await;
        busy.write_all(b"PING\r\n").await.unwrap();
        expect(&mut busy, b"+PONG\r\n").await;
    }
    assert_eq!(rest(&mut idle).await, "");
    assert_eq!(rest(&mut busy).await, "");
    assert!(began.elapsed() >= IDLE / 2 * 5 + IDLE);
}

#[wakeful::test(start_paused = true)]
async fn a_request_sent_byte_by_byte_for_too_long_ends() {
    let addr = server(1 << 20, 10).await;
    let slow = client(addr).await;
    slow.write_all(b"*2\r\n$3\r\nGET\r\n$100000\r\n")
        .await
        .unwrap();
    let mut sent = 0;
    // Single bytes do not complete a request.
    let ended = timeout(IDLE * 2, async {
        while slow.write_all(b"x").await.is_ok() {
            sent += 1;
            sleep(IDLE / 50).await;
        }
    });
    assert!(ended.await.is_ok(), "the connection was not closed");
    assert!((45..=60).contains(&sent), "{sent} bytes");
}

#[wakeful::test(start_paused = true)]
async fn a_client_that_does_not_read_its_replies_is_disconnected() {
    let addr = server(1 << 20, 1).await;
    let mut deaf = client(addr).await;
    let value = vec![b'v'; 1 << 20];
    let set = [
        b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1048576\r\n",
        &value[..],
        b"\r\n",
    ]
    .concat();
    deaf.write_all(&set).await.unwrap();
    expect(&mut deaf, b"+OK\r\n").await;
    deaf.write_all("GET k\r\n".repeat(50).as_bytes())
        .await
        .unwrap();
    sleep(IDLE * 2).await;
    // Its place is free.
    client(addr).await;
}

#[wakeful::test(start_paused = true)]
async fn a_frame_over_the_limit_is_refused_before_it_arrives() {
    let addr = server(100, 10).await;
    for frame in ["*2\r\n$3\r\nGET\r\n$101\r\n", "*1048577\r\n", "$"] {
        let mut stream = client(addr).await;
        let long = "$".repeat(70_000);
        let bytes = if frame == "$" { &long } else { frame };
        // The server may close the connection during the write.
        let _ = stream.write_all(bytes.as_bytes()).await;
        let reply = rest(&mut stream).await;
        assert!(reply.starts_with("-ERR Protocol error"), "{reply}");
    }
}
