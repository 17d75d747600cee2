//! Accepting, without spinning when the process runs out of descriptors.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::net::SocketAddrAny;
use wakeful_core::reactor::{Async, Interest};
use wakeful_core::time::{Sleep, sleep};

#[cfg(target_os = "linux")]
use crate::error::tried;

const SHORTEST: Duration = Duration::from_millis(5);
const LONGEST: Duration = Duration::from_secs(1);

/// A listening socket and its patience.
#[derive(Debug)]
pub(crate) struct Acceptor<L: AsFd> {
    io: Async<L>,
    /// How long the next lack of descriptors makes it wait.
    pause: Cell<Duration>,
    /// The pause of `poll_accept` that goes on.
    polled: RefCell<Option<Pin<Box<Sleep>>>>,
}

// Wakers, which may be of other crates, are called with nothing borrowed and `polled` taken out: a
// panic of theirs leaves a listener that accepts as before.
impl<L: AsFd + UnwindSafe> UnwindSafe for Acceptor<L> {}
impl<L: AsFd + RefUnwindSafe> RefUnwindSafe for Acceptor<L> {}

/// The future of an `accept`.
pub(crate) type Accepting<'a, T> = Pin<Box<dyn Future<Output = io::Result<T>> + 'a>>;

/// What an error of accept(2) means.
enum Trouble {
    /// Only that connection is broken: take the next one.
    Connection,
    /// No descriptors or memory: the connection stays in the queue, and trying at once would spin.
    Resources,
    /// It will be the same the next time, so the caller has to know.
    Permanent,
}

fn judge(error: &io::Error) -> Trouble {
    use rustix::io::Errno as E;
    match E::from_io_error(error) {
        // accept(2): errors of the network that wait on the new socket are to be treated as "try
        // again".
        Some(
            E::CONNABORTED
            | E::NETDOWN
            | E::PROTO
            | E::NOPROTOOPT
            | E::HOSTDOWN
            | E::HOSTUNREACH
            | E::TIMEDOUT
            | E::NETUNREACH,
        ) => Trouble::Connection,
        Some(E::MFILE | E::NFILE | E::NOBUFS | E::NOMEM) => Trouble::Resources,
        #[cfg(target_os = "linux")]
        Some(E::NONET) => Trouble::Connection,
        // Among others: `INVAL`, it does not listen any more; `PERM`, `ACCESS` and `NOSYS`, a
        // sandbox refuses.
        _ => Trouble::Permanent,
    }
}

impl<L: AsFd> Acceptor<L> {
    /// Takes in a listening, nonblocking socket.
    #[track_caller]
    pub(crate) fn new(listener: L) -> io::Result<Acceptor<L>> {
        let io = Async::new_nonblocking(listener)?;
        // Connections may have come before it was registered.
        io.source().assume_ready(Interest::READABLE);
        Ok(Acceptor {
            io,
            pause: Cell::new(SHORTEST),
            polled: RefCell::new(None),
        })
    }

    pub(crate) fn io(&self) -> &Async<L> {
        &self.io
    }

    pub(crate) fn into_inner(self) -> io::Result<L> {
        self.io.into_inner()
    }

    /// Accepts one; connections that broke meanwhile are passed over.
    fn accept_one<T>(&self, accept: &impl Fn(&L) -> io::Result<T>) -> io::Result<T> {
        loop {
            match self.io.source().accepting(|| accept(self.io.get_ref())) {
                Err(error) if matches!(judge(&error), Trouble::Connection) => {}
                result => return result,
            }
        }
    }

    pub(crate) fn try_accept<T>(&self, accept: impl Fn(&L) -> io::Result<T>) -> io::Result<T> {
        self.io
            .source()
            .try_io(Interest::READABLE, || self.accept_one(&accept))
    }

