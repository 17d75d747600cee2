//! Guards: what a wait has returned, and clearing it.

use std::fmt;
use std::io;
use std::os::fd::AsFd;

use super::AsyncFd;
use super::error::TryIoError;
use crate::reactor::ready::Ready;
use crate::reactor::source::Seen;

/// Proof that a descriptor was ready, with which that readiness can be cleared.
#[must_use = "clear the readiness if the operation would block, or call `retain_ready`"]
pub struct AsyncFdReadyGuard<'a, T: AsFd> {
    pub(super) fd: &'a AsyncFd<T>,
    pub(super) seen: Seen,
}

/// As [`AsyncFdReadyGuard`], with mutable access to the descriptor.
#[must_use = "clear the readiness if the operation would block, or call `retain_ready`"]
pub struct AsyncFdReadyMutGuard<'a, T: AsFd> {
    pub(super) fd: &'a mut AsyncFd<T>,
    pub(super) seen: Seen,
}

/// Methods that both guards have.
macro_rules! guard_methods {
    ($type:ident) => {
        impl<T: AsFd> $type<'_, T> {
            /// Clears the readiness that the wait returned, so that the next wait ends with the
            /// next event. It is not cleared if another event has arrived since. Closed directions
            /// stay reported.
            ///
            /// Call this only after an operation has returned `WouldBlock`: the system reports each
            /// change once.
            pub fn clear_ready(&mut self) {
                self.fd.source().clear_seen(self.seen.tick, self.seen.ready);
                self.seen.ready = Ready::EMPTY;
            }

            /// Clears these states only, as [`clear_ready`](Self::clear_ready) does.
            pub fn clear_ready_matching(&mut self, ready: Ready) {
                self.fd.source().clear_seen(self.seen.tick, ready);
                self.seen.ready = self.seen.ready - ready;
            }

            /// Keeps the readiness: the next wait returns at once.
            pub fn retain_ready(&mut self) {}

            /// Returns what the wait returned, without what this guard has cleared.
            pub fn ready(&self) -> Ready {
                self.seen.ready
            }
        }

        impl<T: AsFd + fmt::Debug> fmt::Debug for $type<'_, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($type))
                    .field("async_fd", &self.fd)
                    .field("ready", &self.seen.ready)
                    .finish()
            }
        }
    };
}

guard_methods!(AsyncFdReadyGuard);
guard_methods!(AsyncFdReadyMutGuard);

impl<'a, T: AsFd> AsyncFdReadyGuard<'a, T> {
    /// Calls `f`. If it returns `WouldBlock`, the readiness is cleared as by
    /// [`clear_ready`](Self::clear_ready).
    ///
    /// # Errors
    ///
    /// [`TryIoError`] if `f` returned `WouldBlock`. Other errors of `f` are in the inner result.
    pub fn try_io<R>(
        &mut self,
        f: impl FnOnce(&'a AsyncFd<T>) -> io::Result<R>,
    ) -> Result<io::Result<R>, TryIoError> {
        match f(self.fd) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.clear_ready();
                Err(TryIoError::new())
            }
            result => Ok(result),
        }
    }

    /// Returns the descriptor.
    pub fn get_ref(&self) -> &'a AsyncFd<T> {
        self.fd
    }

    /// Returns the inner value of the descriptor.
    pub fn get_inner(&self) -> &'a T {
        self.fd.get_ref()
    }
}

impl<T: AsFd> AsyncFdReadyMutGuard<'_, T> {
    /// Calls `f`. If it returns `WouldBlock`, the readiness is cleared as by
    /// [`clear_ready`](Self::clear_ready).
    ///
    /// # Errors
    ///
    /// [`TryIoError`] if `f` returned `WouldBlock`. Other errors of `f` are in the inner result.
    pub fn try_io<R>(
        &mut self,
        f: impl FnOnce(&mut AsyncFd<T>) -> io::Result<R>,
    ) -> Result<io::Result<R>, TryIoError> {
        match f(self.fd) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.clear_ready();
                Err(TryIoError::new())
            }
            result => Ok(result),
        }
    }

    /// Returns the descriptor.
    pub fn get_ref(&self) -> &AsyncFd<T> {
        self.fd
    }

    /// Returns the descriptor, mutable.
    pub fn get_mut(&mut self) -> &mut AsyncFd<T> {
        self.fd
    }

    /// Returns the inner value of the descriptor.
    pub fn get_inner(&self) -> &T {
        self.fd.get_ref()
    }

    /// Returns the inner value of the descriptor, mutable. It must keep its descriptor.
    pub fn get_inner_mut(&mut self) -> &mut T {
        self.fd.get_mut()
    }
}
