//! Tests that hold with tokio's sockets too. The parent module has the names, and `run`.

use std::io::ErrorKind;
use std::os::unix::net::{SocketAddr, UnixDatagram as StdUnixDatagram};

use bytes::{BufMut, BytesMut};

use super::net::unix::pipe;
use super::net::{TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixStream};
use super::run;

/// Reads from `$here` what is written to `$there`, into a buffer that has bytes already, and into
/// one that is short.
macro_rules! reads {
    ($there:expr, $here:expr) => {
        let none = $here.try_read_buf(&mut BytesMut::with_capacity(8));
        assert_eq!(none.unwrap_err().kind(), ErrorKind::WouldBlock);
        $there.writable().await.unwrap();
        assert_eq!($there.try_write(b"hello").unwrap(), 5);
        $here.readable().await.unwrap();
        let mut buf = BytesMut::from("> ");
        buf.reserve(64);
        assert_eq!($here.try_read_buf(&mut buf).unwrap(), 5);
        assert_eq!(&buf[..], b"> hello");
        let none = $here.try_read_buf(&mut buf);
        assert_eq!(none.unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(&buf[..], b"> hello");

        assert_eq!($there.try_write(b"hello").unwrap(), 5);
        $here.readable().await.unwrap();
        let mut short = [0; 3];
        assert_eq!($here.try_read_buf(&mut &mut short[..]).unwrap(), 3);
        assert_eq!(&short, b"hel");
        let mut buf = Vec::with_capacity(8).limit(1);
        assert_eq!($here.try_read_buf(&mut buf).unwrap(), 1);
        assert_eq!(buf.get_ref(), b"l");
        drop($there);
        let mut buf = Vec::with_capacity(8);
        let mut reads = Vec::new();
        while reads.last() != Some(&0) {
            $here.readable().await.unwrap();
            match $here.try_read_buf(&mut buf) {
                Ok(n) => reads.push(n),
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
        assert_eq!(reads, [1, 0]);
        assert_eq!(buf, b"o");
    };
}

#[test]
fn a_tcp_stream_is_read_into_the_free_space() {
    run(async || {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let there = TcpStream::connect(listener.local_addr().unwrap()).await;
        let there = there.unwrap();
        let (here, _) = listener.accept().await.unwrap();
        reads!(there, here);
    });
}

#[test]
fn a_unix_stream_is_read_into_the_free_space() {
    run(async || {
        let (there, here) = UnixStream::pair().unwrap();
        reads!(there, here);
    });
}

#[test]
fn a_pipe_is_read_into_the_free_space() {
    run(async || {
        let (there, here) = pipe::pipe().unwrap();
        reads!(there, here);
    });
}

#[test]
fn a_datagram_is_received_into_the_free_space() {
    run(async || {
        let here = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let there = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let from = there.local_addr().unwrap();
        there.connect(here.local_addr().unwrap()).await.unwrap();
        let mut buf = BytesMut::with_capacity(64);
        let none = here.try_recv_buf(&mut buf).unwrap_err();
        assert_eq!(none.kind(), ErrorKind::WouldBlock);
        there.send(b"one").await.unwrap();
        assert_eq!(here.recv_buf(&mut buf).await.unwrap(), 3);
        there.send(b"two").await.unwrap();
        assert_eq!(here.recv_buf_from(&mut buf).await.unwrap(), (3, from));
        there.send(b"three").await.unwrap();
        here.readable().await.unwrap();
        assert_eq!(here.try_recv_buf_from(&mut buf).unwrap(), (5, from));
        there.send(b"").await.unwrap();
        assert_eq!(here.recv_buf(&mut buf).await.unwrap(), 0);
        assert_eq!(&buf[..], b"onetwothree");
        there.send(b"four").await.unwrap();
        here.readable().await.unwrap();
        let mut short = [0; 2];
        assert_eq!(here.try_recv_buf(&mut &mut short[..]).unwrap(), 2);
        assert_eq!(&short, b"fo");
        let none = here.try_recv_buf(&mut buf).unwrap_err();
        assert_eq!(none.kind(), ErrorKind::WouldBlock, "the rest is lost");
    });
}

#[test]
fn a_datagram_of_unix_comes_with_its_sender() {
    run(async || {
        let (here, there) = UnixDatagram::pair().unwrap();
        let mut buf = BytesMut::with_capacity(64);
        there.send(b"one").await.unwrap();
        assert_eq!(here.recv_buf(&mut buf).await.unwrap(), 3);
        there.send(b"two").await.unwrap();
        let (n, from) = here.recv_buf_from(&mut buf).await.unwrap();
        assert_eq!(n, 3);
        assert!(from.is_unnamed());

        let path = std::env::temp_dir().join(format!(
            "wakeful-bytes-{}-{}",
            std::process::id(),
            module_path!().replace(':', "-")
        ));
        let _ = std::fs::remove_file(&path);
        let named = StdUnixDatagram::bind(&path).unwrap();
        named.set_nonblocking(true).unwrap();
        let here = UnixDatagram::bind(path.with_extension("here")).unwrap();
        let here_addr = SocketAddr::from_pathname(path.with_extension("here")).unwrap();
        named.send_to_addr(b"three", &here_addr).unwrap();
        here.readable().await.unwrap();
        let (n, from) = here.try_recv_buf_from(&mut buf).unwrap();
        assert_eq!((n, from.as_pathname()), (5, Some(path.as_path())));
        named.send_to_addr(b"four", &here_addr).unwrap();
        here.readable().await.unwrap();
        assert_eq!(here.try_recv_buf(&mut buf).unwrap(), 4);
        assert_eq!(&buf[..], b"onetwothreefour");
        std::fs::remove_file(&path).unwrap();
        std::fs::remove_file(path.with_extension("here")).unwrap();
    });
}