    pub(crate) async fn accept<T>(&self, accept: impl Fn(&L) -> io::Result<T>) -> io::Result<T> {
        loop {
            match self
                .io
                .source()
                .io(Interest::READABLE, || self.accept_one(&accept))
                .await
            {
                Err(error) if matches!(judge(&error), Trouble::Resources) => {
                    sleep(self.next_pause()).await;
                }
                result => {
                    self.pause.set(SHORTEST);
                    return result;
                }
            }
        }
    }

    pub(crate) fn poll_accept<T>(
        &self,
        cx: &mut Context<'_>,
        accept: impl Fn(&L) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        loop {
            // Taken out while it is polled: what a waker does when it is dropped is its own affair.
            if let Some(mut pause) = self.polled.take()
                && pause.as_mut().poll(cx).is_pending()
            {
                self.polled.replace(Some(pause));
                return Poll::Pending;
            }
            let op = || self.accept_one(&accept);
            match ready!(self.io.source().poll_io(cx, Interest::READABLE, op)) {
                Err(error) if matches!(judge(&error), Trouble::Resources) => {
                    let pause = Box::pin(sleep(self.next_pause()));
                    self.polled.replace(Some(pause));
                }
                result => {
                    self.pause.set(SHORTEST);
                    return Poll::Ready(result);
                }
            }
        }
    }

    fn next_pause(&self) -> Duration {
        let pause = self.pause.get();
        self.pause.set((pause * 2).min(LONGEST));
        pause
    }
}

/// Accepts a connection that does not block: one syscall, where the system has accept4.
#[cfg(target_os = "linux")]
pub(crate) fn accept_nonblocking(
    listener: impl AsFd,
) -> io::Result<(OwnedFd, Option<SocketAddrAny>)> {
    use rustix::io::Errno as E;
    use rustix::net::SocketFlags;

    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    match rustix::net::acceptfrom_with(&listener, flags) {
        // A sandbox that knows only the older call. What accept(2) itself means by `PERM` it gives
        // again.
        Err(E::NOSYS | E::PERM | E::ACCESS) => accept_in_steps(&listener).map_err(refused),
        accepted => Ok(accepted?),
    }
}

/// Says what to do about a refusal.
#[cfg(target_os = "linux")]
fn refused(error: io::Error) -> io::Error {
    use rustix::io::Errno as E;

    match E::from_io_error(&error) {
        Some(E::NOSYS | E::PERM | E::ACCESS) => tried(
            "accept a connection:",
            "the system refuses `accept4` and `accept`; allow one of them in the sandbox of this process",
        )(error),
        _ => error,
    }
}

/// Accepts a connection that does not block.
#[cfg(not(target_os = "linux"))]
pub(crate) fn accept_nonblocking(
    listener: impl AsFd,
) -> io::Result<(OwnedFd, Option<SocketAddrAny>)> {
    accept_in_steps(listener)
}

/// Accepts a connection, and then makes it nonblocking and keeps it from programs that are executed
/// from here. One that another thread executes between these calls inherits it.
fn accept_in_steps(listener: impl AsFd) -> io::Result<(OwnedFd, Option<SocketAddrAny>)> {
    let (fd, addr) = rustix::net::acceptfrom(listener)?;
    let flags = rustix::io::fcntl_getfd(&fd)? | rustix::io::FdFlags::CLOEXEC;
    rustix::io::fcntl_setfd(&fd, flags)?;
    rustix::io::ioctl_fionbio(&fd, true)?;
    Ok((fd, addr))
}

