//! TCP connections: every byte arrives once and in order, with any kind of read; every end is seen.

use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{Either, join, select};
use futures_util::{AsyncReadExt, AsyncWriteExt};
use wakeful::net::{TcpListener, TcpStream};
use wakeful::reactor::Interest;
use wakeful::task::yield_now;

#[path = "support/net.rs"]
mod support;
use support::{all_of, both_ways, is_pending, pattern, run, tcp_and_std, tcp_pair, turn};

#[test]
fn an_echo_server_answers_each_client() {
    run(async || {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let server = wakeful::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                wakeful::spawn(async move {
                    let copied = futures_util::io::copy(&stream, &mut &stream).await;
                    assert_eq!(copied.unwrap(), 5);
                });
            }
        });
        let clients: Vec<_> = (0..20u8)
            .map(|i| {
                wakeful::spawn(async move {
                    let mut stream = TcpStream::connect(addr).await.unwrap();
                    stream.write_all(&[i; 5]).await.unwrap();
                    stream.close().await.unwrap();
                    assert_eq!(all_of(stream).await, [i; 5]);
                })
            })
            .collect();
        for client in clients {
            client.await.unwrap();
        }
        server.abort();
    });
}

#[test]
fn one_direction_ends_and_the_other_continues() {
    run(async || {
        let (client, server) = tcp_pair().await;
        client.write_all(b"question").await.unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(all_of(&server).await, b"question");
        server.write_all(b"answer").await.unwrap();
        (&server).close().await.unwrap();
        assert_eq!(all_of(&client).await, b"answer");
        let error = client.write(b"more").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        // The peer has closed the connection: that a direction can't be shut down any more is no
        // error.
        drop(server);
        client.shutdown(Shutdown::Both).unwrap();
        client.shutdown(Shutdown::Both).unwrap();
    });
}

#[test]
fn halves_work_in_two_tasks_and_a_dropped_write_half_ends_the_stream() {
    run(async || {
        let (client, server) = tcp_pair().await;
        let sent = pattern(1 << 20);
        let (read, mut write) = client.into_split();
        let writer = wakeful::spawn({
            let sent = sent.clone();
            async move { write.write_all(&sent).await.unwrap() }
        });
        let reader = wakeful::spawn(all_of(read));
        let echo = wakeful::spawn(async move {
            futures_util::io::copy(&server, &mut &server).await.unwrap();
        });
        writer.await.unwrap();
        echo.await.unwrap();
        assert!(
            reader.await.unwrap() == sent,
            "what came back is what was sent"
        );
    });
}

#[test]
fn halves_are_reunited() {
    run(async || {
        let (client, server) = tcp_pair().await;
        let (other, _) = tcp_pair().await;
        let (read, write) = client.into_split();
        let (other_read, other_write) = other.into_split();
        let error = read.reunite(other_write).unwrap_err();
        assert!(error.to_string().contains("different streams"), "{error}");
        // The halves are returned.
        let (read, other_write) = (error.0, error.1);
        let error = write.reunite(other_read).unwrap_err();
        let (other_read, write) = (error.0, error.1);
        other_read.reunite(other_write).unwrap();
        let client = write.reunite(read).unwrap();
        client.write(b"whole").await.unwrap();
        let mut buf = [0; 16];
        assert_eq!(server.read(&mut buf).await.unwrap(), 5);

        // A forgotten write half leaves its direction open.
        let (read, write) = client.into_split();
        write.forget();
        let mut end = pin!(server.read(&mut buf));
        turn().await;
        assert!(is_pending(end.as_mut()).await);
        drop(read);
        assert_eq!(end.await.unwrap(), 0);
    });
}

#[test]
fn borrowed_halves_leave_the_stream_usable() {
    run(async || {
        let (mut client, server) = tcp_pair().await;
        let (mut read, mut write) = TcpStream::split(&mut client);
        let (mut buf, echo) = ([0; 4], async {
            let mut buf = [0; 4];
            server.read_exact(&mut buf).await.unwrap();
            server.write_all(&buf).await.unwrap();
        });
        let talk = async {
            write.write_all(b"ping").await.unwrap();
            read.read_exact(&mut buf).await.unwrap();
        };
        join(talk, echo).await;
        assert_eq!(&buf, b"ping");
        client.write(b"more").await.unwrap();
        assert_eq!(server.read(&mut buf).await.unwrap(), 4);
    });
}

#[test]
fn peek_does_not_remove_bytes() {
    run(async || {
        let (client, server) = tcp_pair().await;
        let mut buf = [0; 16];
        {
            let mut early = pin!(server.peek(&mut buf));
            assert!(is_pending(early.as_mut()).await);
            client.write(b"hello").await.unwrap();
            assert_eq!(early.await.unwrap(), 5);
        }
        for size in [2, 5, 16] {
            let mut buf = vec![0; size];
            let n = server.peek(&mut buf).await.unwrap();
            assert_eq!(&buf[..n], &b"hello"[..size.min(5)]);
        }
        assert_eq!(server.read(&mut buf).await.unwrap(), 5);
        drop(client);
        assert_eq!(server.peek(&mut buf).await.unwrap(), 0);
    });
}

