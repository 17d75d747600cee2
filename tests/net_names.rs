//! Sockets and pipes by tokio's names: the same tests with Wakeful's and with tokio's, and what
//! holds for Wakeful's alone.

#[allow(clippy::duplicate_mod, reason = "the same tests for two runtimes")]
#[path = "net_names"]
mod on_wakeful {
    use wakeful::net::{self, Interest};

    use super::run;

    mod same;
}

#[allow(clippy::duplicate_mod, reason = "the same tests for two runtimes")]
#[path = "net_names"]
mod on_tokio {
    use tokio::io::Interest;
    use tokio::net;

    fn run(test: impl AsyncFn()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(test());
    }

    mod same;
}

use std::future::poll_fn;
use std::io::ErrorKind;
use std::pin::pin;
use std::task::Poll;

use futures_util::FutureExt;
use wakeful::Runtime;
use wakeful::net::{TcpListener, TcpStream, UnixDatagram};
use wakeful::reactor::Backend;

/// Runs a test on each backend.
fn run(test: impl AsyncFn()) {
    for backend in [Backend::Raw, Backend::Portable] {
        match Runtime::builder().backend(backend).build() {
            Ok(runtime) => runtime.block_on(test()),
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                println!("{backend:?} skipped: {error}");
            }
            Err(error) => panic!("{backend:?}: {error}"),
        }
    }
}

/// tokio waits for a write event here, which the system does not report for another socket's queue.
#[test]
fn poll_send_to_a_full_queue_ends_when_the_receiver_has_read() {
    run(async || {
        let path = std::env::temp_dir().join(format!("wakeful-full-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let there = UnixDatagram::bind(&path).unwrap();
        let here = UnixDatagram::unbound().unwrap();
        let mut queued = 0;
        let mut send = pin!(poll_fn(|cx| here.poll_send_to(cx, b"x", &path)));
        loop {
            match here.try_send_to(b"x", &path) {
                Ok(_) => queued += 1,
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock);
                    break;
                }
            }
        }
        assert!(send.as_mut().now_or_never().is_none());
        for _ in 0..queued {
            there.recv(&mut [0; 8]).await.unwrap();
        }
        assert_eq!(send.await.unwrap(), 1);
        std::fs::remove_file(&path).unwrap();
    });
}

#[test]
fn poll_peek_leaves_the_bytes_in_the_stream() {
    run(async || {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let client = TcpStream::connect(addr).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        let mut buf = [0; 8];
        let empty = poll_fn(|cx| Poll::Ready(server.poll_peek(cx, &mut buf).is_pending()));
        assert!(empty.await);
        client.write_all(b"hello").await.unwrap();
        let peeked = poll_fn(|cx| server.poll_peek(cx, &mut buf)).await.unwrap();
        assert_eq!(&buf[..peeked], b"hello");
        assert_eq!(server.read(&mut buf).await.unwrap(), 5);
    });
}
