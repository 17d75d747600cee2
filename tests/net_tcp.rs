//! TCP: what a user of tokio expects, over both backends.

use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use futures_util::{AsyncReadExt, AsyncWriteExt, StreamExt};
use wakeful::reactor::Backend;
use wakeful::time::timeout;
use wakeful::{Builder, spawn};
use wakeful_net::{TcpKeepalive, TcpListener, TcpSocket, TcpStream, lookup_host};

/// Runs a case over both backends. A case that hangs fails.
fn over_both<F: Future<Output = ()>>(case: impl Fn() -> F) {
    for backend in [Backend::Auto, Backend::Portable] {
        let runtime = Builder::new().backend(backend).build().unwrap();
        runtime.block_on(async {
            let limited = timeout(Duration::from_secs(60), case()).await;
            limited.unwrap_or_else(|_| panic!("it hangs over {backend:?}"));
        });
    }
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}

async fn pair() -> (TcpStream, TcpStream) {
    let (listener, addr) = listener().await;
    let client = TcpStream::connect(addr).await.unwrap();
    (client, listener.accept().await.unwrap().0)
}

#[test]
fn bytes_come_back_and_the_end_is_seen() {
    over_both(|| async {
        let (client, server) = pair().await;
        let echo = spawn(async move {
            let mut buf = [0; 64];
            loop {
                match server.read(&mut buf).await.unwrap() {
                    0 => return,
                    n => assert_eq!(server.write(&buf[..n]).await.unwrap(), n),
                }
            }
        });
        for n in 1..100_u8 {
            client.write(&[n; 50]).await.unwrap();
            let mut buf = [0; 50];
            (&client).read_exact(&mut buf).await.unwrap();
            assert_eq!(buf, [n; 50]);
        }
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 0);
        echo.await.unwrap();
    });
}

#[test]
fn eight_mebibytes_both_ways_at_once() {
    over_both(|| async {
        const SIZE: usize = 8 << 20;
        let (client, server) = pair().await;
        let run = |stream: TcpStream| async move {
            let (mut reader, mut writer) = stream.into_split();
            let sender = spawn(async move {
                let data: Vec<u8> = (0..SIZE).map(|n| (n * 7 % 251) as u8).collect();
                writer.write_all(&data).await.unwrap();
                writer.close().await.unwrap();
            });
            let mut data = Vec::new();
            reader.read_to_end(&mut data).await.unwrap();
            sender.await.unwrap();
            assert_eq!(data.len(), SIZE);
            assert!(
                data.iter()
                    .enumerate()
                    .all(|(n, &byte)| byte == (n * 7 % 251) as u8)
            );
        };
        let (a, b) = (spawn(run(client)), spawn(run(server)));
        a.await.unwrap();
        b.await.unwrap();
    });
}

#[test]
fn data_and_end_that_come_together_are_both_seen() {
    over_both(|| async {
        let (listener, addr) = listener().await;
        let mut client = std::net::TcpStream::connect(addr).unwrap();
        let (server, _) = listener.accept().await.unwrap();
        // The task waits, then one edge brings both.
        let read = spawn(async move {
            let mut buf = [0; 1024];
            let n = server.read(&mut buf).await.unwrap();
            (n, server.read(&mut buf).await.unwrap())
        });
        wakeful::task::yield_now().await;
        client.write_all(b"last words").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(read.await.unwrap(), (10, 0));
    });
}

#[test]
fn what_was_there_before_the_accept_is_read() {
    over_both(|| async {
        let (listener, addr) = listener().await;
        let mut client = std::net::TcpStream::connect(addr).unwrap();
        client.write_all(b"early").unwrap();
        drop(client);
        let (mut server, _) = listener.accept().await.unwrap();
        let mut text = String::new();
        server.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "early");
    });
}

