//! UDP: datagrams arrive whole, at their receiver, and errors of sending name the reason.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::rc::Rc;

use futures_util::future::poll_fn;
use rustix::io::Errno;
use wakeful::net::UdpSocket;
use wakeful::reactor::Interest;

#[path = "support/net.rs"]
mod support;
use support::{is_pending, run, turn};

async fn socket() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let addr = socket.local_addr().unwrap();
    (socket, addr)
}

#[test]
fn datagrams_are_sent_and_received() {
    run(async || {
        let ((here, here_addr), (there, there_addr)) = (socket().await, socket().await);
        let mut buf = [0; 16];
        {
            let mut received = pin!(there.recv_from(&mut buf));
            assert!(is_pending(received.as_mut()).await);
            assert_eq!(here.send_to(b"ping", there_addr).await.unwrap(), 4);
            assert_eq!(received.await.unwrap(), (4, here_addr));
        }
        assert_eq!(&buf[..4], b"ping");
        assert_eq!(there.send_to(b"pong!", here_addr).await.unwrap(), 5);
        assert_eq!(here.recv_from(&mut buf).await.unwrap(), (5, there_addr));
        // Several in one event: a short one does not hide those behind it, nor does an empty one.
        for datagram in [&b"first"[..], b"", b"third"] {
            here.send_to(datagram, there_addr).await.unwrap();
        }
        turn().await;
        for len in [5, 0, 5] {
            assert_eq!(there.recv_from(&mut buf).await.unwrap().0, len);
        }
        // The bytes that do not fit are lost.
        here.send_to(b"longer", there_addr).await.unwrap();
        assert_eq!(there.recv(&mut buf[..2]).await.unwrap(), 2);
        let error = there.try_recv(&mut buf).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
    });
}

#[test]
fn a_connected_socket_receives_from_its_peer_only() {
    run(async || {
        let ((here, here_addr), (there, there_addr)) = (socket().await, socket().await);
        let (stranger, _) = socket().await;
        here.connect(there_addr).await.unwrap();
        assert_eq!(here.peer_addr().unwrap(), there_addr);
        stranger.send_to(b"psst", here_addr).await.unwrap();
        there.send_to(b"hello", here_addr).await.unwrap();
        let mut buf = [0; 16];
        assert_eq!(here.recv(&mut buf).await.unwrap(), 5);
        assert_eq!(here.send(b"answer").await.unwrap(), 6);
        assert_eq!(there.recv_from(&mut buf).await.unwrap(), (6, here_addr));
        let error = here.try_recv(&mut buf).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        let error = stranger.send(b"lost").await.unwrap_err();
        assert_eq!(
            wakeful::raw_os_error(&error),
            Some(Errno::DESTADDRREQ.raw_os_error())
        );
    });
}

#[test]
fn a_refused_datagram_is_an_error_and_the_socket_stays_usable() {
    run(async || {
        let (here, _) = socket().await;
        let (gone, gone_addr) = socket().await;
        // Bound, but not for datagrams from `here`: it is connected to another address.
        let (_other, other_addr) = socket().await;
        gone.connect(other_addr).await.unwrap();
        here.connect(gone_addr).await.unwrap();
        here.send(b"lost").await.unwrap();
        let error = here.recv(&mut [0; 16]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        let (there, there_addr) = socket().await;
        here.connect(there_addr).await.unwrap();
        here.send(b"you?").await.unwrap();
        assert_eq!(there.recv(&mut [0; 16]).await.unwrap(), 4);
        assert!(here.take_error().unwrap().is_none());
    });
}

#[test]
fn the_error_of_an_oversized_datagram_has_its_size() {
    run(async || {
        let ((here, _), (_there, there_addr)) = (socket().await, socket().await);
        let large = vec![0; 70_000];
        let error = here.send_to(&large, there_addr).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "send to {there_addr}: send a datagram of 70000 bytes, which is too large: \
                 Message too long (os error 90)"
            )
        );
        assert_eq!(
            wakeful::raw_os_error(&error),
            Some(Errno::MSGSIZE.raw_os_error())
        );
        here.connect(there_addr).await.unwrap();
        let error = here.send(&large).await.unwrap_err();
        assert!(error.to_string().contains("70000 bytes"), "{error}");
        let error = here.try_send(&large).unwrap_err();
        assert!(error.to_string().contains("70000 bytes"), "{error}");
        // The largest datagram of IPv4 is sent, and the socket is unchanged.
        assert_eq!(here.send(&large[..65_507]).await.unwrap(), 65_507);
    });
}

#[test]
fn peek_does_not_remove_a_datagram() {
    run(async || {
        let ((here, here_addr), (there, there_addr)) = (socket().await, socket().await);
        let mut buf = [0; 16];
        assert_eq!(
            there.try_peek(&mut buf).unwrap_err().kind(),
            ErrorKind::WouldBlock
        );
        here.send_to(b"look", there_addr).await.unwrap();
        assert_eq!(there.peek_from(&mut buf).await.unwrap(), (4, here_addr));
        assert_eq!(there.peek(&mut buf).await.unwrap(), 4);
        assert_eq!(there.try_peek(&mut buf).unwrap(), 4);
        assert_eq!(there.try_peek_from(&mut buf).unwrap(), (4, here_addr));
        let peeked = poll_fn(|cx| there.poll_peek(cx, &mut buf)).await;
        assert_eq!(peeked.unwrap(), 4);
        let peeked = poll_fn(|cx| there.poll_peek_from(cx, &mut buf)).await;
        assert_eq!(peeked.unwrap(), (4, here_addr));
        assert_eq!(there.recv_from(&mut buf).await.unwrap(), (4, here_addr));
        assert_eq!(
            there.try_recv_from(&mut buf).unwrap_err().kind(),
            ErrorKind::WouldBlock
        );
    });
}

