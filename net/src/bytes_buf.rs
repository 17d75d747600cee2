//! Reading into the free space of a `bytes::BufMut`.

use std::ffi::OsStr;
use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net;

use bytes::BufMut;
use rustix::net::{RecvFlags, SocketAddrAny, SocketAddrUnix, recv, recvfrom};
use wakeful_core::reactor::{Interest, Source};

use crate::tcp::TcpStream;
use crate::udp::UdpSocket;
use crate::unix::pipe::Receiver;
use crate::unix::{UnixDatagram, UnixStream};
use crate::{sim, sys};

/// Calls `receive` with the free space of `buf`, or a part of it, and advances `buf` by the bytes
/// that it returns, which are the first ones of that space.
fn fill<T>(
    buf: &mut impl BufMut,
    source: &Source,
    receive: impl for<'a> FnOnce(&'a mut [MaybeUninit<u8>]) -> io::Result<(&'a mut [u8], T)>,
) -> io::Result<(usize, T)> {
    let chunk = buf.chunk_mut();
    // SAFETY: `receive` only passes the memory to the system, which writes bytes to it.
    let space = unsafe { chunk.as_uninit_slice_mut() };
    let most = source.fault_cap(space.len());
    let (bytes, more) = receive(&mut space[..most])?;
    let count = bytes.len();
    // SAFETY: the system has initialized the first `count` bytes of the space.
    unsafe { buf.advance_mut(count) };
    Ok((count, more))
}