#[test]
fn a_dropped_read_loses_nothing() {
    over_both(|| async {
        let (client, server) = pair().await;
        for n in 0..100_u8 {
            {
                let mut buf = [0; 8];
                let mut read = pin!(server.read(&mut buf));
                let pending = poll_fn(|cx| Poll::Ready(read.as_mut().poll(cx).is_pending())).await;
                assert!(pending);
            }
            client.write(&[n]).await.unwrap();
            let mut buf = [0; 8];
            assert_eq!(server.read(&mut buf).await.unwrap(), 1);
            assert_eq!(buf[0], n);
        }
    });
}

#[test]
fn vectored_transfers_equal_plain_ones() {
    over_both(|| async {
        let (client, server) = pair().await;
        let parts = [
            IoSlice::new(b"one "),
            IoSlice::new(b""),
            IoSlice::new(b"two"),
        ];
        assert_eq!(client.write_vectored(&parts).await.unwrap(), 7);
        let (mut a, mut b) = ([0; 3], [0; 9]);
        let mut parts = [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)];
        assert_eq!(server.read_vectored(&mut parts).await.unwrap(), 7);
        assert_eq!((&a, &b[..4]), (b"one", &b" two"[..]));
    });
}

#[test]
fn peeking_takes_nothing_and_trying_does_not_wait() {
    over_both(|| async {
        let (client, server) = pair().await;
        let mut buf = [0; 8];
        assert_eq!(
            server.try_read(&mut buf).unwrap_err().kind(),
            ErrorKind::WouldBlock
        );
        assert_eq!(client.try_write(b"abc").unwrap(), 3);
        assert_eq!(server.peek(&mut buf).await.unwrap(), 3);
        assert_eq!(server.peek(&mut buf).await.unwrap(), 3);
        server.readable().await.unwrap();
        assert_eq!(server.try_read(&mut buf).unwrap(), 3);
        assert_eq!(
            server.try_read(&mut buf).unwrap_err().kind(),
            ErrorKind::WouldBlock
        );
    });
}

#[test]
fn halves_end_and_meet_again() {
    over_both(|| async {
        let (client, server) = pair().await;
        let (read, write) = client.into_split();
        let (other, _other) = pair().await;
        let (other_read, other_write) = other.into_split();
        let error = read.reunite(other_write).unwrap_err();
        let client = error.0.reunite(write).unwrap();
        drop(other_read.reunite(error.1).unwrap());

        let (read, write) = client.into_split();
        write.forget();
        assert_eq!(
            server.try_read(&mut [0; 8]).unwrap_err().kind(),
            ErrorKind::WouldBlock
        );
        drop(read);
        assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 0);

        let (client, second) = pair().await;
        let (_read, write) = client.into_split();
        drop(write);
        assert_eq!(
            second.read(&mut [0; 8]).await.unwrap(),
            0,
            "dropping the half ends it"
        );
        let (mut read, mut write) = server.split();
        let _ = write.write_all(b"x").await;
        let _ = read.read(&mut [0; 8]).await;
    });
}

