//! Code that the socket tests share: a runtime for each backend, connections, and bytes.
#![allow(dead_code, reason = "each test file takes what it needs")]

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use futures_util::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use wakeful::Runtime;
use wakeful::net::{TcpListener, TcpStream};
use wakeful::reactor::Backend;

/// Runs a test once with each backend. The limit ends a test that fails.
pub fn run(test: impl AsyncFn()) {
    for backend in [Backend::Auto, Backend::Portable] {
        let runtime = Runtime::builder().backend(backend).build().unwrap();
        runtime.block_on(async {
            wakeful::time::timeout(Duration::from_secs(60), test())
                .await
                .unwrap_or_else(|_| panic!("the test did not end in time, with {backend:?}"));
        });
    }
}

/// Returns the two ends of a pipe with the packets "one" and "two" in it, each of which is read by
/// one read. Keep the writer: after its drop the end follows them.
// Linux only: other systems have no pipes of packets.
#[cfg(target_os = "linux")]
pub fn two_packets() -> (std::os::fd::OwnedFd, std::os::fd::OwnedFd) {
    use rustix::pipe::{PipeFlags, pipe_with};
    let (reader, writer) = pipe_with(PipeFlags::DIRECT | PipeFlags::CLOEXEC).unwrap();
    for packet in [&b"one"[..], b"two"] {
        rustix::io::write(&writer, packet).unwrap();
    }
    (reader, writer)
}

/// Returns the two ends of a TCP connection: the client's, and the server's.
pub async fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let (server, _) = listener.accept().await.unwrap();
    (client, server)
}

/// Returns a TCP connection whose other end is a blocking stream of std.
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

/// Reads all bytes until the end of the stream.
pub async fn all_of(mut reader: impl AsyncRead + Unpin) -> Vec<u8> {
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).await.unwrap();
    bytes
}

/// Returns bytes with a long period, so that lost and swapped ones are detected.
pub fn pattern(len: usize) -> Vec<u8> {
    (0..len as u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect()
}

/// Polls once, and returns whether the future is pending.
pub async fn is_pending<F: Future>(mut future: Pin<&mut F>) -> bool {
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_pending())).await
}

/// Runs a few turns of the loop, in which pending events are received.
pub async fn turn() {
    for _ in 0..3 {
        wakeful::time::sleep(Duration::from_millis(1)).await;
    }
}
