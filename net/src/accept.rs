//! Accepting, without spinning when the process runs out of descriptors.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::net::SocketAddrAny;
use wakeful::reactor::{Async, Interest};
use wakeful::time::{Sleep, sleep};

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

/// What an error of accept(2) means.
enum Trouble {
    /// Only that connection is broken: take the next one.
    Connection,
    /// No descriptors or memory: the connection stays in the queue, and trying at once would spin.
    Resources,
    Other,
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
            | E::NETUNREACH,
        ) => Trouble::Connection,
        Some(E::MFILE | E::NFILE | E::NOBUFS | E::NOMEM) => Trouble::Resources,
        _ => Trouble::Other,
    }
}

impl<L: AsFd> Acceptor<L> {
    pub(crate) fn new(listener: L) -> io::Result<Acceptor<L>> {
        let io = Async::new(listener)?;
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
            match accept(self.io.get_ref()) {
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
        let mut polled = self.polled.borrow_mut();
        loop {
            if let Some(pause) = &mut *polled {
                ready!(pause.as_mut().poll(cx));
                *polled = None;
            }
            let op = || self.accept_one(&accept);
            match ready!(self.io.source().poll_io(cx, Interest::READABLE, op)) {
                Err(error) if matches!(judge(&error), Trouble::Resources) => {
                    *polled = Some(Box::pin(sleep(self.next_pause())));
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
    use rustix::net::SocketFlags;

    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(rustix::net::acceptfrom_with(listener, flags)?)
}

/// Accepts a connection that does not block.
#[cfg(not(target_os = "linux"))]
pub(crate) fn accept_nonblocking(
    listener: impl AsFd,
) -> io::Result<(OwnedFd, Option<SocketAddrAny>)> {
    let (fd, addr) = rustix::net::acceptfrom(listener)?;
    let flags = rustix::io::fcntl_getfd(&fd)? | rustix::io::FdFlags::CLOEXEC;
    rustix::io::fcntl_setfd(&fd, flags)?;
    rustix::io::ioctl_fionbio(&fd, true)?;
    Ok((fd, addr))
}
