//! Tests of the limits for one client and for many.

use std::net::SocketAddr;

use wakeful::net::TcpStream;
use wakeful::time::{Instant, pause};
fn with_server(client: impl AsyncFnOnce(SocketAddr)) {
    wakeful::block_on(async {
        let server = wakeful_observatory::serve("127.0.0.1:0").await.unwrap();
        client(server.address()).await;
        server.stop();
    });
}

/// Returns the first line of the response.
async fn first_line(stream: &TcpStream) -> std::io::Result<String> {
    let (mut line, mut byte) = (Vec::new(), [0]);
    while stream.read(&mut byte).await? == 1 && byte[0] != b'\r' {
        line.push(byte[0]);
    }
    Ok(String::from_utf8(line).unwrap())
}

/// Sends a request. Returns the connection and the first line of the response.
async fn ask(address: SocketAddr) -> (TcpStream, String) {
    let stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET /nothing HTTP/1.1\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    // The server may close a refused connection before it has read the request.
    let line = first_line(&stream).await.unwrap_or_default();
    (stream, line)
}

#[test]
fn a_connection_over_the_limit_is_refused_and_a_free_place_is_used_again() {
    with_server(async |address| {
        let mut seated = Vec::new();
        for n in 0..100 {
            let (stream, line) = ask(address).await;
            assert!(line.starts_with("HTTP/1.1 404"), "{n}: {line}");
            seated.push(stream);
        }
        let refused = TcpStream::connect(address).await.unwrap();
        let line = first_line(&refused).await.unwrap();
        assert!(line.starts_with("HTTP/1.1 503"), "{line}");
        drop((refused, seated.pop()));
        // The server notices the closed connections with a delay.
        let limit = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while !ask(address).await.1.starts_with("HTTP/1.1 404") {
            assert!(std::time::Instant::now() < limit, "no place became free");
        }
    });
}

#[test]
fn a_client_that_sends_nothing_or_half_a_head_is_disconnected() {
    with_server(async |address| {
        pause();
        let begun = Instant::now();
        let silent = TcpStream::connect(address).await.unwrap();
        assert_eq!(first_line(&silent).await.unwrap(), "");
        assert_eq!(begun.elapsed().as_secs(), 15);
        let half = TcpStream::connect(address).await.unwrap();
        half.write_all(b"GET / HTTP/1.1\r\nHost").await.unwrap();
        let begun = Instant::now();
        let line = first_line(&half).await.unwrap();
        assert!(line.starts_with("HTTP/1.1 408"), "{line}");
        assert_eq!(begun.elapsed().as_secs(), 10);
    });
}

#[test]
fn a_server_that_is_stopped_closes_its_connections_and_its_port() {
    wakeful::block_on(async {
        let server = wakeful_observatory::serve("127.0.0.1:0").await.unwrap();
        let address = server.address();
        let open = ask(address).await.0;
        server.stop();
        // The rest of the response, then the end.
        while open.read(&mut [0; 1024]).await.unwrap_or(0) > 0 {}
        assert!(TcpStream::connect(address).await.is_err());
        let again = wakeful_observatory::serve(&address.to_string()).await;
        assert!(again.is_ok(), "{again:?}");
    });
}

#[test]
fn an_address_that_cannot_be_used_is_an_error_with_advice() {
    wakeful::block_on(async {
        let server = wakeful_observatory::serve("127.0.0.1:0").await.unwrap();
        for (address, part) in [
            ("0.0.0.0:0", "on loopback only"),
            ("nonsense", "give 127.0.0.1:7070"),
            (&*server.address().to_string(), "the port is in use"),
        ] {
            let error = wakeful_observatory::serve(address).await.unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
        }
    });
}
