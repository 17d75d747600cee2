//! Tests that hold with tokio's sockets too. The parent module has the names, and `run`.

use std::future::{Future, poll_fn};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd};
use std::os::unix::net as std_unix;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt;

use super::net::unix::{self, pipe};
use super::net::{
    TcpListener, TcpSocket, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixSocket,
    UnixStream, tcp,
};
use super::*;

/// Returns after a turn of the reactor that found all events so far.
async fn turn() {
    let (here, there) = UnixStream::pair().unwrap();
    assert_eq!(there.try_write(b"x").unwrap(), 1);
    here.readable().await.unwrap();
}

/// Whether a future waits.
fn waits<T>(future: impl Future<Output = T>) -> bool {
    pin!(future).now_or_never().is_none()
}

async fn connected() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let (server, _) = listener.accept().await.unwrap();
    (client, server)
}

fn any_port() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

fn path() -> PathBuf {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!(
        "{}-{number}-{}",
        std::process::id(),
        module_path!().replace(':', "-")
    );
    std::env::temp_dir().join(name)
}

async fn read(stream: &TcpStream, buf: &mut [u8]) -> std::io::Result<usize> {
    loop {
        stream.readable().await?;
        match stream.try_read(buf) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            result => return result,
        }
    }
}

#[test]
fn a_fresh_pair_is_writable_and_not_readable() {
    run(async || {
        let (here, there) = UnixStream::pair().unwrap();
        assert!(waits(here.readable()));
        turn().await;
        assert!(waits(here.ready(Interest::READABLE)));
        let ready = here
            .ready(Interest::READABLE | Interest::WRITABLE)
            .await
            .unwrap();
        assert!(ready.is_writable() && !ready.is_readable(), "{ready:?}");
        assert!(!waits(there.writable()));

        let (here, _there) = UnixDatagram::pair().unwrap();
        turn().await;
        assert!(waits(here.readable()));
        assert!(!waits(here.writable()));

        let socket = UdpSocket::bind(any_port()).await.unwrap();
        turn().await;
        assert!(waits(socket.readable()));
        assert!(!waits(socket.writable()));

        let (client, _server) = connected().await;
        turn().await;
        assert!(waits(client.readable()));
        assert!(!waits(client.writable()));
    });
}

#[test]
fn after_a_short_try_write_writable_returns_when_the_peer_has_read() {
    run(async || {
        let (client, server) = connected().await;
        let chunk = vec![0; 1 << 20];
        client.writable().await.unwrap();
        let mut sent = 0;
        loop {
            match client.try_write(&chunk) {
                Ok(n) => sent += n,
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock);
                    break;
                }
            }
            if sent % chunk.len() != 0 {
                break;
            }
        }
        assert!(sent > 0);
        let mut buf = vec![0; 1 << 20];
        let mut received = 0;
        while received < sent {
            received += read(&server, &mut buf).await.unwrap();
        }
        loop {
            client.writable().await.unwrap();
            match client.try_write(b"x") {
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
                Ok(n) => break assert_eq!(n, 1),
            }
        }
    });
}

#[test]
fn the_end_of_the_stream_is_reported_as_closed() {
    run(async || {
        let (here, there) = UnixStream::pair().unwrap();
        drop(there);
        let ready = here.ready(Interest::READABLE).await.unwrap();
        assert!(ready.is_readable() && ready.is_read_closed(), "{ready:?}");
        assert_eq!(here.try_read(&mut [0; 8]).unwrap(), 0);
    });
}

#[test]
fn zero_linger_resets_the_connection() {
    run(async || {
        let (client, server) = connected().await;
        client.set_zero_linger().unwrap();
        drop(client);
        let error = read(&server, &mut [0; 8]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);

        let socket = TcpSocket::new_v4().unwrap();
        socket.set_zero_linger().unwrap();
        assert_eq!(socket.linger().unwrap(), Some(Duration::ZERO));
    });
}

