//! The sockets that the types of this package wrap.

use std::io;
use std::os::fd::AsFd;

use wakeful_core::reactor::Async;

/// A socket of std or, with the feature `sim`, one that may be simulated.
pub(crate) trait Handle: AsFd + Sized {
    type Std;

    /// Wraps a nonblocking socket of std.
    fn of_std(socket: Self::Std) -> Self;

    /// Returns the socket of std, or an error if there is none.
    fn into_std(self) -> io::Result<Self::Std>;

    /// Registers the nonblocking socket with this thread's runtime.
    fn register(self) -> io::Result<Async<Self>>;
}

/// Implements [`Handle`] for types of std.
macro_rules! std_handles {
    ($($type:ty),*) => {$(
        impl crate::handle::Handle for $type {
            type Std = $type;

            #[inline]
            fn of_std(socket: $type) -> $type {
                socket
            }

            #[inline]
            fn into_std(self) -> std::io::Result<$type> {
                Ok(self)
            }

            #[inline]
            #[track_caller]
            fn register(self) -> std::io::Result<wakeful_core::reactor::Async<$type>> {
                wakeful_core::reactor::Async::new_nonblocking(self)
            }
        }
    )*};
}

std_handles!(
    std::os::unix::net::UnixStream,
    std::os::unix::net::UnixListener,
    std::os::unix::net::UnixDatagram
);

#[allow(unused_imports, reason = "for builds without the feature `sim`")]
pub(crate) use std_handles;
