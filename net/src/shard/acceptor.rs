//! One shard accepts and hands connections out.

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

/// Who gets the next connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Balance {
    /// The shards in turn.
    RoundRobin,
    /// The shard that has the fewest connections open; among equals, in turn. It is right for
    /// connections that last unequally long.
    LeastLoaded,
}

/// Accepts TCP connections on one shard, and hands them out to all.
///
/// Each shard [joins](Self::join) it and takes in its own; connections for one that has not joined yet
/// wait for it. The first shard also runs the task that
/// accepts. It ends when the [shards are asked to stop](Shard::stopping), or when that shard drops its
/// [`Incoming`]; what was accepted before still reaches its shard.
///
/// On the way to a shard there is room for 128 connections, or as many as [`new`](Self::new) is told. When
/// it is full, accepting waits: the next ones wait in the system's queue. A shard that is gone is passed
/// over. When descriptors run out, it waits as [`TcpListener`] does.
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
pub struct Acceptor(Arc<Plan>);

struct Plan {
    addr: SocketAddr,
    balance: Balance,
    /// Until the shard that accepts takes it.
    listener: Mutex<Option<std::net::TcpListener>>,
    mesh: Mesh<Handed>,
    loads: Loads,
    /// Why no more are accepted, if it is an error.
    error: OnceLock<String>,
}

/// The connections that each shard has.
type Loads = Arc<[Load]>;

/// On a line of its own: each shard changes its own.
#[derive(Default)]
#[repr(align(128))]
struct Load(AtomicUsize);

/// A connection on its way to its shard.
struct Handed {
    stream: std::net::TcpStream,
    peer: SocketAddr,
    open: Open,
}

/// The shard that accepts.
const FIRST: usize = 0;

const ROOM: usize = 128;

impl Acceptor {
    /// Listens for so many shards. Of several addresses the first that works is taken; a name is looked
    /// up with the thread blocked.
    ///
    /// # Errors
    ///
    /// That of the last address, which it names; or that of the lookup; or that there are 0 shards.
    pub fn bind(addr: impl ToSocketAddrs, shards: usize, balance: Balance) -> io::Result<Acceptor> {
        let listener = first(addr, |addr| listen(addr, false))?;
        Acceptor::new(listener, shards, balance, ROOM)
    }

    /// Takes in a listening socket of std's, and makes it nonblocking. On the way to each shard there is
    /// room for `room` connections.
    ///
    /// # Errors
    ///
    /// If `shards` or `room` is 0, or the socket has no address.
    pub fn new(
        listener: std::net::TcpListener,
        shards: usize,
        balance: Balance,
        room: usize,
    ) -> io::Result<Acceptor> {
        if shards == 0 {
            return Err(no_shards());
        }
        if room == 0 {
            let text = "to hand connections out with room for 0: give at least 1";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        Ok(Acceptor(Arc::new(Plan {
            addr: listener.local_addr()?,
            balance,
            listener: Mutex::new(Some(listener)),
            mesh: Mesh::new(shards, room),
            loads: (0..shards).map(|_| Load::default()).collect(),
            error: OnceLock::new(),
        })))
    }

    /// The address that it listens on.
    pub fn local_addr(&self) -> SocketAddr {
        self.0.addr
    }

    /// How many connections a shard has, those on their way to it included; 0 if there is no such shard.
    pub fn connections(&self, shard: impl Into<ShardId>) -> usize {
        let load = self.0.loads.get(shard.into().index());
        load.map_or(0, |load| load.0.load(Ordering::Relaxed))
    }

    /// Takes the place of a shard, on its thread. On the first shard it starts the task that accepts.
    ///
    /// # Errors
    ///
    /// If it was made for another number of shards, or if the listener can't be registered.
    ///
    /// # Panics
    ///
    /// If the shard has joined before.
    #[track_caller]
    pub fn join(&self, shard: &Shard) -> io::Result<Incoming> {
        let (here, made_for) = (shard.count(), self.0.mesh.shards());
        if here != made_for {
            let text = format!("the acceptor was made for {made_for} shards, and there are {here}");
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
                let plan = self.0.clone();
                let (dropped, registration) = AbortHandle::new_pair();
                let dropped_here = Abortable::new(pending::<()>(), registration);
                let stop = select(shard.stopping(), dropped_here).map(drop);
                drop(wakeful_core::spawn(async move {
                    hand_out(listener, &sender, &plan, stop).await;
                }));
                accepting = Some(dropped);
            }
        }
        Ok(Incoming {
            receiver,
            plan: self.0.clone(),
            accepting,
            over: false,
        })
    }
}