// Linux only: `TCP_QUICKACK`.
#[cfg(target_os = "linux")]
#[test]
fn quickack_and_the_type_of_service_are_set() {
    run(async || {
        let (client, _server) = connected().await;
        client.set_quickack(false).unwrap();
        assert!(!client.quickack().unwrap());
        client.set_quickack(true).unwrap();
        assert!(client.quickack().unwrap());

        let socket = TcpSocket::new_v4().unwrap();
        socket.set_tos_v4(0x10).unwrap();
        assert_eq!(socket.tos_v4().unwrap(), 0x10);
        let socket = UdpSocket::bind(any_port()).await.unwrap();
        socket.set_tos_v4(0x08).unwrap();
        assert_eq!(socket.tos_v4().unwrap(), 0x08);
        assert_eq!(socket.device().unwrap(), None);
        match TcpSocket::new_v6() {
            Ok(socket) => {
                socket.set_tclass_v6(0x20).unwrap();
                assert_eq!(socket.tclass_v6().unwrap(), 0x20);
            }
            Err(error) => println!("no IPv6 here: {error}"),
        }
        if let Ok(socket) = UdpSocket::bind("[::1]:0").await {
            socket.set_tclass_v6(0x28).unwrap();
            assert_eq!(socket.tclass_v6().unwrap(), 0x28);
        }
    });
}

#[test]
fn sockets_of_std_convert_both_ways() {
    run(async || {
        let listener = std::net::TcpListener::bind(any_port()).unwrap();
        listener.set_nonblocking(true).unwrap();
        let listener = TcpListener::try_from(listener).unwrap();
        let addr = listener.local_addr().unwrap();
        let stream = std::net::TcpStream::connect(addr).unwrap();
        stream.set_nonblocking(true).unwrap();
        let stream = TcpStream::try_from(stream).unwrap();
        let (server, peer) = listener.accept().await.unwrap();
        assert_eq!(stream.into_std().unwrap().local_addr().unwrap(), peer);
        assert_eq!(server.into_std().unwrap().local_addr().unwrap(), addr);
        assert_eq!(listener.into_std().unwrap().local_addr().unwrap(), addr);

        let socket = std::net::UdpSocket::bind(any_port()).unwrap();
        socket.set_nonblocking(true).unwrap();
        let addr = socket.local_addr().unwrap();
        let socket = UdpSocket::try_from(socket).unwrap();
        assert_eq!(socket.into_std().unwrap().local_addr().unwrap(), addr);

        let (here, there) = std_unix::UnixStream::pair().unwrap();
        here.set_nonblocking(true).unwrap();
        there.set_nonblocking(true).unwrap();
        let here = UnixStream::try_from(here).unwrap();
        let there = UnixStream::try_from(there).unwrap();
        here.writable().await.unwrap();
        assert_eq!(here.try_write(b"x").unwrap(), 1);
        there.readable().await.unwrap();
        assert!(there.into_std().is_ok());

        let (here, _there) = std_unix::UnixDatagram::pair().unwrap();
        here.set_nonblocking(true).unwrap();
        assert!(UnixDatagram::try_from(here).unwrap().into_std().is_ok());

        let path = path();
        let listener = std_unix::UnixListener::bind(&path).unwrap();
        listener.set_nonblocking(true).unwrap();
        let listener = UnixListener::try_from(listener).unwrap();
        assert!(listener.take_error().unwrap().is_none());
        assert!(listener.into_std().is_ok());
        std::fs::remove_file(path).unwrap();
    });
}

