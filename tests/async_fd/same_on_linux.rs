//! As `same`: what only epoll reports.

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream, UdpSocket};

use rustix::net::{RecvFlags, SendFlags};

use super::same::{turn, waits};
use super::*;

fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let here = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let there = listener.accept().unwrap().0;
    here.set_nonblocking(true).unwrap();
    (here, there)
}

#[test]
fn urgent_data_is_a_priority_event() {
    run(async || {
        let (here, there) = tcp();
        let here = AsyncFd::with_interest(here, Interest::PRIORITY).unwrap();
        turn().await;
        assert!(waits(here.ready(Interest::PRIORITY)));
        rustix::net::send(&there, b"!", SendFlags::OOB).unwrap();
        let mut guard = here.ready(Interest::PRIORITY).await.unwrap();
        assert!(guard.ready().is_priority());
        let mut urgent = [0];
        rustix::net::recv(here.get_ref(), &mut urgent, RecvFlags::OOB).unwrap();
        assert_eq!(&urgent, b"!");
        guard.clear_ready();
        assert!(waits(here.ready(Interest::PRIORITY)));
    });
}

#[test]
fn a_refused_datagram_is_an_error_event() {
    run(async || {
        let closed = UdpSocket::bind("127.0.0.1:0").unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(closed.local_addr().unwrap()).unwrap();
        drop(closed);
        socket.set_nonblocking(true).unwrap();
        let socket = AsyncFd::with_interest(socket, Interest::ERROR).unwrap();
        turn().await;
        assert!(waits(socket.ready(Interest::ERROR)));
        socket.get_ref().send(b"x").unwrap();
        assert!(
            socket
                .ready(Interest::ERROR)
                .await
                .unwrap()
                .ready()
                .is_error()
        );
        let error = socket.get_ref().take_error().unwrap().unwrap();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn a_pipe_without_a_receiver_is_in_error_and_writable() {
    run(async || {
        let (receiver, sender) = std::io::pipe().unwrap();
        let sender = AsyncFd::with_interest(sender, Interest::WRITABLE).unwrap();
        drop(receiver);
        turn().await;
        let both = Interest::WRITABLE | Interest::ERROR;
        let ready = sender.ready(both).await.unwrap().ready();
        assert!(ready.is_writable() && ready.is_error(), "{ready:?}");
    });
}

#[test]
fn the_sets_of_states_know_priority() {
    assert_eq!(Ready::WRITABLE & Ready::PRIORITY, Ready::EMPTY);
    assert!(Ready::ALL.is_priority());
    let mut more = Interest::ERROR;
    more |= Interest::PRIORITY;
    assert!(more.is_error() && more.is_priority() && !more.is_readable());
}