/// Accepts, and sends each to its shard, until the shards are to stop, or there is nobody to send to.
async fn hand_out(
    listener: TcpListener,
    sender: &MeshSender<Handed>,
    plan: &Arc<Plan>,
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
                let _ = plan.error.set(error.to_string());
                return;
            }
        };
        loop {
            let Some(to) = plan.choose(sender, &mut turn) else {
                return;
            };
            let open = Open::new(&plan.loads, to);
            let mut sent = pin!(sender.send(to, Handed { stream, peer, open }));
            let sent = if listener.is_some()
                && let Either::Left((sent, _)) = select(&mut sent, &mut stop).await
            {
                sent
            } else {
                // Nobody else gets in, but this one is on its way.
                listener = None;
                sent.await
            };
            match sent {
                Ok(()) => break,
                // It went meanwhile: another one.
                Err(SendError(back)) => (stream, peer) = (back.stream, back.peer),
            }
        }
    }
}

impl Plan {
    /// Among the shards that are there; `turn` is whose turn it is.
    fn choose(&self, sender: &MeshSender<Handed>, turn: &mut usize) -> Option<usize> {
        let count = self.loads.len();
        let in_turn = (*turn..*turn + count).map(|index| index % count);
        let mut there = in_turn.filter(|&index| !sender.is_closed(index));
        let chosen = match self.balance {
            Balance::RoundRobin => there.next(),
            // The first of the least.
            Balance::LeastLoaded => {
                there.min_by_key(|&index| self.loads[index].0.load(Ordering::Relaxed))
            }
        }?;
        *turn = (chosen + 1) % count;
        Some(chosen)
    }
}

/// The connections of one shard.
pub struct Incoming {
    receiver: MeshReceiver<Handed>,
    plan: Arc<Plan>,
    /// On the shard that accepts.
    accepting: Option<AbortHandle>,
    /// Nothing more is to be said.
    over: bool,
}

// The receiver is so itself. The handle only aborts, which wakes a task of this runtime: no user code can
// panic in there.
impl UnwindSafe for Incoming {}
impl RefUnwindSafe for Incoming {}

impl Incoming {
    /// The next connection of this shard; `None` when no more are accepted.
    ///
    /// # Errors
    ///
    /// If the connection can't be registered, which says nothing of the next one; or, once and at the end,
    /// if accepting has failed.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: no connection is lost.
    pub async fn accept(&mut self) -> Option<io::Result<(Connection, SocketAddr)>> {
        let Some((_, handed)) = self.receiver.recv().await else {
            return self.last_words().map(Err);
        };
        let Handed { stream, peer, open } = handed;
        let stream = TcpStream::accepted(stream);
        Some(stream.map(|stream| (Connection { stream, open }, peer)))
    }

    fn last_words(&mut self) -> Option<io::Error> {
        let told_before = std::mem::replace(&mut self.over, true);
        let error = self.plan.error.get().filter(|_| !told_before)?;
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

/// A connection that was handed to this shard: a [`TcpStream`] that counts as open until it is
/// dropped.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    open: Open,
}

impl Connection {
    /// The stream, for those who want to own it, and what counts it as open until it is dropped.
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

/// Counts a connection as open until it is dropped.
#[must_use = "dropped at once, the connection does not count"]
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
            .field("addr", &self.plan.addr)
            .finish_non_exhaustive()
    }
}
