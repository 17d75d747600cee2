//! Accepting connections on every [shard](wakeful_core::shard).
//!
//! There are two ways:
//!
//! - [`TcpListeners`]: every shard has a listener of its own on the same port. The system chooses
//!   the listener of a connection by its addresses, so the shares are even over many connections,
//!   but may be uneven over a few. A connection passes through no other shard, so this is the
//!   fastest way for short connections.
//! - [`Acceptor`]: one shard accepts and hands the connections out, in turn or to the shard that
//!   has the fewest. The shares are exact; each connection costs a message to another shard. This
//!   is meant for connections that are few, long or unequal, and for systems without
//!   `SO_REUSEPORT`.

mod acceptor;
mod bind;
mod listeners;

pub use acceptor::{Acceptor, Balance, Connection, Incoming, Open};
pub use listeners::TcpListeners;
