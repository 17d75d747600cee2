//! TCP connections: every byte arrives once and in order, with any kind of read; every end is seen.

#[path = "net_tcp/halves.rs"]
mod halves;
#[path = "net_tcp/readiness.rs"]
mod readiness;

use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use futures_util::AsyncWriteExt;
use futures_util::future::{Either, join, select};
use wakeful::net::{TcpListener, TcpStream};
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
        assert!(join(send, receive).await.1 == sent, "other bytes arrive");
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
        assert!(received == sent, "other bytes arrive");
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
        // More than the buffers of both sockets ever hold.
        let chunk = vec![0; 64 << 20];
        let mut write = pin!(TcpStream::write_all(&client, &chunk));
        assert!(is_pending(write.as_mut()).await);
        reset(theirs);
        let error = write.await.unwrap_err();
        let reset = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
        assert!(reset.contains(&error.kind()), "{error}");
        client.write_all(b"").await.unwrap();
    });
}

/// Closes with a reset.
fn reset(stream: std::net::TcpStream) {
    let stream = socket2::Socket::from(stream);
    stream.set_linger(Some(Duration::ZERO)).unwrap();
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
