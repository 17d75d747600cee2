//! Acceptor: one shard accepts connections and distributes them to all shards.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::ops::Deref;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use futures_util::FutureExt;
use futures_util::future::{AbortHandle, Abortable, Either, pending, select};
use wakeful_core::shard::{Mesh, MeshReceiver, MeshSender, SendError, Shard, ShardId};

use super::bind::{first, listen, no_shards};
use crate::{TcpListener, TcpStream};

/// Policy that chooses the shard of the next connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Balance {
    /// Chooses the shards in turn.
    RoundRobin,
    /// Chooses the shard that has the fewest open connections; among equal shards, in turn. Suited
    /// to connections of very different durations.
    LeastLoaded,
}

/// Accepts TCP connections on one shard, and distributes them to all shards.
///
/// Each shard [joins](Self::join) the acceptor and receives its connections. Connections for a
/// shard that has not joined yet are kept for it. The first shard also runs the task that accepts.
/// That task ends when the [shards are asked to stop](Shard::stopping), when accepting fails, or
/// when the first shard drops its [`Incoming`]. Connections accepted before that still reach their
/// shards.
///
/// The queue to each shard holds 128 connections, or the capacity given to [`new`](Self::new). When
/// it is full, the acceptor waits, and further connections wait in the backlog of the listener. A
/// shard that has dropped its [`Incoming`] is skipped. When descriptors run out, the acceptor waits
/// as [`TcpListener`] does.
///
/// ```
/// use wakeful::Shards;
/// use wakeful::net::TcpStream;
/// use wakeful::net::shard::{Acceptor, Balance};
///
/// # fn main() -> std::io::Result<()> {
/// let acceptor = Acceptor::bind("127.0.0.1:0", 2, Balance::RoundRobin)?;
/// let addr = acceptor.local_addr();
/// let shards = Shards::builder().shards(2).build()?;
/// shards.try_on_each(move |shard| {
///     let incoming = acceptor.join(&shard);
///     async move {
///         let mut incoming = incoming?;
///         // Until the shards are asked to stop.
///         while let Some(accepted) = incoming.accept().await {
///             let (connection, _) = accepted?;
///             connection.write(&[shard.id().index() as u8]).await?;
///         }
///         std::io::Result::Ok(())
///     }
/// });
/// wakeful::block_on(async {
///     for expected in 0..2 {
///         let mut shard = [0];
///         TcpStream::connect(addr).await?.read(&mut shard).await?;
///         assert_eq!(shard[0], expected);
///     }
///     std::io::Result::Ok(())
/// })?;
/// shards.shutdown(std::time::Duration::from_secs(5))?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Acceptor(Arc<Shared>);

struct Shared {
    addr: SocketAddr,
    balance: Balance,
    /// `None` once the shard that accepts has taken it.
    listener: Mutex<Option<std::net::TcpListener>>,
    mesh: Mesh<Handed>,
    loads: Loads,
    /// The error that ended [`hand_out`].
    error: OnceLock<String>,
}

/// The number of connections of each shard.
type Loads = Arc<[Load]>;

/// Number of open connections of one shard. Aligned so that no two shards write to one cache line.
#[derive(Default)]
#[repr(align(128))]
struct Load(AtomicUsize);

/// A connection that is sent to its shard.
struct Handed {
    stream: std::net::TcpStream,
    peer: SocketAddr,
    open: Open,
}

/// The shard that accepts.
const FIRST: usize = 0;

/// Default capacity of the queue to each shard.
const CAPACITY: usize = 128;

impl Acceptor {
    /// Listens for `shards` shards. Uses the first address that works; a name lookup blocks the
    /// thread.
    ///
    /// # Errors
    ///
    /// If no address works: the error of the last address, with that address. If the lookup fails,
    /// or if `shards` is 0.
    pub fn bind(addr: impl ToSocketAddrs, shards: usize, balance: Balance) -> io::Result<Acceptor> {
        let listener = first(addr, |addr| listen(addr, false))?;
        Acceptor::new(listener, shards, balance, CAPACITY)
    }

