//! What the socket tests share: a runtime for each way to wait, connections, and bytes.
#![allow(dead_code, reason = "each test file takes what it needs")]

use std::future::{Future, poll_fn};
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use futures_util::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use wakeful::Runtime;
use wakeful::net::{TcpListener, TcpStream};
use wakeful::reactor::Backend;

/// Runs a test once for each way to wait. The limit only ends a test that fails.
pub fn run(test: impl AsyncFn()) {
    for backend in [Backend::Auto, Backend::Portable] {
        let runtime = Runtime::builder().backend(backend).build().unwrap();
        runtime.block_on(async {
            wakeful::time::timeout(Duration::from_secs(60), test())
                .await
                .unwrap_or_else(|_| panic!("waited in vain, with {backend:?}"));
        });
    }
}

/// The two ends of a pipe with "one" and "two" in it as packets, each of which is read by itself.
/// Keep the one that writes, or the end comes behind them.
#[cfg(target_os = "linux")]
pub fn two_packets() -> (OwnedFd, OwnedFd) {
    use rustix::pipe::{PipeFlags, pipe_with};
    let (reader, writer) = pipe_with(PipeFlags::DIRECT | PipeFlags::CLOEXEC).unwrap();
    for packet in [&b"one"[..], b"two"] {
        rustix::io::write(&writer, packet).unwrap();
    }
    (reader, writer)
}

/// The two ends of a TCP connection: who connected, who accepted.
pub async fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let (server, _) = listener.accept().await.unwrap();
    (client, server)
}

/// A TCP connection whose other end is std's, and blocks.
pub async fn tcp_and_std() -> (TcpStream, std::net::TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let theirs = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (ours, _) = listener.accept().await.unwrap();
    (ours, theirs)
}

/// Sends bytes both ways at once, and checks that all of them arrive.
pub async fn both_ways<S: 'static>(streams: [S; 2], len: usize)
where
    for<'a> &'a S: AsyncRead + AsyncWrite,
{
    let sent = Rc::new(pattern(len));
    let mut tasks = Vec::new();
    for stream in streams.map(Rc::new) {
        let (writer, to_send) = (stream.clone(), sent.clone());
        tasks.push(wakeful::spawn(async move {
            (&*writer).write_all(&to_send).await.unwrap();
            (&*writer).close().await.unwrap();
        }));
        let expected = sent.clone();
        tasks.push(wakeful::spawn(async move {
            assert!(all_of(&*stream).await == *expected, "other bytes arrive");
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
}

/// All that comes until the end of the stream.
pub async fn all_of(mut reader: impl AsyncRead + Unpin) -> Vec<u8> {
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).await.unwrap();
    bytes
}

/// Bytes that don't repeat soon, so that lost and swapped ones are seen.
pub fn pattern(len: usize) -> Vec<u8> {
    (0..len as u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect()
}

/// Polls once; is it pending?
pub async fn is_pending<F: Future>(mut future: Pin<&mut F>) -> bool {
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_pending())).await
}

/// Lets the loop turn a few times, so that events that are there come in.
pub async fn turn() {
    for _ in 0..3 {
        wakeful::time::sleep(Duration::from_millis(1)).await;
    }
}