/// Reads into buffers of 3, 0, 4 and 9 bytes. Returns the bytes and their number.
fn vectored<R>(read: impl FnOnce(&mut [IoSliceMut<'_>]) -> R) -> (R, Vec<Vec<u8>>) {
    let mut bufs = [3, 0, 4, 9].map(|len| vec![0; len]);
    let mut slices: Vec<_> = bufs.iter_mut().map(|buf| IoSliceMut::new(buf)).collect();
    let n = read(&mut slices);
    (n, bufs.to_vec())
}

#[test]
fn vectored_calls_transfer_the_same_bytes_as_in_std() {
    run(async || {
        let out = [&b"one"[..], b"", b"two and", b" three"].map(IoSlice::new);
        let (ours, mut theirs) = tcp_and_std().await;
        assert_eq!(ours.write_vectored(&out).await.unwrap(), 16);
        let (n, by_std) = vectored(|bufs| theirs.read_vectored(bufs).unwrap());
        assert_eq!(n, 16);

        assert_eq!(theirs.write_vectored(&out).unwrap(), 16);
        let (mut a, mut b, mut c, mut d) = ([0; 3], [], [0; 4], [0; 9]);
        let mut bufs = [&mut a[..], &mut b, &mut c, &mut d].map(IoSliceMut::new);
        assert_eq!(ours.read_vectored(&mut bufs).await.unwrap(), 16);
        assert_eq!(by_std, [&a[..], &b, &c, &d]);

        assert_eq!(ours.try_write_vectored(&out).unwrap(), 16);
        assert_eq!(
            vectored(|bufs| theirs.read_vectored(bufs).unwrap()).1,
            by_std
        );
        theirs.write_all(b"one").unwrap();
        ours.readable().await.unwrap();
        let (n, bufs) = vectored(|bufs| ours.try_read_vectored(bufs));
        assert_eq!((n.unwrap(), &bufs[0][..]), (3, &b"one"[..]));
    });
}

#[test]
fn more_buffers_than_the_system_accepts_at_once_lose_no_byte() {
    // The system accepts at most 1024, so the transfer is short and yet not the last.
    const BUFS: usize = 3000;
    run(async || {
        let (client, server) = tcp_pair().await;
        let sent = pattern(BUFS * 2);
        let send = async {
            let mut rest = &sent[..];
            while !rest.is_empty() {
                let bufs: Vec<_> = rest.chunks(2).map(IoSlice::new).collect();
                rest = &rest[client.write_vectored(&bufs).await.unwrap()..];
            }
        };
        let receive = async {
            // All bytes are there before the first read, and no event comes after it.
            let mut received = vec![0; sent.len()];
            while server.peek(&mut received).await.unwrap() < sent.len() {
                yield_now().await;
            }
            received.fill(0);
            let mut done = 0;
            while done < sent.len() {
                let mut bufs: Vec<_> = received[done..]
                    .chunks_mut(2)
                    .map(IoSliceMut::new)
                    .collect();
                done += server.read_vectored(&mut bufs).await.unwrap();
            }
            received
        };
        assert!(
            join(send, receive).await.1 == sent,
            "what came is what was sent"
        );
    });
}

#[test]
fn eight_mebibytes_are_sent_both_ways_at_once() {
    run(async || {
        both_ways(tcp_pair().await.into(), 8 << 20).await;
    });
}

#[test]
fn a_dropped_read_or_write_has_transferred_nothing() {
    run(async || {
        let (client, server) = tcp_pair().await;
        // A small buffer, so that writes have to wait as well.
        socket2::SockRef::from(&client)
            .set_send_buffer_size(1 << 14)
            .unwrap();
        let sent = pattern(1 << 20);
        let (mut dropped_writes, mut dropped_reads) = (0, 0);
        let send = async {
            let mut done = 0;
            while done < sent.len() {
                let end = sent.len().min(done + 1 + done % 70_000);
                // In the second half the reader has to wait.
                if done > sent.len() / 2 {
                    turn().await;
                }
                match select(pin!(client.write(&sent[done..end])), pin!(yield_now())).await {
                    Either::Left((n, _)) => done += n.unwrap(),
                    Either::Right(_) => dropped_writes += 1,
                }
            }
            client.shutdown(Shutdown::Write).unwrap();
        };
        let receive = async {
            let mut received: Vec<u8> = Vec::new();
            loop {
                let mut buf = vec![0; 1 + received.len() % 5_000];
                let n = match select(pin!(server.read(&mut buf)), pin!(yield_now())).await {
                    Either::Left((n, _)) => n.unwrap(),
                    Either::Right(_) => {
                        dropped_reads += 1;
                        continue;
                    }
                };
                if n == 0 {
                    return received;
                }
                received.extend(&buf[..n]);
            }
        };
        let received = join(send, receive).await.1;
        assert!(received == sent, "what came is what was sent");
        assert!(dropped_writes > 0, "no write was dropped");
        assert!(dropped_reads > 0, "no read was dropped");
    });
}

#[test]
fn write_all_and_read_exact_move_more_than_the_system_buffers() {
    run(async || {
        let (client, server) = tcp_pair().await;
        let sent = pattern(4 << 20);
        let mut received = vec![0; sent.len()];
        let (written, read) = join(
            TcpStream::write_all(&client, &sent),
            TcpStream::read_exact(&server, &mut received),
        )
        .await;
        written.unwrap();
        read.unwrap();
        assert!(received == sent, "other bytes arrive");
    });
}

#[test]
fn read_exact_fails_if_the_stream_ends_early_and_leaves_the_rest_of_the_buffer() {
    run(async || {
        let (client, server) = tcp_pair().await;
        client.write_all(b"hello").await.unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut buf = [0; 2];
        server.read_exact(&mut buf).await.unwrap();
        assert_eq!(&buf, b"he");
        let error = server.read_exact(&mut [0; 4]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        assert_eq!(error.to_string(), "the input ends after 3 of 4 bytes");
        server.read_exact(&mut []).await.unwrap();
    });
}

#[test]
fn write_all_reports_a_reset() {
    run(async || {
        let (client, theirs) = tcp_and_std().await;
        let chunk = vec![0; 4 << 20];
        let mut write = pin!(TcpStream::write_all(&client, &chunk));
        assert!(is_pending(write.as_mut()).await);
        reset(theirs);
        let error = write.await.unwrap_err();
        let reset = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
        assert!(reset.contains(&error.kind()), "{error}");
        client.write_all(b"").await.unwrap();
    });
}

#[test]
fn halves_write_all_and_read_exact_without_a_trait() {
    /// No extension trait is in scope here.
    mod without_traits {
        use wakeful::net::TcpStream;

        pub(super) async fn exchange(mut client: TcpStream, server: TcpStream) {
            let mut buf = [0; 4];
            {
                let (read, write) = client.split();
                write.write_all(b"ping").await.unwrap();
                let (owned_read, owned_write) = server.into_split();
                owned_read.read_exact(&mut buf).await.unwrap();
                assert_eq!(&buf, b"ping");
                owned_write.write_all(b"pong").await.unwrap();
                read.read_exact(&mut buf).await.unwrap();
                assert_eq!(&buf, b"pong");
            }
            assert_eq!(client.read(&mut buf).await.unwrap(), 0);
        }
    }

    run(async || {
        let (client, server) = tcp_pair().await;
        without_traits::exchange(client, server).await;
    });
}

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

/// Closes with a reset.
fn reset(stream: std::net::TcpStream) {
    let stream = socket2::Socket::from(stream);
    stream.set_linger(Some(Duration::ZERO)).unwrap();
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
fn two_tasks_read_one_stream() {
    run(async || {
        let (client, server) = tcp_pair().await;
        let server = Rc::new(server);
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let server = server.clone();
                wakeful::spawn(async move { server.read(&mut [0]).await.unwrap() })
            })
            .collect();
        turn().await;
        client.write(b"ab").await.unwrap();
        for reader in readers {
            assert_eq!(reader.await.unwrap(), 1);
        }
    });
}

#[test]
fn a_stream_is_converted_to_std_and_back() {
    run(async || {
        let (ours, mut theirs) = tcp_and_std().await;
        let mut std = ours.into_std().unwrap();
        theirs.write_all(b"out").unwrap();
        std.set_nonblocking(false).unwrap();
        let mut buf = [0; 3];
        std.read_exact(&mut buf).unwrap();
        theirs.write_all(b"back").unwrap();
        let ours = TcpStream::from_std(std).unwrap();
        assert_eq!(ours.read(&mut [0; 16]).await.unwrap(), 4);
        // It is nonblocking again.
        let mut next = pin!(ours.read(&mut buf));
        assert!(is_pending(next.as_mut()).await);
    });
}

#[test]
fn a_stream_that_outlives_its_runtime_returns_an_error() {
    let runtime = wakeful::Runtime::new().unwrap();
    let (client, server) = runtime.block_on(tcp_pair());
    drop(runtime);
    wakeful::block_on(async {
        // Operations that need no wait still work.
        client.write(b"late").await.unwrap();
        let mut buf = [0; 16];
        let error = loop {
            match server.read(&mut buf).await {
                Ok(n) => assert_eq!(n, 4),
                Err(error) => break error,
            }
        };
        assert!(error.to_string().contains("runtime"), "{error}");
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
