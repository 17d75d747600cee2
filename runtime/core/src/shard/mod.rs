//! More cores: a loop on each, and nothing shared.
//!
//! [`Shards`] are threads that each run a [`Runtime`](crate::Runtime) of their own. A service is started
//! on all of them; its tasks, sockets and data stay on their shard, so they need no locks and are not
//! `Send`. What has to cross over is sent:
//!
//! - [`Shard::call`] asks another shard and waits for the answer;
//! - [`Shard::spawn_on`] starts a task there and returns its handle;
//! - a [`Mesh`] carries messages of one type, in queues with room for so many, by bursts.
//!
//! To take connections in on every shard see `wakeful::net::shard`.
//!
//! ```
//! use std::cell::RefCell;
//! use std::collections::HashMap;
//! use wakeful::Shards;
//!
//! thread_local! {
//!     /// A part of the data on each shard.
//!     static STORE: RefCell<HashMap<u64, String>> = RefCell::default();
//! }
//!
//! # fn main() -> Result<(), wakeful::shard::ShardsError> {
//! let shards = Shards::builder().shards(2).on_each(|shard| async move {
//!     for key in 0..100 {
//!         let home = key as usize % shard.count();
//!         let value = format!("from shard {}", shard.id());
//!         let put = move || async move { STORE.with_borrow_mut(|store| store.insert(key, value)) };
//!         shard.call(home, put).await.unwrap();
//!     }
//! })?;
//! shards.join()
//! # }
//! ```

mod affinity;
mod builder;
pub(crate) mod call;
mod context;
mod ended;
mod error;
mod id;
pub(crate) mod mesh;
#[expect(clippy::module_inception, reason = "it is named as its type")]
mod shard;
mod shards;
mod shared;
mod thread;
mod waker_cell;

pub use builder::{OnFailure, ShardsBuilder};
pub use context::Stopping;
pub use ended::Ended;
pub use error::{FailureReason, FirstFailure, ShardFailure, ShardsError};
pub use id::ShardId;
pub use mesh::Mesh;
pub use mesh::receiver::{MeshReceiver, TryRecvError};
pub use mesh::sender::{MeshSender, SendError, TrySendError};
pub use shard::Shard;
pub use shards::Shards;