    /// Creates an acceptor from a listening `std` socket, which becomes nonblocking. The queue to
    /// each shard holds `capacity` connections.
    ///
    /// # Errors
    ///
    /// If `shards` or `capacity` is 0, or if the socket has no address.
    pub fn new(
        listener: std::net::TcpListener,
        shards: usize,
        balance: Balance,
        capacity: usize,
    ) -> io::Result<Acceptor> {
        if shards == 0 {
            return Err(no_shards());
        }
        if capacity == 0 {
            let text = "the capacity of an acceptor's queues is 0: give at least 1";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        Ok(Acceptor(Arc::new(Shared {
            addr: listener.local_addr()?,
            balance,
            listener: Mutex::new(Some(listener)),
            mesh: Mesh::new(shards, capacity),
            loads: (0..shards).map(|_| Load::default()).collect(),
            error: OnceLock::new(),
        })))
    }

    /// Returns the address of the listener.
    pub fn local_addr(&self) -> SocketAddr {
        self.0.addr
    }

    /// Returns the number of connections of a shard, including those in its queue. Returns 0
    /// if there is no such shard.
    pub fn connections(&self, shard: impl Into<ShardId>) -> usize {
        let load = self.0.loads.get(shard.into().index());
        load.map_or(0, |load| load.0.load(Ordering::Relaxed))
    }

    /// Returns the incoming connections of a shard. Must be called on the thread of that shard. On
    /// the first shard it also starts the task that accepts.
    ///
    /// # Errors
    ///
    /// If the acceptor was made for another number of shards, or if the listener can't be
    /// registered.
    ///
    /// # Panics
    ///
    /// If the shard has joined before.
    #[track_caller]
    pub fn join(&self, shard: &Shard) -> io::Result<Incoming> {
        let (here, made_for) = (shard.count(), self.0.mesh.shards());
        if here != made_for {
            let text = format!(
                "the acceptor was made for {made_for} shards, but this shard is one of {here}"
            );
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let (sender, receiver) = self.0.mesh.join(shard);
        let mut accepting = None;
        if shard.id().index() == FIRST {
            let mut place = self
                .0
                .listener
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if let Some(listener) = place.take() {
                let listener = TcpListener::from_std(listener)?;
                let shared = self.0.clone();
                let (dropped, registration) = AbortHandle::new_pair();
                let dropped_here = Abortable::new(pending::<()>(), registration);
                let stop = select(shard.stopping(), dropped_here).map(drop);
                drop(wakeful_core::spawn(async move {
                    hand_out(listener, &sender, &shared, stop).await;
                }));
                accepting = Some(dropped);
            }
        }
        Ok(Incoming {
            receiver,
            shared: self.0.clone(),
            accepting,
            ended: false,
        })
    }
}

/// Accepts connections and sends each to a shard, until the shards are asked to stop or no shard is
/// left.
async fn hand_out(
    listener: TcpListener,
    sender: &MeshSender<Handed>,
    shared: &Arc<Shared>,
    stop: impl Future<Output = ()>,
) {
    let mut turn = 0;
    let mut stop = pin!(stop);
    let mut listener = Some(listener);
    while let Some(listening) = &listener {
        let accepted = {
            let accept = pin!(listening.accept_for_another());
            match select(accept, &mut stop).await {
                Either::Right(_) => return,
                Either::Left((accepted, _)) => accepted,
            }
        };
        let (mut stream, mut peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                let _ = shared.error.set(error.to_string());
                return;
            }
        };
        loop {
            let Some(to) = shared.choose(sender, &mut turn) else {
                return;
            };
            let open = Open::new(&shared.loads, to);
            let mut sent = pin!(sender.send(to, Handed { stream, peer, open }));
            let sent = if listener.is_some()
                && let Either::Left((sent, _)) = select(&mut sent, &mut stop).await
            {
                sent
            } else {
                // The listener closes, but this connection is still delivered.
                listener = None;
                sent.await
            };
            match sent {
                Ok(()) => break,
                // The shard has dropped its receiver: choose another one.
                Err(SendError(back)) => (stream, peer) = (back.stream, back.peer),
            }
        }
    }
}

impl Shared {
    /// Chooses a shard that still receives. `turn` is the shard whose turn it is.
    fn choose(&self, sender: &MeshSender<Handed>, turn: &mut usize) -> Option<usize> {
        let count = self.loads.len();
        let in_turn = (*turn..*turn + count).map(|index| index % count);
        let mut open = in_turn.filter(|&index| !sender.is_closed(index));
        let chosen = match self.balance {
            Balance::RoundRobin => open.next(),
            // Of several minima `min_by_key` returns the first, which is the next in turn.
            Balance::LeastLoaded => {
                open.min_by_key(|&index| self.loads[index].0.load(Ordering::Relaxed))
            }
        }?;
        *turn = (chosen + 1) % count;
        Some(chosen)
    }
}

/// Incoming connections of one shard.
pub struct Incoming {
    receiver: MeshReceiver<Handed>,
    shared: Arc<Shared>,
    /// The task that accepts, on the shard that runs it.
    accepting: Option<AbortHandle>,
    /// Whether the error that ended [`hand_out`] was returned.
    ended: bool,
}

// The receiver is unwind-safe. The handle only aborts, which wakes a task of this runtime, so no
// user code can panic in it.
impl UnwindSafe for Incoming {}
impl RefUnwindSafe for Incoming {}

impl Incoming {
    /// Waits for the next connection of this shard. Returns `None` when no more will arrive.
    ///
    /// # Errors
    ///
    /// If the connection can't be registered, which does not affect the next one. If accepting has
    /// failed: this error is returned once, after the last connection.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: no connection is lost.
    pub async fn accept(&mut self) -> Option<io::Result<(Connection, SocketAddr)>> {
        let Some((_, handed)) = self.receiver.recv().await else {
            return self.final_error().map(Err);
        };
        let Handed { stream, peer, open } = handed;
        let stream = TcpStream::accepted(stream);
        Some(stream.map(|stream| (Connection { stream, open }, peer)))
    }

