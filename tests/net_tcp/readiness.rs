//! Readiness: the end of the stream, resets, and operations that do not wait.

use std::io::{self, ErrorKind, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd};
use std::pin::pin;

use wakeful::net::{TcpListener, TcpStream};
use wakeful::reactor::Interest;

use super::reset;
use super::support::{is_pending, run, tcp_and_std, tcp_pair, turn};

#[test]
fn bytes_and_the_end_that_come_before_the_accept_are_both_read() {
    run(async || {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        client.write_all(b"brief").unwrap();
        drop(client);
        let (server, _) = listener.accept().await.unwrap();
        let mut buf = [0; 64];
        assert_eq!(server.read(&mut buf).await.unwrap(), 5);
        for _ in 0..3 {
            assert_eq!(server.read(&mut buf).await.unwrap(), 0, "the end stays");
        }
    });
}

#[test]
fn bytes_and_the_end_that_come_in_one_event_are_both_read() {
    run(async || {
        let (server, mut client) = tcp_and_std().await;
        let mut buf = [0; 64];
        {
            let mut read = pin!(server.read(&mut buf));
            assert!(is_pending(read.as_mut()).await);
            client.write_all(b"brief").unwrap();
            client.shutdown(Shutdown::Write).unwrap();
            assert_eq!(read.await.unwrap(), 5);
        }
        assert_eq!(server.read(&mut buf).await.unwrap(), 0);
    });
}

#[test]
fn an_end_that_comes_between_the_event_and_the_read_is_seen() {
    run(async || {
        let (server, mut client) = tcp_and_std().await;
        let mut buf = [0; 64];
        // Consumes the readiness that a new stream is assumed to have.
        assert_eq!(
            server.try_read(&mut buf).unwrap_err().kind(),
            ErrorKind::WouldBlock
        );
        client.write_all(b"brief").unwrap();
        server.readable().await.unwrap();
        // The loop runs no turn from here to the read, which is short.
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(server.try_read(&mut buf).unwrap(), 5);
        assert_eq!(server.read(&mut buf).await.unwrap(), 0);
    });
}

#[test]
fn a_reset_is_an_error_and_wakes_waiters() {
    run(async || {
        let (ours, theirs) = tcp_and_std().await;
        let mut buf = [0; 16];
        {
            let mut read = pin!(ours.read(&mut buf));
            assert!(is_pending(read.as_mut()).await);
            reset(theirs);
            assert_eq!(read.await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        }
        // The error has been returned; the connection has no peer any more.
        assert_eq!(ours.read(&mut buf).await.unwrap(), 0);
        let error = ours.write(b"more").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);

        let (ours, theirs) = tcp_and_std().await;
        reset(theirs);
        turn().await;
        let error = ours.take_error().unwrap().expect("an error waits");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert!(ours.take_error().unwrap().is_none(), "it was taken");
    });
}

#[test]
fn a_new_descriptor_with_a_reused_number_gets_no_old_events() {
    run(async || {
        let (old, mut old_peer) = tcp_and_std().await;
        let number = old.as_raw_fd();
        // The duplicate keeps the old socket open, and its events coming.
        let duplicate = old.as_fd().try_clone_to_owned().unwrap();
        old_peer.write_all(b"old").unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        drop(old);
        let (stream, _) = listener.accept().unwrap();
        let new = TcpStream::from_std(stream).unwrap();
        if new.as_raw_fd() != number {
            // Another test has taken the number in between.
            return;
        }
        let mut buf = [0; 16];
        {
            let mut read = pin!(new.read(&mut buf));
            assert!(is_pending(read.as_mut()).await);
            old_peer.write_all(b"old").unwrap();
            turn().await;
            let error = new.try_read(&mut [0; 16]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
            assert!(is_pending(read.as_mut()).await);
            peer.write_all(b"new").unwrap();
            assert_eq!(read.await.unwrap(), 3);
        }
        assert_eq!(&buf[..3], b"new");
        drop(duplicate);
    });
}

#[test]
fn try_methods_never_wait() {
    run(async || {
        let (client, server) = tcp_pair().await;
        let mut buf = vec![0; 1 << 16];
        let error = server.try_read(&mut buf).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        let mut sent = 0;
        let error = loop {
            match client.try_write(&buf) {
                Ok(n) => sent += n,
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        let mut room = pin!(client.writable());
        assert!(is_pending(room.as_mut()).await);
        while sent > 0 {
            server.ready(Interest::READABLE).await.unwrap();
            match server.try_read(&mut buf) {
                Ok(n) => sent -= n,
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
        room.await.unwrap();
        client.try_write(b"more").unwrap();
    });
}

#[test]
fn an_operation_of_the_user_takes_part_in_the_readiness() {
    run(async || {
        let (client, server) = tcp_pair().await;
        let receive =
            || socket2::SockRef::from(&server).recv(&mut [std::mem::MaybeUninit::uninit()]);
        let error = server.try_io(Interest::READABLE, receive).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        // The socket is recorded as not ready: the operation is not even called.
        let never = || -> io::Result<()> { panic!("it is called") };
        let error = server.try_io(Interest::READABLE, never).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        let mut received = pin!(server.async_io(Interest::READABLE, receive));
        assert!(is_pending(received.as_mut()).await);
        client.write(b"!").await.unwrap();
        assert_eq!(received.await.unwrap(), 1);
    });
}

#[test]
fn urgent_data_cuts_a_read_short_and_the_rest_is_read() {
    run(async || {
        let (ours, mut theirs) = tcp_and_std().await;
        let mut buf = [0; 64];
        {
            let mut read = pin!(ours.read(&mut buf));
            assert!(is_pending(read.as_mut()).await);
            theirs.write_all(b"before").unwrap();
            socket2::SockRef::from(&theirs)
                .send_out_of_band(b"!")
                .unwrap();
            theirs.write_all(b"after").unwrap();
            assert_eq!(read.await.unwrap(), 6);
        }
        let mut received = buf[..6].to_vec();
        // The system stopped at the mark. The bytes after it are there, and no event reports them.
        while received.len() < 11 {
            let n = ours.read(&mut buf).await.unwrap();
            received.extend(&buf[..n]);
        }
        assert_eq!(received, b"beforeafter");
    });
}
