//! Accepting connections, without spinning when the process runs out of descriptors.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::os::fd::AsFd;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use wakeful_core::reactor::{Async, Interest};
use wakeful_core::time::{Sleep, sleep};

use crate::handle::Handle;
use crate::sys;

const SHORTEST: Duration = Duration::from_millis(5);
const LONGEST: Duration = Duration::from_secs(1);

/// Listening socket, and the pause after an accept that failed for lack of descriptors.
#[derive(Debug)]
pub(crate) struct Acceptor<L: AsFd> {
    io: Async<L>,
    /// Duration of the next pause.
    pause: Cell<Duration>,
    /// Current pause of `poll_accept`.
    polled: RefCell<Option<Pin<Box<Sleep>>>>,
}

// Wakers may be foreign. They are called with nothing borrowed and `polled` taken out, so a panic
// in them leaves a listener that works.
impl<L: AsFd + UnwindSafe> UnwindSafe for Acceptor<L> {}
impl<L: AsFd + RefUnwindSafe> RefUnwindSafe for Acceptor<L> {}

/// Future of an `accept`.
pub(crate) type Accepting<'a, T> = Pin<Box<dyn Future<Output = io::Result<T>> + 'a>>;

/// Meaning of an error of accept(2).
enum Trouble {
    /// Only this connection is broken; the next one is accepted.
    Connection,
    /// No descriptors or memory: the connection stays in the queue, and trying at once would spin.
    Resources,
    /// The error will occur again, so the caller gets it.
    Permanent,
}

fn judge(error: &io::Error) -> Trouble {
    use rustix::io::Errno as E;
    match E::from_io_error(error) {
        // accept(2): pending network errors of the new socket are to be treated as "try again".
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
        errno if errno.is_some() && errno == sys::NO_NETWORK => Trouble::Connection,
        // Among others `INVAL`: the socket does not listen any more; `PERM`, `ACCESS` and `NOSYS`:
        // a sandbox refuses the call.
        _ => Trouble::Permanent,
    }
}

impl<L: Handle> Acceptor<L> {
    /// Registers a listening, nonblocking socket.
    #[track_caller]
    pub(crate) fn new(listener: L) -> io::Result<Acceptor<L>> {
        let io = listener.register()?;
        // Connections may have arrived before the registration.
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

    /// Accepts a connection; skips connections that broke meanwhile.
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
            // Taken out while it is polled, as dropping a foreign waker runs user code.
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

/// Public methods and traits of a listener around [`Acceptor`]; uses `accept` and `register` of its
/// module.
macro_rules! listener_methods {
    ($type:ident, $std:ty, $handle:ty, $stream:ty, $addr:ty) => {
        impl $type {
            /// Accepts the next connection.
            ///
            /// # Errors
            ///
            /// Returns an error if the runtime has ended, or if waiting would not help, see
            /// [`TcpListener`](crate::TcpListener).
            ///
            /// # Cancel safety
            ///
            /// Cancel-safe: no connection is lost.
            pub async fn accept(&self) -> io::Result<($stream, $addr)> {
                self.0.accept(accept).await.and_then(register)
            }

            /// Tries to accept a connection, without waiting.
            ///
            /// # Errors
            ///
            /// `WouldBlock` if there is none; otherwise the error of the system.
            pub fn try_accept(&self) -> io::Result<($stream, $addr)> {
                self.0.try_accept(accept).and_then(register)
            }

            /// Polls [`accept`](Self::accept), with the same pauses; if several tasks poll, only
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

            /// Returns the connections as an endless stream.
            ///
            /// ```no_run
            #[doc = concat!("# use wakeful_net::", stringify!($type), " as Listener;")]
            /// # async fn example(listener: Listener) -> std::io::Result<()> {
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

            /// Returns the address of the listener.
            ///
            /// # Errors
            ///
            /// Returns the error of the system.
            pub fn local_addr(&self) -> io::Result<$addr> {
                self.get_ref().local_addr()
            }

            /// Wraps a listening socket of std, and makes it nonblocking.
            ///
            /// # Errors
            ///
            /// Returns an error if the reactor can't register it.
            ///
            /// # Panics
            ///
            /// Outside a runtime.
            #[track_caller]
            pub fn from_std(listener: $std) -> io::Result<$type> {
                listener.set_nonblocking(true)?;
                $type::new(crate::handle::Handle::of_std(listener))
            }

            /// Removes the socket from the reactor. It stays nonblocking.
            ///
            /// # Errors
            ///
            /// `Unsupported` for a simulated socket.
            pub fn into_std(self) -> io::Result<$std> {
                crate::handle::Handle::into_std(self.0.into_inner()?)
            }

            #[track_caller]
            pub(super) fn new(listener: $handle) -> io::Result<$type> {
                Acceptor::new(listener).map($type)
            }

            /// Returns the pending error of the socket, and clears it.
            ///
            /// # Errors
            ///
            /// Returns an error if the system can't report it.
            pub fn take_error(&self) -> io::Result<Option<io::Error>> {
                self.get_ref().take_error()
            }

            fn get_ref(&self) -> &$handle {
                self.0.io().get_ref()
            }
        }

        #[doc = concat!("The stream of [`", stringify!($type), "::incoming`].")]
        ///
        /// Several streams may wait at the same time; each is woken separately.
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
                // Taken out while it is polled, as a future whose waker has panicked can't be
                // polled again.
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

        // The future is taken out while it is polled, and the listener is unwind safe.
        impl std::panic::UnwindSafe for Incoming<'_> {}
        impl std::panic::RefUnwindSafe for Incoming<'_> {}

        impl std::fmt::Debug for Incoming<'_> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_tuple("Incoming").field(self.listener).finish()
            }
        }

        crate::socket::from_std_trait!($type, $std);
        crate::socket::descriptor_traits!($type, |this| this.get_ref());
    };
}

pub(crate) use listener_methods;
