//! Empty transfers: a read into an empty buffer and a write of no bytes, of streams and datagrams.

use std::future::{Future, poll_fn};
use std::io::{self, IoSlice, IoSliceMut};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::pin::{Pin, pin};
use std::process::Stdio;
use std::task::Poll;

use futures_util::{AsyncRead, AsyncWrite};
use wakeful::net::unix::pipe;
use wakeful::net::{TcpStream, UdpSocket, UnixDatagram, UnixStream};
use wakeful::process::Command;
use wakeful::reactor::Async;
use wakeful::task::coop::has_budget_remaining;

#[path = "support/net.rs"]
mod support;
use support::{is_pending, run, tcp_pair};

/// Returns the output of a future that is ready at the first poll.
#[track_caller]
fn at_once<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let place = std::panic::Location::caller();
    async move {
        let mut future = pin!(future);
        match poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("the future is pending, at {place}"),
        }
    }
}

/// Reads with the traits of `futures-io`, when there is nothing to read.
async fn empty_reads(mut reader: impl AsyncRead + Unpin) {
    let mut reader = Pin::new(&mut reader);
    let read = poll_fn(|cx| reader.as_mut().poll_read(cx, &mut []));
    assert_eq!(at_once(read).await.unwrap(), 0);
    for mut bufs in empty_buffers() {
        let read = poll_fn(|cx| reader.as_mut().poll_read_vectored(cx, &mut bufs));
        assert_eq!(at_once(read).await.unwrap(), 0);
    }
}

/// Writes with the traits of `futures-io`, when there is no space to write.
async fn empty_writes(mut writer: impl AsyncWrite + Unpin) {
    let mut writer = Pin::new(&mut writer);
    let write = poll_fn(|cx| writer.as_mut().poll_write(cx, &[]));
    assert_eq!(at_once(write).await.unwrap(), 0);
    for bufs in no_bytes() {
        let write = poll_fn(|cx| writer.as_mut().poll_write_vectored(cx, &bufs));
        assert_eq!(at_once(write).await.unwrap(), 0);
    }
}

/// No buffer at all, and several empty ones.
fn empty_buffers() -> [Vec<IoSliceMut<'static>>; 2] {
    let empty = || IoSliceMut::new(&mut []);
    [vec![], vec![empty(), empty(), empty()]]
}

fn no_bytes() -> [Vec<IoSlice<'static>>; 2] {
    [vec![], vec![IoSlice::new(&[]); 3]]
}

/// Writes until the buffer of the system is full.
fn fill_up(mut write: impl FnMut(&[u8]) -> io::Result<usize>) {
    loop {
        match write(&[7; 4096]) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            Err(error) => panic!("{error}"),
        }
    }
}

/// The methods of both kinds of streams, which have the same names.
macro_rules! stream_moves_nothing {
    ($type:ident, $pair:expr) => {{
        let (stream, _other): ($type, $type) = $pair;
        fill_up(|bytes| stream.try_write(bytes));
        assert_eq!(at_once(stream.read(&mut [])).await.unwrap(), 0);
        assert_eq!(at_once(stream.peek(&mut [])).await.unwrap(), 0);
        assert_eq!(stream.try_read(&mut []).unwrap(), 0);
        assert_eq!(at_once(stream.write(&[])).await.unwrap(), 0);
        assert_eq!(stream.try_write(&[]).unwrap(), 0);
        for mut bufs in empty_buffers() {
            let read = stream.read_vectored(&mut bufs);
            assert_eq!(at_once(read).await.unwrap(), 0);
            assert_eq!(stream.try_read_vectored(&mut bufs).unwrap(), 0);
        }
        for bufs in no_bytes() {
            let write = stream.write_vectored(&bufs);
            assert_eq!(at_once(write).await.unwrap(), 0);
            assert_eq!(stream.try_write_vectored(&bufs).unwrap(), 0);
        }
        empty_reads(&stream).await;
        empty_writes(&stream).await;
        // The recorded readiness does not change: a transfer of bytes waits.
        assert!(is_pending(pin!(stream.read(&mut [0]))).await);
        assert!(is_pending(pin!(stream.write(&[0]))).await);
        let (read, write) = stream.into_split();
        empty_reads(read).await;
        empty_writes(write).await;
    }};
}