#[test]
fn poll_and_try_methods_do_the_same() {
    run(async || {
        let ((here, here_addr), (there, there_addr)) = (socket().await, socket().await);
        let mut buf = [0; 16];
        here.writable().await.unwrap();
        assert_eq!(here.try_send_to(b"one", there_addr).unwrap(), 3);
        there.readable().await.unwrap();
        assert_eq!(there.try_recv_from(&mut buf).unwrap(), (3, here_addr));
        let sent = poll_fn(|cx| here.poll_send_to(cx, b"two!", there_addr)).await;
        assert_eq!(sent.unwrap(), 4);
        let received = poll_fn(|cx| there.poll_recv_from(cx, &mut buf)).await;
        assert_eq!(received.unwrap(), (4, here_addr));
        here.connect(there_addr).await.unwrap();
        assert_eq!(here.try_send(b"three").unwrap(), 5);
        there.ready(Interest::READABLE).await.unwrap();
        assert_eq!(there.try_recv(&mut buf).unwrap(), 5);
        let sent = poll_fn(|cx| here.poll_send(cx, b"four")).await;
        assert_eq!(sent.unwrap(), 4);
        let received = poll_fn(|cx| there.poll_recv(cx, &mut buf)).await;
        assert_eq!(received.unwrap(), 4);
    });
}

#[test]
fn two_tasks_read_one_socket_and_each_datagram_goes_to_one() {
    run(async || {
        let ((here, _), (there, there_addr)) = (socket().await, socket().await);
        let there = Rc::new(there);
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let there = there.clone();
                wakeful::spawn(async move {
                    let mut buf = [0; 16];
                    let mut got = Vec::new();
                    loop {
                        let n = there.recv(&mut buf).await.unwrap();
                        if n == 0 {
                            return got;
                        }
                        got.push(buf[0]);
                    }
                })
            })
            .collect();
        for i in 0..20 {
            here.send_to(&[i], there_addr).await.unwrap();
            if i % 3 == 0 {
                turn().await;
            }
        }
        let mut got = Vec::new();
        for _ in 0..2 {
            here.send_to(b"", there_addr).await.unwrap();
        }
        for reader in readers {
            got.extend(reader.await.unwrap());
        }
        got.sort_unstable();
        assert_eq!(got, (0..20).collect::<Vec<_>>());
    });
}

#[test]
fn a_multicast_group_is_joined_and_left() {
    run(async || {
        let group = Ipv4Addr::new(239, 1, 2, 3);
        let listener = UdpSocket::bind("0.0.0.0:0").await.unwrap();
        let to = SocketAddr::from((group, listener.local_addr().unwrap().port()));
        listener
            .join_multicast_v4(group, Ipv4Addr::LOCALHOST)
            .unwrap();
        let (sender, _) = socket().await;
        sender.set_multicast_if_v4(&Ipv4Addr::LOCALHOST).unwrap();
        sender.set_multicast_loop_v4(true).unwrap();
        sender.set_multicast_ttl_v4(2).unwrap();
        assert!(sender.multicast_loop_v4().unwrap());
        assert_eq!(sender.multicast_ttl_v4().unwrap(), 2);
        sender.send_to(b"all", to).await.unwrap();
        let mut buf = [0; 16];
        assert_eq!(listener.recv(&mut buf).await.unwrap(), 3);

        listener
            .leave_multicast_v4(group, Ipv4Addr::LOCALHOST)
            .unwrap();
        sender.send_to(b"gone", to).await.unwrap();
        let direct = (Ipv4Addr::LOCALHOST, to.port());
        sender.send_to(b"direct", direct).await.unwrap();
        assert_eq!(listener.recv(&mut buf).await.unwrap(), 6);
        let error = listener.leave_multicast_v4(group, Ipv4Addr::LOCALHOST);
        assert_eq!(error.unwrap_err().kind(), ErrorKind::AddrNotAvailable);
    });
}

#[test]
fn options_are_set() {
    run(async || {
        let (socket, _) = socket().await;
        let error = socket
            .send_to(b"all", "255.255.255.255:9")
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        socket.set_broadcast(true).unwrap();
        assert!(socket.broadcast().unwrap());
        socket.set_ttl(42).unwrap();
        assert_eq!(socket.ttl().unwrap(), 42);
        if let Ok(six) = UdpSocket::bind("[::1]:0").await {
            let group: Ipv6Addr = "ff02::123".parse().unwrap();
            six.set_multicast_loop_v6(false).unwrap();
            assert!(!six.multicast_loop_v6().unwrap());
            six.join_multicast_v6(&group, 1).unwrap();
            six.leave_multicast_v6(&group, 1).unwrap();
        }
    });
}

#[test]
fn a_used_port_and_a_missing_address_are_named() {
    run(async || {
        let (_socket, addr) = socket().await;
        let error = UdpSocket::bind(addr).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("bind to {addr}: Address already in use (os error 98)")
        );
        let none: [SocketAddr; 0] = [];
        let error = _socket.send_to(b"", none).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn a_socket_is_converted_to_std_and_back() {
    run(async || {
        let (ours, addr) = socket().await;
        let std = ours.into_std().unwrap();
        std.set_nonblocking(false).unwrap();
        std.send_to(b"self", addr).unwrap();
        assert_eq!(std.recv(&mut [0; 16]).unwrap(), 4);
        let ours = UdpSocket::from_std(std).unwrap();
        assert!(is_pending(pin!(ours.recv(&mut [0; 16]))).await);
        ours.send_to(b"again", addr).await.unwrap();
        assert_eq!(ours.recv(&mut [0; 16]).await.unwrap(), 5);
    });
}
