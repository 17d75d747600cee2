//! Unix domain datagrams.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::net::Shutdown;
use std::os::unix::net;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use wakeful_core::reactor::{Async, Interest};
use wakeful_core::task::{consume_budget, coop};
use wakeful_core::time::{Sleep, sleep};

use super::addr::{SocketAddr, named};
use crate::datagram::{datagram_methods, sized};
use crate::error::tried;

/// Unix domain socket for datagrams. The methods take `&self`, so several tasks may use one.
///
/// Datagrams arrive whole, in order, and are not lost; sending waits while the receiver's queue is
/// full.
///
/// ```
/// use wakeful::net::UnixDatagram;
///
/// # fn main() -> std::io::Result<()> {
/// wakeful::block_on(async {
///     let (here, there) = UnixDatagram::pair()?;
///     here.send(b"one").await?;
///     let mut buf = [0; 16];
///     assert_eq!(there.recv(&mut buf).await?, 3);
///     Ok(())
/// })
/// # }
/// ```
pub struct UnixDatagram(
    pub(crate) Async<net::UnixDatagram>,
    /// Current pause of `poll_send_to`.
    RefCell<Option<Pin<Box<Sleep>>>>,
);

// Wakers may be foreign. They are called with the pause taken out, so a panic in them leaves a
// socket that works.
impl UnwindSafe for UnixDatagram {}
impl RefUnwindSafe for UnixDatagram {}

impl UnixDatagram {
    fn wrap(io: Async<net::UnixDatagram>) -> UnixDatagram {
        UnixDatagram(io, RefCell::new(None))
    }

    /// Creates a socket at a path, which must not exist yet. As in std, the empty path lets Linux
    /// choose a unique abstract name; a path that begins with a zero byte is an abstract name.
    ///
    /// # Errors
    ///
    /// Returns the error of the system, with the path.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixDatagram> {
        let path = path.as_ref();
        let addr = named(path)?;
        UnixDatagram::bind_addr(&addr).map_err(tried("bind to", path.display()))
    }

    /// Creates a socket at an address, such as an abstract one.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn bind_addr(addr: &SocketAddr) -> io::Result<UnixDatagram> {
        UnixDatagram::from_std(net::UnixDatagram::bind_addr(addr)?)
    }

    /// Creates a socket without a name. It can send, but nothing can send to it.
    ///
    /// # Errors
    ///
    /// Returns the error of the system if it provides no descriptor.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn unbound() -> io::Result<UnixDatagram> {
        UnixDatagram::from_std(net::UnixDatagram::unbound()?)
    }

    /// Creates two sockets that are connected to each other.
    ///
    /// # Errors
    ///
    /// Returns the error of the system if it provides no descriptor.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn pair() -> io::Result<(UnixDatagram, UnixDatagram)> {
        let (here, there) = net::UnixDatagram::pair()?;
        Ok((
            UnixDatagram::from_std(here)?,
            UnixDatagram::from_std(there)?,
        ))
    }

    /// Sends to and receives from the socket at this path only, from now on.
    ///
    /// # Errors
    ///
    /// Returns the error of the system, with the path.
    pub fn connect<P: AsRef<Path>>(&self, path: P) -> io::Result<()> {
        let path = path.as_ref();
        let addr = named(path)?;
        self.connect_addr(&addr)
            .map_err(tried("connect to", path.display()))
    }

    /// Sends to and receives from this address only, from now on.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub fn connect_addr(&self, addr: &SocketAddr) -> io::Result<()> {
        self.get_ref().connect_addr(addr)
    }

    /// Sends a datagram to the socket at a path.
    ///
    /// If the queue of the receiver is full, this tries again every millisecond: write events
    /// concern the connected socket, and there is none here.
    ///
    /// # Errors
    ///
    /// Returns the error of the system, with the path.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: if the future is dropped, nothing was sent.
    pub async fn send_to<P: AsRef<Path>>(&self, buf: &[u8], path: P) -> io::Result<usize> {
        let path = path.as_ref();
        let sent = self.send_to_addr(buf, &named(path)?).await;
        sent.map_err(tried("send to", path.display()))
    }

    /// Sends a datagram to the socket at an address, such as an abstract one. It waits as
    /// [`send_to`](Self::send_to) does.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: if the future is dropped, nothing was sent.
    pub async fn send_to_addr(&self, buf: &[u8], addr: &SocketAddr) -> io::Result<usize> {
        self.send_patiently(buf, |io| io.send_to_addr(buf, addr))
            .await
    }

    /// Tries to send a datagram to the socket at a path, without waiting.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if the queue of the receiver is full; otherwise the error of the system.
    pub fn try_send_to<P: AsRef<Path>>(&self, buf: &[u8], path: P) -> io::Result<usize> {
        let addr = named(path.as_ref())?;
        sized(self.get_ref().send_to_addr(buf, &addr), buf)
    }

    /// Polls [`send_to`](Self::send_to); if several tasks poll, only the last one is woken.
    ///
    /// ```
    /// use std::future::poll_fn;
    /// use wakeful::net::UnixDatagram;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// # let path = std::env::temp_dir().join(format!("wakeful-doc-dgram-{}", std::process::id()));
    /// wakeful::block_on(async {
    ///     let there = UnixDatagram::bind(&path)?;
    ///     let here = UnixDatagram::unbound()?;
    ///     poll_fn(|cx| here.poll_send_to(cx, b"one", &path)).await?;
    ///     assert_eq!(there.recv(&mut [0; 8]).await?, 3);
    ///     std::fs::remove_file(&path)
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`send_to`](Self::send_to).
    pub fn poll_send_to<P: AsRef<Path>>(
        &self,
        cx: &mut Context<'_>,
        buf: &[u8],
        path: P,
    ) -> Poll<io::Result<usize>> {
        let path = path.as_ref();
        let addr = named(path)?;
        let progress = ready!(coop::poll_proceed(cx));
        loop {
            // Taken out while it is polled, as dropping a foreign waker runs user code.
            if let Some(mut pause) = self.1.take()
                && pause.as_mut().poll(cx).is_pending()
            {
                self.1.replace(Some(pause));
                return Poll::Pending;
            }
            match self.get_ref().send_to_addr(buf, &addr) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let pause = Box::pin(sleep(Duration::from_millis(1)));
                    self.1.replace(Some(pause));
                }
                sent => {
                    progress.made_progress();
                    let sent = sized(sent, buf).map_err(tried("send to", path.display()));
                    return Poll::Ready(sent);
                }
            }
        }
    }

    async fn send_patiently(
        &self,
        buf: &[u8],
        send: impl Fn(&net::UnixDatagram) -> io::Result<usize>,
    ) -> io::Result<usize> {
        consume_budget().await;
        loop {
            match send(self.get_ref()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    sleep(Duration::from_millis(1)).await;
                }
                sent => return sized(sent, buf),
            }
        }
    }

    /// Shuts down one or both directions. This does not end a waiting [`recv`](Self::recv): the
    /// system returns only `WouldBlock` to a nonblocking socket.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.get_ref().shutdown(how)
    }
}

datagram_methods!(
    UnixDatagram,
    net::UnixDatagram,
    net::UnixDatagram,
    SocketAddr
);
