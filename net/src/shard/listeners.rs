//! A listener for each shard, all on one port.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};

use wakeful_core::shard::ShardId;

use super::bind::{first, listen, no_shards};
use crate::TcpListener;

/// A TCP listener for each shard, all on the same address and port, with `SO_REUSEPORT`.
///
/// They listen from the beginning; each shard then takes its own. A connection that the system has
/// given to a listener stays there, so a shard that is to get connections has to take it, and when a
/// listener is dropped the connections in its queue are reset. Those of shards that never take theirs are
/// dropped with the last clone of this.
///
/// How evenly connections are spread is up to the system: Linux takes a hash of their addresses. Any
/// process of the same user can listen on the port in the same way.
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
pub struct TcpListeners(Arc<Ready>);

struct Ready {
    addr: SocketAddr,
    listeners: Box<[Mutex<Option<std::net::TcpListener>>]>,
}

impl TcpListeners {
    /// Listens for so many shards, each with a queue of 1024. Of several addresses the first that works
    /// is taken; a name is looked up with the thread blocked. With port 0 the system chooses one for
    /// the first listener, and the others take the same.
    ///
    /// # Errors
    ///
    /// That of the last address, which it names; or that of the lookup; or that there are 0 shards.
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
            Ok(TcpListeners(Arc::new(Ready {
                addr,
                listeners: listeners.collect::<io::Result<_>>()?,
            })))
        })
    }

    /// The address that all of them listen on.
    pub fn local_addr(&self) -> SocketAddr {
        self.0.addr
    }

    /// Takes the listener of a shard, on the thread of that shard.
    ///
    /// # Errors
    ///
    /// If there is none for that shard, or it was taken before; or if it can't be registered.
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
