//! Code shared by UDP and Unix datagram sockets.

use std::io;

use rustix::io::Errno;

use crate::error::{is, tried};

/// Public methods of a datagram socket around `Async`.
macro_rules! datagram_methods {
    ($type:ident, $std:ty, $handle:ty, $addr:ty) => {
        impl $type {
            #[track_caller]
            pub(crate) fn new(socket: $handle) -> io::Result<$type> {
                let io = crate::handle::Handle::register(socket)?;
                // Most likely it has space to send.
                io.source().assume_ready(Interest::WRITABLE);
                Ok($type::wrap(io))
            }

            fn get_ref(&self) -> &$handle {
                self.0.get_ref()
            }

            /// Sends a datagram to the connected address. With an empty `buf` it sends an empty
            /// datagram.
            ///
            /// # Errors
            ///
            /// Returns the error of the system; the error for a datagram that is too large contains
            /// its size. On a connected UDP socket the error may concern an earlier datagram, such
            /// as `ConnectionRefused`.
            ///
            /// # Cancel safety
            ///
            /// Cancel-safe: if the future is dropped, nothing was sent.
            pub async fn send(&self, buf: &[u8]) -> io::Result<usize> {
                self.0.write_with(|io| sized(io.send(buf), buf)).await
            }

            /// Receives a datagram from the connected address. Bytes that do not fit into `buf` are
            /// lost; with an empty `buf` it waits for a datagram and discards it.
            ///
            /// # Errors
            ///
            /// Returns the error of the system, or an error if the runtime has ended.
            ///
            /// # Cancel safety
            ///
            /// Cancel-safe: if the future is dropped, no datagram was received.
            pub async fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
                self.0.read_with(|io| io.recv(buf)).await
            }

            /// Receives a datagram, and returns its length and its sender. Bytes that do not fit
            /// into `buf` are lost.
            ///
            /// # Errors
            ///
            /// Returns the error of the system, or an error if the runtime has ended.
            ///
            /// # Cancel safety
            ///
            /// Cancel-safe: if the future is dropped, no datagram was received.
            pub async fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, $addr)> {
                self.0.read_with(|io| io.recv_from(buf)).await
            }

            /// Tries to send a datagram, without waiting.
            ///
            /// # Errors
            ///
            /// `WouldBlock` if the buffer of the system is full; otherwise as [`send`](Self::send).
            pub fn try_send(&self, buf: &[u8]) -> io::Result<usize> {
                self.0.try_write_with(|io| sized(io.send(buf), buf))
            }

            /// Tries to receive a datagram, without waiting.
            ///
            /// # Errors
            ///
            /// `WouldBlock` if there is nothing to read; otherwise as [`recv`](Self::recv).
            pub fn try_recv(&self, buf: &mut [u8]) -> io::Result<usize> {
                self.0.try_read_with(|io| io.recv(buf))
            }

            /// Tries to receive a datagram and its sender, without waiting.
            ///
            /// # Errors
            ///
            /// As [`try_recv`](Self::try_recv).
            pub fn try_recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, $addr)> {
                self.0.try_read_with(|io| io.recv_from(buf))
            }

            /// Polls [`send`](Self::send); if several tasks poll, only the last one is woken.
            ///
            /// # Errors
            ///
            /// As [`send`](Self::send).
            pub fn poll_send(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                self.0.poll_write_with(cx, |io| sized(io.send(buf), buf))
            }

            /// Polls [`recv`](Self::recv); if several tasks poll, only the last one is woken.
            ///
            /// # Errors
            ///
            /// As [`recv`](Self::recv).
            pub fn poll_recv(
                &self,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                self.0.poll_read_with(cx, |io| io.recv(buf))
            }

            /// Polls [`recv_from`](Self::recv_from); if several tasks poll, only the last one is
            /// woken.
            ///
            /// # Errors
            ///
            /// As [`recv_from`](Self::recv_from).
            pub fn poll_recv_from(
                &self,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<(usize, $addr)>> {
                self.0.poll_read_with(cx, |io| io.recv_from(buf))
            }

            /// Polls for readability; if several tasks poll, only the last one is woken.
            ///
            /// # Errors
            ///
            /// If the runtime has ended.
            pub fn poll_recv_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.0.poll_readable(cx)
            }

            /// Polls for writability; if several tasks poll, only the last one is woken.
            ///
            /// # Errors
            ///
            /// If the runtime has ended.
            pub fn poll_send_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.0.poll_writable(cx)
            }

            /// Returns the local address.
            ///
            /// # Errors
            ///
            /// Returns the error of the system.
            pub fn local_addr(&self) -> io::Result<$addr> {
                self.get_ref().local_addr()
            }

            /// Returns the address of the connected peer.
            ///
            /// # Errors
            ///
            /// Returns an error if the socket is not connected.
            pub fn peer_addr(&self) -> io::Result<$addr> {
                self.get_ref().peer_addr()
            }
        }

        crate::socket::socket_methods!($type, $std);
    };
}

pub(crate) use datagram_methods;

/// Adds the size of the datagram to the error that it is too large.
pub(crate) fn sized(sent: io::Result<usize>, buf: &[u8]) -> io::Result<usize> {
    sent.map_err(|error| {
        if is(&error, Errno::MSGSIZE) {
            let what = format!("of {} bytes, which is too large", buf.len());
            return tried("send a datagram", what)(error);
        }
        error
    })
}
