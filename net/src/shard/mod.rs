//! Taking connections in on every [shard](wakeful_core::shard).
//!
//! There are two ways:
//!
//! - [`TcpListeners`]: every shard has a listener of its own on the same port. The system chooses who
//!   gets a connection, by its addresses, so over many connections the shares are even, and over a few
//!   they may not be. There is nothing in between, so it is the fastest for short connections.
//! - [`Acceptor`]: one shard accepts and hands the connections out, in turn or to the shard that has
//!   the fewest. The shares are exact; each connection costs a message to another shard. It is
//!   meant for few or long or unequal connections, and for systems without `SO_REUSEPORT`.

mod acceptor;
mod bind;
mod listeners;

pub use acceptor::{Acceptor, Balance, Connection, Incoming, Open};
pub use listeners::TcpListeners;