#[test]
fn halves_have_types_without_parameters() {
    fn whole(read: tcp::OwnedReadHalf, write: tcp::OwnedWriteHalf) -> TcpStream {
        read.reunite(write).unwrap()
    }
    fn borrowed(read: &tcp::ReadHalf<'_>, write: &tcp::WriteHalf<'_>) -> bool {
        read.peer_addr().is_ok() && write.local_addr().is_ok()
    }
    fn unix_whole(read: unix::OwnedReadHalf, write: unix::OwnedWriteHalf) -> UnixStream {
        write.reunite(read).unwrap()
    }
    run(async || {
        let (mut client, server) = connected().await;
        {
            let (read, write) = client.split();
            assert!(borrowed(&read, &write));
            assert!(AsRef::<TcpStream>::as_ref(&read).nodelay().is_ok());
            assert!(AsRef::<TcpStream>::as_ref(&write).nodelay().is_ok());
        }
        let (read, write) = client.into_split();
        let (other_read, other_write) = server.into_split();
        let tcp::ReuniteError(read, other_write) = read.reunite(other_write).unwrap_err();
        assert!(AsRef::<TcpStream>::as_ref(&read).nodelay().is_ok());
        write.writable().await.unwrap();
        assert_eq!(write.try_write(b"x").unwrap(), 1);
        other_read.readable().await.unwrap();
        let server = whole(other_read, other_write);
        drop(whole(read, write));
        let mut buf = [0; 8];
        assert_eq!(read_all(&server, &mut buf).await, 1);

        let (mut here, there) = UnixStream::pair().unwrap();
        {
            let (read, write): (unix::ReadHalf<'_>, unix::WriteHalf<'_>) = here.split();
            assert!(read.local_addr().unwrap().is_unnamed());
            assert!(AsRef::<UnixStream>::as_ref(&write).peer_addr().is_ok());
        }
        let (read, write) = here.into_split();
        let (other, _) = there.into_split();
        let unix::ReuniteError(_, write) = other.reunite(write).unwrap_err();
        drop(unix_whole(read, write));
    });
}

async fn read_all(stream: &TcpStream, buf: &mut [u8]) -> usize {
    let mut count = 0;
    loop {
        match read(stream, buf).await.unwrap() {
            0 => return count,
            n => count += n,
        }
    }
}

#[test]
fn dropping_an_owned_write_half_ends_the_stream_and_forget_does_not() {
    run(async || {
        let (client, server) = connected().await;
        let (_read, write) = client.into_split();
        drop(write);
        assert_eq!(read(&server, &mut [0; 8]).await.unwrap(), 0);

        let (client, server) = connected().await;
        let (_read, write) = client.into_split();
        write.forget();
        turn().await;
        assert_eq!(
            server.try_read(&mut [0; 8]).unwrap_err().kind(),
            ErrorKind::WouldBlock
        );
    });
}

#[test]
fn a_unix_socket_is_bound_before_it_listens_or_connects() {
    run(async || {
        let (server_path, client_path) = (path(), path());
        let socket = UnixSocket::new_stream().unwrap();
        socket.bind(&server_path).unwrap();
        let listener = socket.listen(8).unwrap();
        let socket = UnixSocket::new_stream().unwrap();
        socket.bind(&client_path).unwrap();
        let client = socket.connect(&server_path).await.unwrap();
        let (_server, peer) = listener.accept().await.unwrap();
        assert_eq!(peer.as_pathname(), Some(client_path.as_path()));
        assert!(client.peer_cred().is_ok());

        let datagram_path = path();
        let socket = UnixSocket::new_datagram().unwrap();
        socket.bind(&datagram_path).unwrap();
        let receiver = socket.datagram().unwrap();
        let sender = UnixSocket::new_datagram().unwrap().datagram().unwrap();
        let sent = poll_fn(|cx| sender.poll_send_to(cx, b"hello", &datagram_path)).await;
        assert_eq!(sent.unwrap(), 5);
        assert_eq!(receiver.recv(&mut [0; 8]).await.unwrap(), 5);

        let stream = || UnixSocket::new_stream().unwrap();
        let datagram = || UnixSocket::new_datagram().unwrap();
        assert_eq!(stream().datagram().unwrap_err().kind(), ErrorKind::Other);
        assert_eq!(datagram().listen(1).unwrap_err().kind(), ErrorKind::Other);
        let wrong = datagram().connect(&server_path).await;
        assert_eq!(wrong.unwrap_err().kind(), ErrorKind::Other);
        for path in [server_path, client_path, datagram_path] {
            std::fs::remove_file(path).unwrap();
        }
    });
}

#[test]
fn sockets_are_made_from_descriptors_and_give_them_back() {
    run(async || {
        let socket = TcpSocket::new_v4().unwrap();
        let number = socket.as_raw_fd();
        let raw = socket.into_raw_fd();
        assert_eq!(raw, number);
        // SAFETY: `into_raw_fd` has given the descriptor up.
        let socket = unsafe { TcpSocket::from_raw_fd(raw) };
        socket.bind(any_port()).unwrap();
        assert!(socket.take_error().unwrap().is_none());

        let raw = UnixSocket::new_stream().unwrap().into_raw_fd();
        // SAFETY: `into_raw_fd` has given the descriptor up.
        let socket = unsafe { UnixSocket::from_raw_fd(raw) };
        assert!(socket.as_fd().try_clone_to_owned().is_ok());

        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        let socket = socket.unwrap();
        socket.set_nonblocking(true).unwrap();
        let socket = TcpSocket::from_std_stream(socket.into());
        socket.bind(any_port()).unwrap();
        assert!(socket.listen(1).is_ok());
    });
}