/// The public methods and traits of a listener around [`Acceptor`], with `accept` and `register` of
/// its module.
macro_rules! listener_methods {
    ($type:ident, $std:ty, $stream:ty, $addr:ty) => {
        impl $type {
            /// Takes the next connection in.
            ///
            /// # Errors
            ///
            /// If the runtime has ended, and what can't be waited out, see
            /// [`TcpListener`](crate::TcpListener).
            ///
            /// # Cancel safety
            ///
            /// Cancel-safe: no connection is lost.
            pub async fn accept(&self) -> io::Result<($stream, $addr)> {
                self.0.accept(accept).await.and_then(register)
            }

            /// Takes a connection in now, without waiting.
            ///
            /// # Errors
            ///
            /// `WouldBlock` if there is none; otherwise what the system says.
            pub fn try_accept(&self) -> io::Result<($stream, $addr)> {
                self.0.try_accept(accept).and_then(register)
            }

            /// Polls [`accept`](Self::accept), with the same patience; if several tasks poll, only
            /// the last one is woken.
            ///
            /// # Errors
            ///
            /// As [`accept`](Self::accept).
            pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<($stream, $addr)>> {
                self.0
                    .poll_accept(cx, accept)
                    .map(|accepted| accepted.and_then(register))
            }

            /// The connections as a stream that does not end.
            ///
            /// ```no_run
            #[doc = concat!("# async fn example(listener: wakeful_net::", stringify!($type), ") -> std::io::Result<()> {")]
            /// use futures_util::StreamExt;
            ///
            /// let mut incoming = listener.incoming();
            /// while let Some(stream) = incoming.next().await {
            ///     stream?.write(b"hello").await?;
            /// }
            /// # Ok(())
            /// # }
            /// ```
            pub fn incoming(&self) -> Incoming<'_> {
                Incoming {
                    listener: self,
                    next: None,
                }
            }

            /// The address it listens on.
            ///
            /// # Errors
            ///
            /// Returns the error of the system.
            pub fn local_addr(&self) -> io::Result<$addr> {
                self.get_ref().local_addr()
            }

            /// Takes in a listening socket of std's, and makes it nonblocking.
            ///
            /// # Errors
            ///
            /// If it can't be registered.
            ///
            /// # Panics
            ///
            /// Outside a runtime.
            #[track_caller]
            pub fn from_std(listener: $std) -> io::Result<$type> {
                listener.set_nonblocking(true)?;
                $type::new(listener)
            }

            /// Takes the socket off the reactor. It stays nonblocking.
            ///
            /// # Errors
            ///
            /// Returns no error at present.
            pub fn into_std(self) -> io::Result<$std> {
                self.0.into_inner()
            }

            #[track_caller]
            pub(super) fn new(listener: $std) -> io::Result<$type> {
                Acceptor::new(listener).map($type)
            }

            fn get_ref(&self) -> &$std {
                self.0.io().get_ref()
            }
        }

        #[doc = concat!("The stream of [`", stringify!($type), "::incoming`].")]
        ///
        /// Several may wait at a time: each is woken for itself.
        #[must_use = "streams do nothing unless polled"]
        pub struct Incoming<'a> {
            listener: &'a $type,
            next: Option<$crate::accept::Accepting<'a, ($stream, $addr)>>,
        }

        impl futures_core::Stream for Incoming<'_> {
            type Item = io::Result<$stream>;

            fn poll_next(
                mut self: std::pin::Pin<&mut Self>,
                cx: &mut Context<'_>,
            ) -> Poll<Option<Self::Item>> {
                let listener = self.listener;
                // Taken out while it is polled: one whose waker panics can't be polled again.
                let mut next = self
                    .next
                    .take()
                    .unwrap_or_else(|| Box::pin(listener.accept()));
                let Poll::Ready(accepted) = next.as_mut().poll(cx) else {
                    self.next = Some(next);
                    return Poll::Pending;
                };
                Poll::Ready(Some(accepted.map(|(stream, _)| stream)))
            }
        }

        // See `poll_next` for the future, and the listener is so itself.
        impl std::panic::UnwindSafe for Incoming<'_> {}
        impl std::panic::RefUnwindSafe for Incoming<'_> {}

        impl std::fmt::Debug for Incoming<'_> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_tuple("Incoming").field(self.listener).finish()
            }
        }

        crate::socket::descriptor_traits!($type, |this| this.get_ref());
    };
}

pub(crate) use listener_methods;
