//! Channels with several senders and one receiver, for tasks of one thread.
//!
//! [`channel`] has a limited number of places, and senders wait for a free one.
//! [`unbounded_channel`] has no limit. The names and meanings are those of `tokio::sync::mpsc`.
//!
//! - A message is in the queue as soon as it is sent, and is received in that order.
//! - If all senders are dropped, the receiver gets the messages that are left, and then `None`.
//! - If the receiver is dropped or [closed](Receiver::close), senders get an error that contains
//!   their message.
//! - A channel is one allocation, and one more for its queue. A wait allocates nothing.
//!
//! There are no `blocking_send` and `blocking_recv`: sender and receiver are on the same thread, so
//! a call that waits would never return. Use `try_send`, `try_recv`, or a task.
//!
//! # Layout
//!
//! `state.rs` counts free places and handles, and has the waiting tasks; it does not depend on the
//! type of the messages. `queue.rs` has the messages, and `chan.rs` is both together. `tx.rs` and
//! `rx.rs` point to it, `reserve.rs` waits for places. The public types are above these.

mod bounded;
mod chan;
pub mod error;
mod permit;
mod queue;
mod reserve;
mod rx;
mod sender;
mod sink;
mod state;
mod stream;
mod tx;
mod unbounded;

pub use bounded::{Receiver, channel};
pub use permit::{OwnedPermit, Permit, PermitIterator};
pub use sender::{Sender, WeakSender};
pub use sink::{SenderSink, UnboundedSenderSink};
pub use unbounded::{UnboundedReceiver, UnboundedSender, WeakUnboundedSender, unbounded_channel};
