//! The adapter of sockets.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures_util::io::{AsyncRead, AsyncWrite, Cursor};
use hyper::rt::{Read, ReadBuf, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use wakeful::net::TcpStream;
use wakeful_hyper::Io;

use crate::common::{Way, body_of, client, get, text};
use crate::net::{run, tcp_pair};
use crate::support::panic_of;

fn poll_read<T: AsyncRead + Unpin>(io: &mut Io<T>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
    Pin::new(io).poll_read(&mut Context::from_waker(Waker::noop()), buf.unfilled())
}

#[test]
fn a_read_fills_only_the_free_part_of_the_buffer() {
    let mut io = Io::new(Cursor::new(b"abcdefgh".to_vec()));
    let mut room = [MaybeUninit::new(b'-'); 10];
    {
        let mut buf = ReadBuf::uninit(&mut room[..6]);
        buf.unfilled().put_slice(b"123");
        assert!(poll_read(&mut io, &mut buf).is_ready());
        assert_eq!(buf.filled(), b"123abc");
        // An empty buffer is not the end: nothing is read.
        assert!(poll_read(&mut io, &mut buf).is_ready());
        assert_eq!(buf.filled(), b"123abc");
    }
    let mut rest = [MaybeUninit::uninit(); 10];
    let mut buf = ReadBuf::uninit(&mut rest);
    assert!(poll_read(&mut io, &mut buf).is_ready());
    assert_eq!(buf.filled(), b"defgh");
    // The end: ready, without bytes.
    assert!(poll_read(&mut io, &mut buf).is_ready());
    assert_eq!(buf.filled(), b"defgh");
}

#[test]
fn a_short_read_does_not_zero_a_large_buffer() {
    let mut io = Io::new(Cursor::new(b"few".to_vec()));
    let mut room = vec![MaybeUninit::new(b'-'); 1 << 20];
    assert!(poll_read(&mut io, &mut ReadBuf::uninit(&mut room)).is_ready());
    // SAFETY: the bytes were initialized when the buffer was created.
    let last = unsafe { room[(1 << 20) - 1].assume_init() };
    assert_eq!(last, b'-');
}

#[test]
fn a_stream_that_reports_more_bytes_than_fit_panics() {
    struct Liar;
    impl AsyncRead for Liar {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(buf.len() + 1))
        }
    }
    let mut room = [MaybeUninit::uninit(); 4];
    let text = panic_of(|| poll_read(&mut Io::new(Liar), &mut ReadBuf::uninit(&mut room)));
    assert!(
        text.contains("a read of 5 bytes into a buffer of 4"),
        "{text}"
    );
}

/// Counts the calls that write.
struct Counted(TcpStream, Rc<Cell<usize>>);

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.1.set(self.1.get() + 1);
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.1.set(self.1.get() + 1);
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}

#[test]
fn head_and_body_are_written_in_one_write() {
    run(async || {
        for take_in in [Io::new, Io::flat] {
            let (here, there) = tcp_pair().await;
            let writes = Rc::new(Cell::new(0));
            let counted = Counted(there, writes.clone());
            wakeful::spawn(async move {
                let service = service_fn(async |_| Ok::<_, hyper::Error>(text("body")));
                let builder = http1::Builder::new();
                builder.serve_connection(take_in(counted), service).await
            });
            let (send, _connection) = client(Way::Http1, here).await;
            for i in 1..=3 {
                let response = send(get(Way::Http1, "/")).await.unwrap();
                assert_eq!(body_of(response).await, "body");
                assert_eq!(writes.get(), i);
            }
        }
    });
}

#[test]
fn a_shutdown_ends_only_the_writing_direction() {
    run(async || {
        let (here, there) = tcp_pair().await;
        let mut io = Io::new(here);
        std::future::poll_fn(|cx| Pin::new(&mut io).poll_shutdown(cx))
            .await
            .unwrap();
        let mut buf = [0; 8];
        assert_eq!(there.read(&mut buf).await.unwrap(), 0);
        there.write(b"still").await.unwrap();
        assert_eq!(io.get_ref().read(&mut buf).await.unwrap(), 5);
    });
}
