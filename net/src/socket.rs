//! What all sockets share: making one, and the methods that are the same for each.

use std::io;

use socket2::{Domain, Protocol, Socket, Type};

/// Makes a nonblocking socket, with one system call on Linux.
pub(crate) fn nonblocking(
    domain: Domain,
    kind: Type,
    protocol: Option<Protocol>,
) -> io::Result<Socket> {
    #[cfg(target_os = "linux")]
    return Socket::new(domain, kind.nonblocking(), protocol);
    #[cfg(not(target_os = "linux"))]
    {
        let socket = Socket::new(domain, kind, protocol)?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    }
}

/// The public methods and traits that are the same for each connected or datagram socket. `$type`
/// is a tuple struct around what has `source` and `get_ref`, and `$type::new` takes in a
/// nonblocking `$std`.
macro_rules! socket_methods {
    ($type:ident, $std:ty) => {
        impl $type {
            /// Waits until there is something to read, as far as the reactor knows. It may turn out
            /// that there is nothing: then [`try_io`](Self::try_io) and its like give `WouldBlock`.
            ///
            /// # Errors
            ///
            /// If the runtime has ended.
            ///
            /// # Cancel safety
            ///
            /// Cancel-safe.
            pub async fn readable(&self) -> io::Result<()> {
                self.ready(Interest::READABLE).await
            }

            /// Waits until there is room to write, as far as the reactor knows.
            ///
            /// # Errors
            ///
            /// If the runtime has ended.
            ///
            /// # Cancel safety
            ///
            /// Cancel-safe.
            pub async fn writable(&self) -> io::Result<()> {
                self.ready(Interest::WRITABLE).await
            }

            /// Waits until any of `interest` is so, as far as the reactor knows.
            ///
            /// # Errors
            ///
            /// If the runtime has ended.
            ///
            /// # Cancel safety
            ///
            /// Cancel-safe.
            pub async fn ready(&self, interest: Interest) -> io::Result<()> {
                self.0.source().ready(interest).await
            }

            /// Does an operation of your own on the socket, once, if it is ready as far as the
            /// reactor knows. If `op` gives `WouldBlock`, that is remembered.
            ///
            /// # Errors
            ///
            /// Those of `op`, and `WouldBlock`.
            pub fn try_io<R>(
                &self,
                interest: Interest,
                op: impl FnMut() -> io::Result<R>,
            ) -> io::Result<R> {
                self.0.source().try_io(interest, op)
            }

            /// Does an operation of your own on the socket as soon as it gives anything but
            /// `WouldBlock`.
            ///
            /// # Errors
            ///
            /// Those of `op`, and if the runtime has ended.
            ///
            /// # Cancel safety
            ///
            /// Cancel-safe: when it is dropped, `op` has not succeeded.
            pub async fn async_io<R>(
                &self,
                interest: Interest,
                op: impl FnMut() -> io::Result<R>,
            ) -> io::Result<R> {
                self.0.source().io(interest, op).await
            }

            /// The error that waits on the socket, which this takes away.
            ///
            /// # Errors
            ///
            /// If the system does not tell.
            pub fn take_error(&self) -> io::Result<Option<io::Error>> {
                self.0.get_ref().take_error()
            }

            /// Takes in a socket of std's, and makes it nonblocking.
            ///
            /// # Errors
            ///
            /// If it can't be registered.
            ///
            /// # Panics
            ///
            /// Outside a runtime.
            #[track_caller]
            pub fn from_std(socket: $std) -> io::Result<$type> {
                socket.set_nonblocking(true)?;
                $type::new(socket)
            }

            /// Takes the socket off the reactor. It stays nonblocking.
            ///
            /// # Errors
            ///
            /// Returns no error at present.
            pub fn into_std(self) -> io::Result<$std> {
                self.0.into_inner()
            }
        }

        crate::socket::descriptor_traits!($type, |this| this.0.get_ref());
    };
}

/// The descriptor and the `Debug` of what a socket wraps.
macro_rules! descriptor_traits {
    ($type:ident, |$this:ident| $inner:expr) => {
        impl std::os::fd::AsFd for $type {
            fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
                let $this = self;
                $inner.as_fd()
            }
        }

        impl std::os::fd::AsRawFd for $type {
            fn as_raw_fd(&self) -> std::os::fd::RawFd {
                let $this = self;
                $inner.as_raw_fd()
            }
        }

        impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let $this = self;
                $inner.fmt(f)
            }
        }
    };
}

pub(crate) use {descriptor_traits, socket_methods};