/// Reads once. `receive` is given the socket and the free space.
macro_rules! try_read_buf {
    ($($(#[$example:meta])* $type:ident, |$this:ident, $space:ident| $receive:expr;)*) => {$(
        impl $type {
            /// Tries to read into the free space of `buf`, without waiting, and advances `buf`.
            /// Returns the number of bytes; 0 means the end, or that `buf` is full.
            ///
            /// ```
            /// # fn main() -> std::io::Result<()> {
            /// # wakeful::block_on(async {
            $(#[$example])*
            /// there.write_all(b"hello").await?;
            /// here.readable().await?;
            /// let mut buf = bytes::BytesMut::with_capacity(16);
            /// assert_eq!(here.try_read_buf(&mut buf)?, 5);
            /// assert_eq!(&buf[..], b"hello");
            /// # Ok(())
            /// # })
            /// # }
            /// ```
            ///
            /// # Errors
            ///
            /// As [`try_read`](Self::try_read).
            pub fn try_read_buf<B: BufMut>(&self, buf: &mut B) -> io::Result<usize> {
                let nothing = !buf.has_remaining_mut();
                let source = self.0.source();
                let $this = self;
                source.try_transfer(Interest::READABLE, nothing, || {
                    let (count, ()) = fill(buf, source, |$space| $receive)?;
                    Ok(count)
                })
            }
        }
    )*};
}

try_read_buf! {
    /// # let listener = wakeful::net::TcpListener::bind("127.0.0.1:0").await?;
    /// # let there = wakeful::net::TcpStream::connect(listener.local_addr()?).await?;
    /// # let (here, _) = listener.accept().await?;
    TcpStream, |this, space| {
        let len = space.len();
        let bytes = sim::recv(this.0.get_ref(), space)?;
        this.0.moved(bytes.len(), len, Interest::READABLE);
        Ok((bytes, ()))
    };
    // A read ends where descriptors are attached, which only `recvmsg` reports. So a short one does
    // not clear the readiness.
    /// let (there, here) = wakeful::net::UnixStream::pair()?;
    UnixStream, |this, space| {
        let ((bytes, _), _) = recv(this, space, RecvFlags::empty())?;
        Ok((bytes, ()))
    };
    /// let (there, here) = wakeful::net::unix::pipe::pipe()?;
    Receiver, |this, space| {
        let (bytes, _) = rustix::io::read(this, space)?;
        Ok((bytes, ()))
    };
}

/// Receives datagrams. `$from` converts the sender's address.
macro_rules! recv_buf {
    ($($(#[$example:meta])* $type:ident, $addr:ty, $recv:expr, $recv_from:expr;)*) => {$(
        impl $type {
            /// Receives a datagram from the connected address into the free space of `buf`, and
            /// advances `buf`. Bytes that do not fit are lost.
            ///
            /// ```
            /// # fn main() -> std::io::Result<()> {
            /// # wakeful::block_on(async {
            $(#[$example])*
            /// there.send(b"hello").await?;
            /// let mut buf = Vec::with_capacity(16);
            /// assert_eq!(here.recv_buf(&mut buf).await?, 5);
            /// assert_eq!(buf, b"hello");
            /// # Ok(())
            /// # })
            /// # }
            /// ```
            ///
            /// # Errors
            ///
            /// As [`recv`](Self::recv).
            ///
            /// # Cancel safety
            ///
            /// Cancel-safe: if the future is dropped, no datagram was received.
            pub async fn recv_buf<B: BufMut>(&self, buf: &mut B) -> io::Result<usize> {
                let source = self.0.source();
                let receive = || datagram(buf, source, |space| $recv(self.0.get_ref(), space));
                source.io(Interest::READABLE, receive).await
            }

            /// Receives a datagram as [`recv_buf`](Self::recv_buf) does, and returns its length and
            /// its sender.
            ///
            /// # Errors
            ///
            /// As [`recv`](Self::recv).
            ///
            /// # Cancel safety
            ///
            /// Cancel-safe: if the future is dropped, no datagram was received.
            pub async fn recv_buf_from<B: BufMut>(
                &self,
                buf: &mut B,
            ) -> io::Result<(usize, $addr)> {
                let source = self.0.source();
                let receive = || fill(buf, source, |space| $recv_from(self.0.get_ref(), space));
                source.io(Interest::READABLE, receive).await
            }

            /// Tries to receive a datagram as [`recv_buf`](Self::recv_buf) does, without waiting.
            ///
            /// # Errors
            ///
            /// As [`try_recv`](Self::try_recv).
            pub fn try_recv_buf<B: BufMut>(&self, buf: &mut B) -> io::Result<usize> {
                let source = self.0.source();
                let receive = || datagram(buf, source, |space| $recv(self.0.get_ref(), space));
                source.try_io(Interest::READABLE, receive)
            }

            /// Tries to receive a datagram as [`recv_buf_from`](Self::recv_buf_from) does, without
            /// waiting.
            ///
            /// # Errors
            ///
            /// As [`try_recv`](Self::try_recv).
            pub fn try_recv_buf_from<B: BufMut>(
                &self,
                buf: &mut B,
            ) -> io::Result<(usize, $addr)> {
                let source = self.0.source();
                let receive = || fill(buf, source, |space| $recv_from(self.0.get_ref(), space));
                source.try_io(Interest::READABLE, receive)
            }
        }
    )*};
}

recv_buf! {
    /// # let here = wakeful::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// # let there = wakeful::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// # there.connect(here.local_addr()?).await?;
    UdpSocket, SocketAddr, sim::recv_datagram, sim::recv_datagram_from;
    /// let (there, here) = wakeful::net::UnixDatagram::pair()?;
    UnixDatagram, net::SocketAddr, recv_unix, recv_unix_from;
}

fn datagram(
    buf: &mut impl BufMut,
    source: &Source,
    receive: impl for<'a> FnOnce(&'a mut [MaybeUninit<u8>]) -> io::Result<&'a mut [u8]>,
) -> io::Result<usize> {
    let (count, ()) = fill(buf, source, |space| Ok((receive(space)?, ())))?;
    Ok(count)
}

fn recv_unix<'a>(
    socket: &net::UnixDatagram,
    space: &'a mut [MaybeUninit<u8>],
) -> io::Result<&'a mut [u8]> {
    let ((bytes, _), _) = recv(socket, space, RecvFlags::empty())?;
    Ok(bytes)
}

fn recv_unix_from<'a>(
    socket: &net::UnixDatagram,
    space: &'a mut [MaybeUninit<u8>],
) -> io::Result<(&'a mut [u8], net::SocketAddr)> {
    let ((bytes, _), _, from) = recvfrom(socket, space, RecvFlags::empty())?;
    Ok((bytes, unix(from)?))
}

fn unix(from: Option<SocketAddrAny>) -> io::Result<net::SocketAddr> {
    let from = from.and_then(|from| SocketAddrUnix::try_from(from).ok());
    if let Some(addr) = from.as_ref().and_then(sys::std_abstract) {
        return addr;
    }
    let path = from.as_ref().and_then(SocketAddrUnix::path_bytes);
    // In std the empty path gives an unnamed address.
    net::SocketAddr::from_pathname(OsStr::from_bytes(path.unwrap_or_default()))
}
