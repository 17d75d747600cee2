//! Connecting, listening, names and options, and the texts of the errors.

use std::collections::HashSet;
use std::error::Error;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::poll_fn;
use rustix::io::Errno;
use wakeful::Runtime;
use wakeful::net::{TcpKeepalive, TcpListener, TcpSocket, TcpStream, lookup_host};
use wakeful::reactor::Backend;
use wakeful::time::Instant;

#[path = "support/net.rs"]
mod support;
use support::{is_pending, run, turn};

const ANY: &str = "127.0.0.1:0";

/// Returns an address on which no process listens or can listen, as the socket holds it.
fn closed() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(ANY.parse().unwrap()).unwrap();
    let addr = socket.local_addr().unwrap();
    (socket, addr)
}

#[test]
fn every_address_of_a_list_is_tried() {
    run(async || {
        let (_held, refusing) = closed();
        let listener = TcpListener::bind(ANY).await.unwrap();
        let open = listener.local_addr().unwrap();
        let stream = TcpStream::connect([refusing, open]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), open);
        let (server, peer) = listener.accept().await.unwrap();
        assert_eq!(peer, stream.local_addr().unwrap());
        assert_eq!(server.peer_addr().unwrap(), peer);
        // Binding as well: the first one that works is used.
        let listener = TcpListener::bind(&[open, ANY.parse().unwrap()][..])
            .await
            .unwrap();
        assert_ne!(listener.local_addr().unwrap(), open);
    });
}

#[test]
fn a_refused_connection_names_the_last_address() {
    run(async || {
        let (_held, first) = closed();
        let (_held_too, last) = closed();
        let error = TcpStream::connect(vec![first, last]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        let text = format!("connect to {last}: Connection refused (os error 111)");
        assert_eq!(error.to_string(), text);
        assert_eq!(
            wakeful::raw_os_error(&error),
            Some(Errno::CONNREFUSED.raw_os_error())
        );
        assert!(error.source().is_some());
        // The builder returns the same error.
        let socket = TcpSocket::new_v4().unwrap();
        let error = socket.connect(last).await.unwrap_err();
        assert_eq!(error.to_string(), text);
    });
}

#[test]
fn a_used_port_is_named() {
    run(async || {
        let listener = TcpListener::bind(ANY).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let error = TcpListener::bind(addr).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        let text = format!("listen on {addr}: Address already in use (os error 98)");
        assert_eq!(error.to_string(), text);
        let socket = TcpSocket::new_v4().unwrap();
        let error = socket.bind(addr).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        assert!(
            error.to_string().starts_with(&format!("bind to {addr}: ")),
            "{error}"
        );
    });
}

#[test]
fn a_malformed_address_is_refused_with_an_example() {
    run(async || {
        for text in ["localhost", "127.0.0.1", "name:http", "name:65536", ""] {
            let error = TcpStream::connect(text).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.to_string().contains("host:port"), "{error}");
        }
        let none: &[SocketAddr] = &[];
        let error = TcpStream::connect(none).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(error.to_string(), "connect to: there is no address to try");
        // The error of a lookup on the pool contains the name.
        let error = lookup_host(("zero\0byte", 1)).await.err().unwrap();
        assert!(error.to_string().starts_with("look up zero"), "{error}");
    });
}

#[test]
fn only_names_are_looked_up_on_the_blocking_pool() {
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let expected: SocketAddr = "192.0.2.1:80".parse().unwrap();
        let ip = Ipv4Addr::new(192, 0, 2, 1);
        let all = async |addr| lookup_host(addr).await.unwrap().collect::<Vec<_>>();
        assert_eq!(all("192.0.2.1:80").await, [expected]);
        let found = lookup_host("192.0.2.1:80".to_owned()).await.unwrap();
        assert_eq!(found.collect::<Vec<_>>(), [expected]);
        assert_eq!(
            lookup_host(("192.0.2.1", 80)).await.unwrap().next(),
            Some(expected)
        );
        assert_eq!(lookup_host((ip, 80)).await.unwrap().next(), Some(expected));
        assert_eq!(lookup_host(&expected).await.unwrap().next(), Some(expected));
        let found = lookup_host("[2001:db8::1]:80").await.unwrap().next();
        assert_eq!(found, Some("[2001:db8::1]:80".parse().unwrap()));
        assert_eq!(runtime.metrics().blocking_threads, 0);

        let found: HashSet<_> = lookup_host(("localhost", 80)).await.unwrap().collect();
        assert!(
            found
                .iter()
                .all(|addr| addr.ip().is_loopback() && addr.port() == 80)
        );
        assert!(!found.is_empty());
        assert_eq!(runtime.metrics().blocking_threads, 1);
    });
}

