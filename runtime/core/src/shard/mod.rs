//! Several cores, with one loop each and no shared data.
//!
//! [`Shards`] are threads that each run a [`Runtime`](crate::Runtime) of their own. A service is
//! started on all of them. Its tasks, sockets and data stay on their shard, so they need no locks
//! and need not be `Send`. Shards reach each other in three ways:
//!
//! - [`Shard::call`] runs a closure on another shard and waits for its output;
//! - [`Shard::spawn_on`] starts a task on another shard and returns its handle;
//! - a [`Mesh`] carries messages of one type, in bounded queues that are received in bursts.
//!
//! To accept connections on every shard see `wakeful::net::shard`.
//!
//! ```
//! use std::cell::RefCell;
//! use std::collections::HashMap;
//! use wakeful::Shards;
//!
//! thread_local! {
//!     /// Each shard stores a part of the data.
//!     static STORE: RefCell<HashMap<u64, String>> = RefCell::default();
//! }
//!
//! # fn main() -> Result<(), wakeful::shard::ShardsError> {
//! let shards = Shards::builder().shards(2).on_each(|shard| async move {
//!     for key in 0..100 {
//!         let owner = key as usize % shard.count();
//!         let value = format!("from shard {}", shard.id());
//!         let put = move || async move {
//!             STORE.with_borrow_mut(|store| store.insert(key, value));
//!         };
//!         shard.call(owner, put).await.unwrap();
//!     }
//! })?;
//! shards.join()
//! # }
//! ```

mod builder;
pub(crate) mod call;
mod context;
mod ended;
mod error;
mod id;
pub(crate) mod mesh;
#[expect(clippy::module_inception, reason = "the file is named after its type")]
mod shard;
mod shards;
mod shared;
mod thread;
mod waker_cell;

pub use crate::group::Stopping;
pub use builder::ShardsBuilder;
pub use ended::Ended;
pub use error::{FailureReason, FirstFailure, OnFailure, ShardFailure, ShardsError};
pub use id::ShardId;
pub use mesh::Mesh;
pub use mesh::receiver::{MeshReceiver, TryRecvError};
pub use mesh::sender::{MeshSender, SendError, TrySendError};
pub use shard::Shard;
pub use shards::Shards;
