//! Ends and resets of connections, where both ends are ours.

use std::future::{Future, poll_fn};
use std::io::{Error, ErrorKind, IoSlice, IoSliceMut};
use std::net::Shutdown;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use crate::over_both;
use wakeful::net::{TcpListener, TcpSocket, TcpStream};
use wakeful::time::sleep;

const ANY: &str = "127.0.0.1:0";

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(ANY).await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    (client, listener.accept().await.unwrap().0)
}

/// Lets packets arrive.
async fn turn() {
    for _ in 0..3 {
        sleep(Duration::from_millis(1)).await;
    }
}

async fn is_pending<F: Future>(mut future: Pin<&mut F>) -> bool {
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_pending())).await
}

/// Closes with a reset.
fn reset(stream: TcpStream) {
    stream.set_zero_linger().unwrap();
}

fn kind<T>(result: Result<T, Error>) -> ErrorKind {
    result.map(drop).unwrap_err().kind()
}

#[test]
fn a_reset_is_an_error_and_wakes_waiters() {
    over_both(async || {
        let (ours, theirs) = pair().await;
        let mut buf = [0; 16];
        {
            let mut read = pin!(ours.read(&mut buf));
            assert!(is_pending(read.as_mut()).await);
            reset(theirs);
            assert_eq!(kind(read.await), ErrorKind::ConnectionReset);
        }
        // The error has been returned; the connection has no peer any more.
        assert_eq!(ours.read(&mut buf).await.unwrap(), 0);
        assert_eq!(kind(ours.write(b"more").await), ErrorKind::BrokenPipe);
        assert_eq!(kind(ours.peer_addr()), ErrorKind::NotConnected);
        ours.shutdown(Shutdown::Both).unwrap();

        let (ours, theirs) = pair().await;
        reset(theirs);
        turn().await;
        let error = ours.take_error().unwrap().expect("an error waits");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert!(ours.take_error().unwrap().is_none(), "it was taken");
    });
}

#[test]
fn a_close_with_unread_bytes_resets_the_connection() {
    over_both(async || {
        let (ours, theirs) = pair().await;
        ours.write_all(b"unread").await.unwrap();
        turn().await;
        drop(theirs);
        turn().await;
        assert_eq!(
            kind(ours.read(&mut [0; 4]).await),
            ErrorKind::ConnectionReset
        );
    });
}