#[test]
fn incoming_is_a_stream_of_connections() {
    run(async || {
        let listener = TcpListener::bind(ANY).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let clients = wakeful::spawn(async move {
            let mut clients = Vec::new();
            for _ in 0..3 {
                clients.push(TcpStream::connect(addr).await.unwrap());
            }
            clients
        });
        let accepted: Vec<_> = listener.incoming().take(3).collect().await;
        let accepted = accepted.iter().map(|it| it.as_ref().unwrap().peer_addr());
        let clients = clients.await.unwrap();
        let clients = clients.iter().map(TcpStream::local_addr);
        assert_eq!(
            accepted.map(Result::unwrap).collect::<HashSet<_>>(),
            clients.map(Result::unwrap).collect()
        );
    });
}

#[test]
fn several_tasks_accept_from_one_listener() {
    run(async || {
        let listener = Rc::new(TcpListener::bind(ANY).await.unwrap());
        let addr = listener.local_addr().unwrap();
        let servers: Vec<_> = (0..3)
            .map(|_| {
                let listener = listener.clone();
                wakeful::spawn(async move { listener.accept().await.unwrap().1 })
            })
            .collect();
        turn().await;
        let mut clients = HashSet::new();
        let mut streams = Vec::new();
        for _ in 0..3 {
            let stream = TcpStream::connect(addr).await.unwrap();
            clients.insert(stream.local_addr().unwrap());
            streams.push(stream);
        }
        for server in servers {
            assert!(clients.remove(&server.await.unwrap()));
        }
    });
}

#[test]
fn an_accept_that_is_dropped_loses_no_connection() {
    run(async || {
        let listener = TcpListener::bind(ANY).await.unwrap();
        assert!(is_pending(pin!(listener.accept())).await);
        let client = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (_server, peer) = listener.accept().await.unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
        let error = listener.try_accept().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        let client = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (_server, peer) = poll_fn(|cx| listener.poll_accept(cx)).await.unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
    });
}

#[test]
fn a_connection_that_broke_in_the_queue_is_skipped() {
    run(async || {
        let listener = TcpListener::bind(ANY).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let broken = std::net::TcpStream::connect(addr).unwrap();
        let broken = socket2::Socket::from(broken);
        broken.set_linger(Some(Duration::ZERO)).unwrap();
        drop(broken);
        let client = TcpStream::connect(addr).await.unwrap();
        // Whether the system still returns the broken connection depends on the system.
        loop {
            let (_stream, peer) = listener.accept().await.unwrap();
            if peer == client.local_addr().unwrap() {
                break;
            }
        }
    });
}

#[test]
fn a_listener_is_converted_to_std_and_back() {
    run(async || {
        let std = std::net::TcpListener::bind(ANY).unwrap();
        let addr = std.local_addr().unwrap();
        // It has arrived before the listener is registered.
        let early = std::net::TcpStream::connect(addr).unwrap();
        let ours = TcpListener::from_std(std).unwrap();
        let (_stream, peer) = ours.accept().await.unwrap();
        assert_eq!(peer, early.local_addr().unwrap());
        assert!(is_pending(pin!(ours.accept())).await);
        let std = ours.into_std().unwrap();
        let client = std::net::TcpStream::connect(addr).unwrap();
        std.set_nonblocking(false).unwrap();
        assert_eq!(std.accept().unwrap().1, client.local_addr().unwrap());
    });
}

#[test]
fn options_are_set() {
    run(async || {
        let socket = TcpSocket::new_v4().unwrap();
        assert!(!socket.reuseaddr().unwrap() && !socket.keepalive().unwrap());
        socket.set_reuseaddr(true).unwrap();
        socket.set_reuseport(true).unwrap();
        socket.set_nodelay(true).unwrap();
        socket.set_linger(Some(Duration::from_secs(3))).unwrap();
        socket.set_send_buffer_size(1 << 15).unwrap();
        socket.set_recv_buffer_size(1 << 15).unwrap();
        let keepalive = TcpKeepalive::new()
            .with_time(Duration::from_secs(40))
            .with_interval(Duration::from_secs(7))
            .with_retries(3);
        socket.set_tcp_keepalive(&keepalive).unwrap();
        assert!(socket.reuseaddr().unwrap() && socket.reuseport().unwrap());
        assert!(socket.nodelay().unwrap() && socket.keepalive().unwrap());
        assert_eq!(socket.linger().unwrap(), Some(Duration::from_secs(3)));
        assert!(socket.send_buffer_size().unwrap() >= 1 << 15);
        assert!(socket.recv_buffer_size().unwrap() >= 1 << 15);
        let inner = socket2::SockRef::from(&socket);
        assert_eq!(inner.tcp_keepalive_time().unwrap(), Duration::from_secs(40));
        assert_eq!(inner.tcp_keepalive_retries().unwrap(), 3);

        // The options are still set.
        let listener = TcpListener::bind(ANY).await.unwrap();
        let stream = socket
            .connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        assert!(stream.nodelay().unwrap());
        assert_eq!(stream.linger().unwrap(), Some(Duration::from_secs(3)));
        stream.set_nodelay(false).unwrap();
        stream.set_linger(None).unwrap();
        stream.set_ttl(42).unwrap();
        assert!(!stream.nodelay().unwrap());
        assert_eq!(
            (stream.linger().unwrap(), stream.ttl().unwrap()),
            (None, 42)
        );
        listener.set_ttl(43).unwrap();
        assert_eq!(listener.ttl().unwrap(), 43);
    });
}

