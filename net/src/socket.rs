//! Methods of sockets that are the same for several types.

/// Public methods and traits shared by connected and datagram sockets. `$type` is a tuple struct
/// around a type with `source` and `get_ref`, and `$type::new` wraps a nonblocking `$std`.
macro_rules! socket_methods {
    ($type:ident, $std:ty) => {
        impl $type {
            /// Waits until the reactor has recorded that the socket is readable. The record may be
            /// out of date: [`try_io`](Self::try_io) and the other `try_` methods then return
            /// `WouldBlock`.
            ///
            /// # Errors
            ///
            /// If the runtime has ended.
            ///
            /// # Cancel safety
            ///
            /// Cancel-safe.
            pub async fn readable(&self) -> io::Result<()> {
                self.ready(Interest::READABLE).await?;
                Ok(())
            }

            /// Waits until the reactor has recorded that the socket is writable. The record may be
            /// out of date, as for [`readable`](Self::readable).
            ///
            /// # Errors
            ///
            /// If the runtime has ended.
            ///
            /// # Cancel safety
            ///
            /// Cancel-safe.
            pub async fn writable(&self) -> io::Result<()> {
                self.ready(Interest::WRITABLE).await?;
                Ok(())
            }

            /// Waits until the reactor has recorded that the socket is ready for any of `interest`,
            /// and returns which of these events there are. The record may be out of date, as for
            /// [`readable`](Self::readable).
            ///
            /// ```no_run
            #[doc = concat!("# use wakeful_net::", stringify!($type), " as Socket;")]
            /// # async fn example(socket: Socket) -> std::io::Result<()> {
            /// use wakeful::net::Interest;
            ///
            /// let ready = socket.ready(Interest::READABLE | Interest::WRITABLE).await?;
            /// if ready.is_readable() {
            ///     // `try_` methods that read are likely to succeed
            /// }
            /// # Ok(())
            /// # }
            /// ```
            ///
            /// # Errors
            ///
            /// If the runtime has ended.
            ///
            /// # Cancel safety
            ///
            /// Cancel-safe.
            pub async fn ready(
                &self,
                interest: Interest,
            ) -> io::Result<wakeful_core::reactor::Ready> {
                self.0.source().ready(interest).await
            }

            /// Calls `op` once, if the reactor has recorded that the socket is ready. If `op`
            /// returns `WouldBlock`, the record is cleared. Pass only the events that `op` uses.
            ///
            /// # Errors
            ///
            /// Returns the error of `op`, or `WouldBlock`. `Interrupted` is returned as well, as
            /// `op` can't be called again.
            pub fn try_io<R>(
                &self,
                interest: Interest,
                op: impl FnOnce() -> io::Result<R>,
            ) -> io::Result<R> {
                self.0.source().try_io_once(interest, op)
            }

            /// Calls `op` each time the socket is ready, until `op` returns a result other
            /// than `WouldBlock`.
            ///
            /// # Errors
            ///
            /// Returns the error of `op`, or an error if the runtime has ended.
            ///
            /// # Cancel safety
            ///
            /// Cancel-safe: if the future is dropped, `op` has not succeeded.
            pub async fn async_io<R>(
                &self,
                interest: Interest,
                op: impl FnMut() -> io::Result<R>,
            ) -> io::Result<R> {
                self.0.source().io(interest, op).await
            }

            /// Returns the pending error of the socket, and clears it.
            ///
            /// # Errors
            ///
            /// Returns an error if the system can't report it.
            pub fn take_error(&self) -> io::Result<Option<io::Error>> {
                self.0.get_ref().take_error()
            }

            /// Makes a `std` socket nonblocking, and registers it with the reactor.
            ///
            /// # Errors
            ///
            /// Returns an error if the reactor can't register it.
            ///
            /// # Panics
            ///
            /// Outside a runtime.
            #[track_caller]
            pub fn from_std(socket: $std) -> io::Result<$type> {
                socket.set_nonblocking(true)?;
                $type::new(crate::handle::Handle::of_std(socket))
            }

            /// Removes the socket from the reactor. It stays nonblocking.
            ///
            /// # Errors
            ///
            /// `Unsupported` for a simulated socket.
            pub fn into_std(self) -> io::Result<$std> {
                crate::handle::Handle::into_std(self.0.into_inner()?)
            }
        }

        crate::socket::from_std_trait!($type, $std);
        crate::socket::descriptor_traits!($type, |this| this.0.get_ref());
    };
}

/// `TryFrom` a socket of std.
macro_rules! from_std_trait {
    ($type:ident, $std:ty) => {
        impl TryFrom<$std> for $type {
            type Error = io::Error;

            /// Same as [`from_std`](Self::from_std).
            fn try_from(socket: $std) -> io::Result<$type> {
                $type::from_std(socket)
            }
        }
    };
}

/// `AsFd`, `AsRawFd` and `Debug`, from the value that a socket wraps.
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

pub(crate) use {descriptor_traits, from_std_trait, socket_methods};