#[test]
fn bytes_that_came_before_a_reset_are_read_and_then_the_end() {
    over_both(async || {
        let (ours, theirs) = pair().await;
        theirs.write_all(b"brief").await.unwrap();
        turn().await;
        drop(theirs);
        turn().await;
        // The peer has closed: it answers with a reset.
        assert_eq!(ours.write(b"late").await.unwrap(), 4);
        turn().await;
        let mut buf = [0; 16];
        assert_eq!(ours.read(&mut buf).await.unwrap(), 5);
        assert_eq!(ours.read(&mut buf).await.unwrap(), 0);
        // The peer had ended its direction, so the error is not that of a reset.
        let error = ours.take_error().unwrap().expect("an error waits");
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn a_write_after_a_reset_fails_first_with_its_error() {
    over_both(async || {
        let (ours, theirs) = pair().await;
        reset(theirs);
        turn().await;
        assert_eq!(kind(ours.write(b"a").await), ErrorKind::ConnectionReset);
        assert_eq!(kind(ours.write(b"a").await), ErrorKind::BrokenPipe);
    });
}

#[test]
fn bytes_and_the_end_that_come_before_the_accept_are_both_read() {
    over_both(async || {
        let listener = TcpListener::bind(ANY).await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        client.write_all(b"brief").await.unwrap();
        drop(client);
        turn().await;
        let (server, _) = listener.accept().await.unwrap();
        let mut buf = [0; 64];
        assert_eq!(server.read(&mut buf).await.unwrap(), 5);
        for _ in 0..3 {
            assert_eq!(server.read(&mut buf).await.unwrap(), 0, "the end stays");
        }
    });
}

#[test]
fn a_shutdown_of_reading_ends_reads_and_keeps_writes() {
    over_both(async || {
        let (ours, theirs) = pair().await;
        let mut buf = [0; 16];
        {
            let mut read = pin!(ours.read(&mut buf));
            assert!(is_pending(read.as_mut()).await);
            ours.shutdown(Shutdown::Read).unwrap();
            assert_eq!(read.await.unwrap(), 0);
        }
        ours.write_all(b"still").await.unwrap();
        assert_eq!(theirs.read(&mut buf).await.unwrap(), 5);
    });
}

#[test]
fn both_sides_end_and_the_connection_has_no_peer() {
    over_both(async || {
        let (ours, theirs) = pair().await;
        ours.shutdown(Shutdown::Write).unwrap();
        assert_eq!(theirs.read(&mut [0]).await.unwrap(), 0);
        assert!(theirs.peer_addr().is_ok());
        theirs.shutdown(Shutdown::Write).unwrap();
        assert_eq!(ours.read(&mut [0]).await.unwrap(), 0);
        turn().await;
        assert_eq!(kind(ours.peer_addr()), ErrorKind::NotConnected);
        assert_eq!(kind(theirs.peer_addr()), ErrorKind::NotConnected);
        assert_eq!(kind(theirs.write(b"x").await), ErrorKind::BrokenPipe);
    });
}

#[test]
fn a_listener_that_is_closed_refuses_and_resets_what_it_has_not_accepted() {
    over_both(async || {
        let listener = TcpListener::bind(ANY).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let client = TcpStream::connect(addr).await.unwrap();
        turn().await;
        drop(listener);
        turn().await;
        assert_eq!(
            kind(client.read(&mut [0]).await),
            ErrorKind::ConnectionReset
        );
        assert_eq!(
            kind(TcpStream::connect(addr).await),
            ErrorKind::ConnectionRefused
        );
    });
}

#[test]
fn vectored_calls_fill_several_buffers() {
    over_both(async || {
        let (ours, theirs) = pair().await;
        let out = [&b"one"[..], b"", b"two and", b" three"].map(IoSlice::new);
        assert_eq!(ours.write_vectored(&out).await.unwrap(), 16);
        turn().await;
        let (mut a, mut b, mut c, mut d) = ([0; 3], [], [0; 4], [0; 12]);
        let mut bufs = [&mut a[..], &mut b, &mut c, &mut d].map(IoSliceMut::new);
        assert_eq!(theirs.read_vectored(&mut bufs).await.unwrap(), 16);
        assert_eq!((&a, &c, &d[..9]), (b"one", b"two ", &b"and three"[..]));
        assert_eq!(
            kind(theirs.try_read_vectored(&mut [IoSliceMut::new(&mut a)])),
            ErrorKind::WouldBlock
        );
    });
}

#[test]
fn a_socket_is_bound_once_to_an_address_of_its_host() {
    over_both(async || {
        let any = ANY.parse().unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        assert_eq!(socket.local_addr().unwrap().port(), 0);
        socket.bind(any).unwrap();
        assert_ne!(socket.local_addr().unwrap().port(), 0);
        assert_eq!(kind(socket.bind(any)), ErrorKind::InvalidInput);
        let socket = TcpSocket::new_v4().unwrap();
        let foreign = "192.0.2.1:0".parse().unwrap();
        assert_eq!(kind(socket.bind(foreign)), ErrorKind::AddrNotAvailable);
        let six = "[::1]:0".parse().unwrap();
        // `EAFNOSUPPORT` or `EINVAL`, which have no kind in common.
        assert!(socket.bind(six).is_err());
    });
}

#[test]
fn small_buffers_are_kept() {
    over_both(async || {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(10_000).unwrap();
        socket.set_send_buffer_size(10_000).unwrap();
        // Linux doubles both.
        assert_eq!(socket.recv_buffer_size().unwrap(), 20_000);
        assert_eq!(socket.send_buffer_size().unwrap(), 20_000);
    });
}
