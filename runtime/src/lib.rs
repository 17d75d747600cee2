//! Wakeful: an async runtime whose event loop you can see and control.
//!
//! One thread, one loop. The executor polls tasks, the reactor waits for descriptors and timers and
//! wakes them; between a wake and the poll it leads to there is no lock and no atomic. Tasks need
//! not be `Send`.
//!
//! ```
//! use std::time::Duration;
//! use wakeful::time::{sleep, timeout};
//!
//! wakeful::block_on(async {
//!     let task = wakeful::spawn(async {
//!         sleep(Duration::from_millis(1)).await;
//!         "done"
//!     });
//!     assert_eq!(timeout(Duration::from_secs(5), task).await.unwrap().unwrap(), "done");
//! });
//! ```
//!
//! # A tour
//!
//! - [`block_on`], [`Runtime`], [`main`](macro@main) and [`test`](macro@test) run a future to its end.
//! - [`spawn`] starts a [task], which gives a [`JoinHandle`](task::JoinHandle).
//!   [`JoinSet`](task::JoinSet) joins many.
//! - [`spawn_blocking`] is for closures that would block the loop.
//! - [`time`] has sleeps, timeouts, intervals, and a clock that tests can stop.
//! - [`reactor::Async`] makes any descriptor async. Sockets are in the crate `wakeful-net`.
//! - [`Handle`] starts tasks from other threads. Wakers work from any thread by themselves.
//!
//! `join!`, `select!`, channels and locks: take them from `futures-util`, `async-channel`,
//! `async-lock`; nothing in them is tied to a runtime.
//!
//! # Feature flags
//!
//! | feature | default | |
//! | --- | --- | --- |
//! | `macros` | yes | the attributes [`main`](macro@main) and [`test`](macro@test) |
//! | `trace` | no | the flight recorder, `wakeful::trace` |
//!
//! # Systems
//!
//! Unix, by way of `polling`. Linux has a faster way to wait, see [`reactor::Backend`].
#![warn(missing_debug_implementations)]

mod blocking;
mod executor;
mod id;
#[cfg(all(test, loom))]
mod models;
pub mod reactor;
mod runtime;
mod sync;
pub mod task;
pub mod time;
#[cfg(feature = "trace")]
pub mod trace;
#[cfg(not(feature = "trace"))]
#[path = "trace/off.rs"]
mod trace;

pub use blocking::spawn_blocking;
pub use executor::spawn;
pub use runtime::{Builder, Handle, Metrics, RemoteJoinHandle, Runtime, block_on};
#[cfg(feature = "macros")]
pub use wakeful_macros::{main, test};
