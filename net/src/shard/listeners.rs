//! Listeners of all shards on one port.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};

use wakeful_core::shard::ShardId;

use super::bind::{first, listen, no_shards};
use crate::TcpListener;

/// TCP listeners, one for each shard, on the same address and port (`SO_REUSEPORT`).
///
/// The sockets listen from the beginning; each shard then takes its listener. The system assigns
/// each connection permanently to one listener. So each shard has to take its listener and accept,
/// and when a listener is dropped, the connections in its queue are reset. Listeners that were not
/// taken are dropped with the last clone of this value.
///
/// The system determines how evenly connections are spread: Linux uses a hash of their addresses,
/// FreeBSD as well (`SO_REUSEPORT_LB`). macOS, NetBSD and OpenBSD do not spread them, so
/// [`bind`](Self::bind) returns an error there: use [`Acceptor`](super::Acceptor).
/// Any process of the same user can listen on the port in the same way.
///
/// ```
/// use wakeful::Shards;
/// use wakeful::net::TcpStream;
/// use wakeful::net::shard::TcpListeners;
///
/// # fn main() -> std::io::Result<()> {
/// let listeners = TcpListeners::bind("127.0.0.1:0", 2)?;
/// let addr = listeners.local_addr();
/// let shards = Shards::builder().shards(2).build()?;
/// shards.try_on_each(move |shard| {
///     let listener = listeners.take(shard.id());
///     async move {
///         let (stream, _) = listener?.accept().await?;
///         stream.write(b"hello").await?;
///         // One is enough for this example.
///         shard.stop_all(std::time::Duration::ZERO);
///         std::io::Result::Ok(())
///     }
/// });
/// wakeful::block_on(async {
///     let mut hello = [0; 5];
///     let stream = TcpStream::connect(addr).await?;
///     assert_eq!(stream.read(&mut hello).await?, 5);
///     std::io::Result::Ok(())
/// })?;
/// // The other one waits for a connection, and is cancelled.
/// assert_eq!(shards.join().unwrap_err().failures().len(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TcpListeners(Arc<Inner>);

struct Inner {
    addr: SocketAddr,
    /// By shard; `None` once it was taken.
    listeners: Box<[Mutex<Option<std::net::TcpListener>>]>,
}

impl TcpListeners {
    /// Creates the listeners of `shards` shards, each with a queue for 1024 connections. Uses the
    /// first address that works; looking a name up blocks the thread. With port 0 the system
    /// chooses the port of the first listener, and the others use the same.
    ///
    /// # Errors
    ///
    /// If no address works: the error of the last one, with its address. If the lookup fails, or if
    /// `shards` is 0. `Unsupported` on systems that don't spread connections.
    pub fn bind(addr: impl ToSocketAddrs, shards: usize) -> io::Result<TcpListeners> {
        if shards == 0 {
            return Err(no_shards());
        }
        first(addr, |addr| {
            let one = listen(addr, true)?;
            let addr = one.local_addr()?;
            let others = (1..shards).map(|_| listen(addr, true));
            let all = std::iter::once(Ok(one)).chain(others);
            let listeners = all.map(|listener| Ok(Mutex::new(Some(listener?))));
            Ok(TcpListeners(Arc::new(Inner {
                addr,
                listeners: listeners.collect::<io::Result<_>>()?,
            })))
        })
    }

    /// Returns the address that all listeners have.
    pub fn local_addr(&self) -> SocketAddr {
        self.0.addr
    }

    /// Takes the listener of a shard. To be called on the thread of that shard.
    ///
    /// # Errors
    ///
    /// If the shard has no listener, if it was taken before, or if it can't be registered.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn take(&self, shard: impl Into<ShardId>) -> io::Result<TcpListener> {
        let shard = shard.into();
        let wrong = |text: String| io::Error::new(io::ErrorKind::InvalidInput, text);
        let Some(place) = self.0.listeners.get(shard.index()) else {
            let count = self.0.listeners.len();
            return Err(wrong(format!(
                "there is no listener for shard {shard}: they were made for {count} shards"
            )));
        };
        let listener = place.lock().unwrap_or_else(PoisonError::into_inner).take();
        let listener = listener
            .ok_or_else(|| wrong(format!("the listener of shard {shard} was taken before")))?;
        TcpListener::from_std(listener)
    }
}

impl fmt::Debug for TcpListeners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpListeners")
            .field("addr", &self.0.addr)
            .field("shards", &self.0.listeners.len())
            .finish_non_exhaustive()
    }
}
