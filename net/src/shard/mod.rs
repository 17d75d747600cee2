//! Accepting connections on every [shard](wakeful_core::shard).
//!
//! There are two ways:
//!
//! - [`TcpListeners`]: every shard has a separate listener on the same port. The system chooses the
//!   listener by the addresses of the connection. This distributes many connections evenly, but a
//!   few perhaps unevenly. A connection passes through no other shard, so this is the
//!   fastest way for short connections.
//! - [`Acceptor`]: one shard accepts and distributes the connections, in turn or to the shard that
//!   has the fewest. The distribution is exact; each connection costs a message to another shard.
//!   This is meant for connections that are few, long or unequal, and for systems without
//!   `SO_REUSEPORT`.

mod acceptor;
mod bind;
mod listeners;

pub use acceptor::{Acceptor, Balance, Connection, Incoming, Open};
pub use listeners::TcpListeners;
