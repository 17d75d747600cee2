//! UDP.

use std::error::Error;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::Ipv4Addr;
use std::rc::Rc;

use wakeful::spawn;
use wakeful_net::UdpSocket;

async fn socket() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").await.unwrap()
}

#[wakeful::test]
async fn datagrams_with_and_without_a_connection() {
    let (a, b) = (socket().await, socket().await);
    let (at_a, at_b) = (a.local_addr().unwrap(), b.local_addr().unwrap());
    let mut buf = [0; 16];
    a.send_to(b"one", at_b).await.unwrap();
    assert_eq!(b.peek_from(&mut buf).await.unwrap(), (3, at_a));
    assert_eq!(b.recv_from(&mut buf).await.unwrap(), (3, at_a));

    a.connect(at_b).await.unwrap();
    b.connect(at_a).await.unwrap();
    assert_eq!(a.peer_addr().unwrap(), at_b);
    a.send(b"three").await.unwrap();
    assert_eq!(b.peek(&mut buf).await.unwrap(), 5);
    assert_eq!(b.recv(&mut buf).await.unwrap(), 5);
    assert_eq!(
        b.try_recv(&mut buf).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
    a.try_send(b"4444").unwrap();
    assert_eq!(poll_fn(|cx| b.poll_recv(cx, &mut buf)).await.unwrap(), 4);
    // What does not fit is cut off.
    a.send(&[7; 100]).await.unwrap();
    assert_eq!(b.recv(&mut buf).await.unwrap(), 16);
}

#[wakeful::test]
async fn two_tasks_share_a_socket() {
    let (a, b) = (socket().await, Rc::new(socket().await));
    let receive = |b: Rc<UdpSocket>| async move { b.recv(&mut [0; 8]).await.unwrap() };
    let (first, second) = (spawn(receive(b.clone())), spawn(receive(b.clone())));
    wakeful::task::yield_now().await;
    a.send_to(b"1", b.local_addr().unwrap()).await.unwrap();
    a.send_to(b"22", b.local_addr().unwrap()).await.unwrap();
    assert_eq!(first.await.unwrap() + second.await.unwrap(), 3);
}

#[wakeful::test]
async fn a_datagram_too_large_is_refused_with_its_size() {
    let (a, b) = (socket().await, socket().await);
    let error = a
        .send_to(&[0; 70_000], b.local_addr().unwrap())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("70000 bytes"), "{error}");
    // The system's own error is at the end of the chain.
    let mut cause: &(dyn Error + 'static) = &error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    let text = cause.to_string();
    assert!(text.contains("os error"), "{text}");
    // The socket is as good as before.
    a.send_to(b"x", b.local_addr().unwrap()).await.unwrap();
    assert_eq!(b.recv(&mut [0; 8]).await.unwrap(), 1);
}

#[wakeful::test]
async fn an_unreachable_port_is_told_once() {
    let (a, b) = (socket().await, socket().await);
    let at_b = b.local_addr().unwrap();
    a.connect(at_b).await.unwrap();
    drop(b);
    a.send(b"x").await.unwrap();
    let error: io::Error = a.recv(&mut [0; 8]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    assert_eq!(
        a.try_recv(&mut [0; 8]).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
}

#[wakeful::test]
async fn groups_and_options() {
    let socket = UdpSocket::bind("0.0.0.0:0").await.unwrap();
    let (group, local) = (Ipv4Addr::new(239, 1, 2, 3), Ipv4Addr::LOCALHOST);
    socket.join_multicast_v4(group, local).unwrap();
    socket.set_multicast_if_v4(&local).unwrap();
    socket.set_multicast_loop_v4(true).unwrap();
    socket.set_multicast_ttl_v4(1).unwrap();
    socket.set_broadcast(true).unwrap();
    assert!(socket.broadcast().unwrap() && socket.multicast_loop_v4().unwrap());
    socket
        .send_to(b"all", (group, socket.local_addr().unwrap().port()))
        .await
        .unwrap();
    let mut buf = [0; 8];
    assert_eq!(socket.recv(&mut buf).await.unwrap(), 3);
    socket.leave_multicast_v4(group, local).unwrap();
}