#[test]
fn a_reset_is_an_error_not_a_hang() {
    over_both(|| async {
        let (client, server) = pair().await;
        client.set_linger(Some(Duration::ZERO)).unwrap();
        drop(client);
        let error = server.read(&mut [0; 8]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn every_address_is_tried() {
    over_both(|| async {
        let (listener, addr) = listener().await;
        let closed = {
            let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            unused.local_addr().unwrap()
        };
        let stream = TcpStream::connect(&[closed, addr][..]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), addr);
        assert_eq!(
            listener.accept().await.unwrap().1,
            stream.local_addr().unwrap()
        );

        let error = TcpStream::connect(closed).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        assert!(
            error
                .to_string()
                .starts_with(&format!("connect {closed}: ")),
            "{error}"
        );

        let none: &[SocketAddr] = &[];
        let error = TcpStream::connect(none).await.unwrap_err();
        assert_eq!(error.to_string(), "connect: there is no address to try");
    });
}

#[test]
fn bad_addresses_are_named() {
    over_both(|| async {
        let (_listener, addr) = listener().await;
        let error = TcpListener::bind(addr).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        assert!(
            error
                .to_string()
                .starts_with(&format!("listen on {addr}: ")),
            "{error}"
        );

        let error = TcpStream::connect("no-port").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("`no-port`"), "{error}");

        assert!(
            lookup_host("localhost:0")
                .await
                .unwrap()
                .all(|addr| addr.ip().is_loopback())
        );
        let error = lookup_host("no.such.host.invalid:0")
            .await
            .map(drop)
            .unwrap_err();
        assert!(
            error.to_string().contains("no.such.host.invalid"),
            "{error}"
        );
    });
}

#[test]
fn options_are_what_was_set() {
    over_both(|| async {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseport(true).unwrap();
        socket.set_keepalive(true).unwrap();
        let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(30));
        socket.set_tcp_keepalive(&keepalive).unwrap();
        socket.set_linger(Some(Duration::from_secs(1))).unwrap();
        socket.set_nodelay(true).unwrap();
        socket.set_recv_buffer_size(32 * 1024).unwrap();
        socket.set_send_buffer_size(32 * 1024).unwrap();
        assert!(socket.reuseport().unwrap() && socket.keepalive().unwrap());
        assert!(socket.nodelay().unwrap());
        assert_eq!(socket.linger().unwrap(), Some(Duration::from_secs(1)));
        assert!(socket.recv_buffer_size().unwrap() >= 32 * 1024);
        assert!(socket.send_buffer_size().unwrap() >= 32 * 1024);
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let addr = socket.local_addr().unwrap();
        let first = socket.listen(16).unwrap();
        let second = TcpSocket::new_v4().unwrap();
        second.set_reuseport(true).unwrap();
        second.bind(addr).unwrap();
        let _second = second.listen(16).unwrap();
        assert_eq!(first.local_addr().unwrap(), addr);

        let (client, _server) = pair().await;
        client.set_nodelay(true).unwrap();
        client.set_ttl(33).unwrap();
        assert!(client.nodelay().unwrap());
        assert_eq!(client.ttl().unwrap(), 33);
    });
}

#[test]
fn connections_as_a_stream_and_by_polling() {
    over_both(|| async {
        let (listener, addr) = listener().await;
        let clients: Vec<_> = (0..5)
            .map(|_| std::net::TcpStream::connect(addr).unwrap())
            .collect();
        let taken: Vec<_> = listener.incoming().take(3).collect().await;
        assert!(taken.iter().all(Result::is_ok));
        poll_fn(|cx| listener.poll_accept(cx)).await.unwrap();
        listener.try_accept().unwrap();
        assert_eq!(
            listener.try_accept().unwrap_err().kind(),
            ErrorKind::WouldBlock
        );
        drop(clients);
    });
}

#[test]
fn sockets_come_from_std_and_go_back() {
    over_both(|| async {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let listener = TcpListener::from_std(listener).unwrap();
        let client = std::net::TcpStream::connect(addr).unwrap();
        let client = TcpStream::from_std(client).unwrap();
        let (server, _) = listener.accept().await.unwrap();
        client.write(b"x").await.unwrap();
        server.readable().await.unwrap();
        let mut server = server.into_std().unwrap();
        server.set_nonblocking(false).unwrap();
        let mut buf = [0; 1];
        server.read_exact(&mut buf).unwrap();
        assert_eq!(&buf, b"x");
    });
}

#[test]
fn a_socket_of_a_dead_runtime_fails_and_does_not_hang() {
    let runtime = wakeful::Runtime::new().unwrap();
    let (client, server) = runtime.block_on(pair());
    drop(runtime);
    wakeful::block_on(async {
        // What needs no waiting works.
        assert_eq!(client.write(b"x").await.unwrap(), 1);
        assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 1);
        let error: io::Error = server.read(&mut [0; 8]).await.unwrap_err();
        assert!(error.to_string().contains("runtime"), "{error}");
    });
}