#[test]
fn the_sender_of_a_datagram_is_peeked() {
    run(async || {
        let here = UdpSocket::bind(any_port()).await.unwrap();
        let there = UdpSocket::bind(any_port()).await.unwrap();
        let from = here.local_addr().unwrap();
        let none = there.try_peek_sender().unwrap_err();
        assert_eq!(none.kind(), ErrorKind::WouldBlock);
        assert!(waits(poll_fn(|cx| there.poll_recv_ready(cx))));
        poll_fn(|cx| here.poll_send_ready(cx)).await.unwrap();
        let to = there.local_addr().unwrap();
        assert_eq!(here.send_to(b"ping", to).await.unwrap(), 4);
        assert_eq!(there.peek_sender().await.unwrap(), from);
        poll_fn(|cx| there.poll_recv_ready(cx)).await.unwrap();
        assert_eq!(there.try_peek_sender().unwrap(), from);
        let peeked = poll_fn(|cx| there.poll_peek_sender(cx)).await;
        assert_eq!(peeked.unwrap(), from);
        assert_eq!(there.recv(&mut [0; 8]).await.unwrap(), 4);
    });
}

#[test]
fn datagrams_of_unix_are_polled_for_readiness() {
    run(async || {
        let (here, there) = UnixDatagram::pair().unwrap();
        assert!(waits(poll_fn(|cx| there.poll_recv_ready(cx))));
        poll_fn(|cx| here.poll_send_ready(cx)).await.unwrap();
        assert_eq!(here.send(b"x").await.unwrap(), 1);
        poll_fn(|cx| there.poll_recv_ready(cx)).await.unwrap();
        assert_eq!(there.try_recv(&mut [0; 8]).unwrap(), 1);
    });
}

#[test]
fn pipes_have_ready_and_try_io() {
    run(async || {
        let (sender, receiver): (pipe::Sender, pipe::Receiver) = pipe::pipe().unwrap();
        assert!(waits(receiver.ready(Interest::READABLE)));
        assert!(
            sender
                .ready(Interest::WRITABLE)
                .await
                .unwrap()
                .is_writable()
        );
        let bytes = vec![b'x'; 3];
        let write = sender.try_io(|| Ok(rustix::io::write(&sender, &{ bytes })?));
        assert_eq!(write.unwrap(), 3);
        assert!(
            receiver
                .ready(Interest::READABLE)
                .await
                .unwrap()
                .is_readable()
        );
        let read = || Ok(rustix::io::read(&receiver, &mut [0; 8])?);
        assert_eq!(receiver.try_io(read).unwrap(), 3);
        let none: std::io::Error = receiver.try_io(read).unwrap_err();
        assert_eq!(none.kind(), ErrorKind::WouldBlock);
        assert!(waits(receiver.readable()));
        drop(sender);
        assert!(
            receiver
                .ready(Interest::READABLE)
                .await
                .unwrap()
                .is_read_closed()
        );
    });
}

#[test]
fn try_io_of_a_socket_takes_a_closure_that_can_be_called_once() {
    run(async || {
        let (here, there) = UnixStream::pair().unwrap();
        let bytes = vec![b'x'; 3];
        there.writable().await.unwrap();
        let write = there.try_io(Interest::WRITABLE, || {
            Ok(rustix::io::write(&there, &{ bytes })?)
        });
        assert_eq!(write.unwrap(), 3);
        here.readable().await.unwrap();
        let read = || Ok(rustix::io::read(&here, &mut [0; 8])?);
        assert_eq!(here.try_io(Interest::READABLE, read).unwrap(), 3);
        let none: std::io::Error = here.try_io(Interest::READABLE, read).unwrap_err();
        assert_eq!(none.kind(), ErrorKind::WouldBlock);
        assert!(waits(here.readable()));
    });
}
