//! Each limit, exceeded by a client with a socket, on a clock that does not take the time.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::AsyncReadExt;
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

/// A client that has been served once.
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

/// What comes until the server ends the connection.
async fn rest(stream: &mut TcpStream) -> String {
    let mut rest = String::new();
    let ended = timeout(IDLE * 10, stream.read_to_string(&mut rest)).await;
    ended.expect("the server ends it").unwrap();
    rest
}

#[wakeful::test(start_paused = true)]
async fn a_client_too_many_is_refused_in_words_and_a_free_seat_is_given_again() {
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
async fn an_idle_client_is_let_go_and_a_busy_one_stays() {
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
    // A byte now and then is no progress.
    let ended = timeout(IDLE * 2, async {
        while slow.write_all(b"x").await.is_ok() {
            sent += 1;
            sleep(IDLE / 50).await;
        }
    });
    assert!(ended.await.is_ok(), "it went on for ever");
    assert!((45..=60).contains(&sent), "{sent} bytes");
}

#[wakeful::test(start_paused = true)]
async fn a_client_that_does_not_take_its_replies_is_let_go() {
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
    // Its seat is free.
    client(addr).await;
}

#[wakeful::test(start_paused = true)]
async fn a_frame_too_large_is_refused_before_it_comes() {
    let addr = server(100, 10).await;
    for frame in ["*2\r\n$3\r\nGET\r\n$101\r\n", "*1048577\r\n", "$"] {
        let mut stream = client(addr).await;
        let long = "$".repeat(70_000);
        let bytes = if frame == "$" { &long } else { frame };
        // It may be cut off while it writes.
        let _ = stream.write_all(bytes.as_bytes()).await;
        let reply = rest(&mut stream).await;
        assert!(reply.starts_with("-ERR Protocol error"), "{reply}");
    }
}