#[test]
fn an_empty_transfer_of_a_stream_is_ready_at_once() {
    run(async || {
        stream_moves_nothing!(TcpStream, tcp_pair().await);
        stream_moves_nothing!(UnixStream, UnixStream::pair().unwrap());
    });
}

#[test]
fn an_empty_transfer_of_a_pipe_is_ready_at_once() {
    run(async || {
        let (_sender, receiver) = pipe::pipe().unwrap();
        assert_eq!(at_once(receiver.read(&mut [])).await.unwrap(), 0);
        assert_eq!(receiver.try_read(&mut []).unwrap(), 0);
        for mut bufs in empty_buffers() {
            assert_eq!(receiver.try_read_vectored(&mut bufs).unwrap(), 0);
        }
        empty_reads(&receiver).await;
        assert!(is_pending(pin!(receiver.read(&mut [0]))).await);
        empty_reads(receiver).await;

        let (sender, _receiver) = pipe::pipe().unwrap();
        fill_up(|bytes| sender.try_write(bytes));
        assert_eq!(at_once(sender.write(&[])).await.unwrap(), 0);
        assert_eq!(sender.try_write(&[]).unwrap(), 0);
        for bufs in no_bytes() {
            assert_eq!(sender.try_write_vectored(&bufs).unwrap(), 0);
        }
        empty_writes(&sender).await;
        assert!(is_pending(pin!(sender.write(&[0]))).await);
        empty_writes(sender).await;
    });
}

#[test]
fn an_empty_transfer_of_a_childs_pipe_is_ready_at_once() {
    run(async || {
        let mut child = Command::new("sleep")
            .arg("3600")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut stdout = child.stdout.take().unwrap();
        assert_eq!(at_once(stdout.read(&mut [])).await.unwrap(), 0);
        assert_eq!(stdout.try_read(&mut []).unwrap(), 0);
        empty_reads(&mut stdout).await;
        let mut stdin = child.stdin.take().unwrap();
        fill_up(|bytes| stdin.try_write(bytes));
        assert_eq!(at_once(stdin.write(&[])).await.unwrap(), 0);
        assert_eq!(stdin.try_write(&[]).unwrap(), 0);
        empty_writes(&mut stdin).await;
        child.kill().await.unwrap();
    });
}

#[test]
fn an_empty_transfer_of_any_descriptor_is_ready_at_once() {
    run(async || {
        let (socket, _other) = StdUnixStream::pair().unwrap();
        let socket = Async::new(socket).unwrap();
        empty_reads(&socket).await;
        fill_up(|bytes| socket.try_write_with(|mut io| io::Write::write(&mut io, bytes)));
        empty_writes(&socket).await;
        empty_reads(socket).await;
    });
}

#[test]
fn a_loop_of_empty_transfers_yields() {
    run(async || {
        let (stream, _other) = tcp_pair().await;
        // They consume the cooperative budget. `at_once` would fail without any.
        wakeful::task::yield_now().await;
        let mut count = 0;
        while has_budget_remaining() {
            stream.read(&mut []).await.unwrap();
            stream.write(&[]).await.unwrap();
            count += 1;
            assert!(count < 10_000, "it never yields");
        }
        assert!(is_pending(pin!(stream.read(&mut []))).await);
    });
}

/// A datagram may be empty: it is sent, and it is received.
#[test]
fn an_empty_datagram_is_a_datagram() {
    run(async || {
        let one = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let two = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        one.connect(two.local_addr().unwrap()).await.unwrap();
        assert!(is_pending(pin!(two.recv(&mut []))).await);
        for datagram in [&b""[..], b"", b"lost", b"kept"] {
            assert_eq!(one.send(datagram).await.unwrap(), datagram.len());
        }
        let mut buf = [0; 8];
        assert_eq!(two.recv(&mut buf).await.unwrap(), 0);
        assert_eq!(two.recv(&mut []).await.unwrap(), 0);
        // With an empty buffer the datagram is discarded, as in std.
        assert_eq!(two.recv(&mut []).await.unwrap(), 0);
        assert_eq!(two.recv(&mut buf).await.unwrap(), 4);
        assert_eq!(&buf[..4], b"kept");

        let (one, two) = UnixDatagram::pair().unwrap();
        assert!(is_pending(pin!(two.recv(&mut []))).await);
        assert_eq!(one.send(&[]).await.unwrap(), 0);
        assert_eq!(two.recv(&mut buf).await.unwrap(), 0);
    });
}