    fn final_error(&mut self) -> Option<io::Error> {
        let was_ended = std::mem::replace(&mut self.ended, true);
        let error = self.shared.error.get().filter(|_| !was_ended)?;
        let text = format!("no more connections are accepted: {error}");
        Some(io::Error::other(text))
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if let Some(task) = &self.accepting {
            task.abort();
        }
    }
}

/// Connection that was handed to this shard: a [`TcpStream`] that counts as open until it is
/// dropped.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    open: Open,
}

impl Connection {
    /// Splits the connection into the stream and the guard that counts it as open.
    ///
    /// ```
    /// # async fn example(connection: wakeful::net::shard::Connection) {
    /// let (stream, open) = connection.into_parts();
    /// let (mut reader, mut writer) = stream.into_split();
    /// wakeful::spawn(async move {
    ///     let _ = futures_util::io::copy(&mut reader, &mut writer).await;
    ///     drop(open);
    /// });
    /// # }
    /// ```
    pub fn into_parts(self) -> (TcpStream, Open) {
        (self.stream, self.open)
    }
}

impl Deref for Connection {
    type Target = TcpStream;

    fn deref(&self) -> &TcpStream {
        &self.stream
    }
}

/// Guard that counts a connection as open until it is dropped.
#[must_use = "the connection counts as open only until this guard is dropped"]
pub struct Open {
    loads: Loads,
    shard: usize,
}

impl Open {
    fn new(loads: &Loads, shard: usize) -> Open {
        loads[shard].0.fetch_add(1, Ordering::Relaxed);
        Open {
            loads: loads.clone(),
            shard,
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.loads[self.shard].0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Open")
            .field("shard", &self.shard)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor")
            .field("addr", &self.0.addr)
            .field("balance", &self.0.balance)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming")
            .field("addr", &self.shared.addr)
            .finish_non_exhaustive()
    }
}