#[test]
fn two_listeners_share_a_port() {
    run(async || {
        let listen = |addr| {
            let socket = TcpSocket::new_v4().unwrap();
            socket.set_reuseport(true).unwrap();
            socket.bind(addr).unwrap();
            socket.listen(16).unwrap()
        };
        let one = listen(ANY.parse().unwrap());
        let two = listen(one.local_addr().unwrap());
        assert_eq!(one.local_addr().unwrap(), two.local_addr().unwrap());
    });
}

// Linux only: `SO_BINDTODEVICE`.
#[cfg(target_os = "linux")]
#[test]
fn a_socket_is_bound_to_an_interface() {
    let socket = TcpSocket::new_v4().unwrap();
    assert_eq!(socket.device().unwrap(), None);
    socket.bind_device(Some(b"lo")).unwrap();
    assert_eq!(socket.device().unwrap().as_deref(), Some(&b"lo"[..]));
}

#[test]
fn sockets_work_with_ipv6() {
    run(async || {
        let listener = match TcpListener::bind("[::1]:0").await {
            Err(error) if error.kind() == ErrorKind::AddrNotAvailable => return,
            listener => listener.unwrap(),
        };
        let addr = listener.local_addr().unwrap();
        let socket = TcpSocket::new_v6().unwrap();
        let stream = socket.connect(addr).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), addr);
    });
}

#[test]
#[should_panic(expected = "runtime")]
fn a_socket_outside_a_runtime_panics_with_advice() {
    let std = std::net::TcpListener::bind(ANY).unwrap();
    let _ = TcpListener::from_std(std);
}

/// Returns an address that never answers: its queue is full as long as the other value lives.
fn silent() -> (Vec<socket2::Socket>, SocketAddr) {
    use socket2::{Domain, Socket, Type};

    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any: SocketAddr = ANY.parse().unwrap();
    listener.bind(&any.into()).unwrap();
    listener.listen(0).unwrap();
    let addr = listener.local_addr().unwrap();
    let mut held = vec![listener];
    // The system accepts each of these at once, or never.
    for _ in 0..8 {
        let client = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        client.set_nonblocking(true).unwrap();
        let _ = client.connect(&addr);
        held.push(client);
    }
    assert!(
        held.last().unwrap().peer_addr().is_err(),
        "the queue is not full"
    );
    (held, addr.as_socket().unwrap())
}

#[test]
fn an_address_that_never_answers_delays_the_next_one_by_250_ms() {
    for backend in [Backend::Auto, Backend::Portable] {
        // The clock jumps over each delay, so this fails if there is none, or another one.
        let runtime = Runtime::builder()
            .start_paused(true)
            .backend(backend)
            .build()
            .unwrap();
        runtime.block_on(async {
            let (_held, silent) = silent();
            let listener = TcpListener::bind(ANY).await.unwrap();
            let open = listener.local_addr().unwrap();
            let begin = Instant::now();
            let stream = TcpStream::connect([silent, silent, open]).await.unwrap();
            assert_eq!(begin.elapsed(), Duration::from_millis(500));
            assert_eq!(stream.peer_addr().unwrap(), open);
            // After a refusal the next attempt begins at once.
            let (_held, refusing) = closed();
            let begin = Instant::now();
            let stream = TcpStream::connect([refusing, open]).await.unwrap();
            assert_eq!(begin.elapsed(), Duration::ZERO);
            assert_eq!(stream.peer_addr().unwrap(), open);
            // The remaining attempts are awaited, without a limit.
            let limit = Duration::from_secs(3600);
            let connect = TcpStream::connect([refusing, silent]);
            wakeful::time::timeout(limit, connect).await.unwrap_err();
            assert_eq!(begin.elapsed(), limit);
        });
    }
}

#[test]
fn attempts_are_dropped_when_one_has_succeeded() {
    let runtime = Runtime::builder().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let (_held, silent) = silent();
        let listener = TcpListener::bind(ANY).await.unwrap();
        let open = listener.local_addr().unwrap();
        let before = runtime.metrics().sources;
        let stream = TcpStream::connect([silent, silent, open]).await.unwrap();
        assert_eq!(runtime.metrics().sources, before + 1);
        drop(stream);
        // All are dropped with the future.
        let limit = Duration::from_millis(300);
        let connect = TcpStream::connect([silent, silent, silent]);
        wakeful::time::timeout(limit, connect).await.unwrap_err();
        assert_eq!(runtime.metrics().sources, before);
    });
}

#[test]
fn a_name_is_connected_to_by_any_of_its_addresses() {
    run(async || {
        let listener = TcpListener::bind(ANY).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let stream = TcpStream::connect(("localhost", port)).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), listener.local_addr().unwrap());
    });
}
