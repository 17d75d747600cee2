//! The engine of the runtime [wakeful](https://docs.rs/wakeful): executor, reactor, timers, files,
//! shards.
//!
//! Programs depend on `wakeful`, which re-exports everything here and adds sockets and macros.
//! Depend on this package only from a library that `wakeful` depends on, as `wakeful-net` is.
//!
//! | module | what it has |
//! | --- | --- |
//! | [`task`] | tasks, handles, task-local values, the cooperative budget |
//! | [`group`] | task groups |
//! | [`class`] | scheduling classes |
//! | [`runtime`] | [`Runtime`], [`Builder`], [`Handle`], [`Metrics`] |
//! | [`reactor`] | readiness of descriptors |
//! | [`time`] | sleeps, timeouts, intervals, a clock that tests can pause |
//! | [`fs`] | files and directories |
//! | [`io`] | helpers for readers and writers, standard streams |
//! | [`sync`] | channels, locks and events for the tasks of one thread |
//! | [`shard`] | one loop on each of several threads |
//! | [`ThreadBound`] | a value of one thread in a type that is `Send` |
//!
//! How it works is described in
//! [ARCHITECTURE.md](https://github.com/wakeful-rs/wakeful/blob/main/ARCHITECTURE.md).
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(missing_debug_implementations)]

// Both have the same names, and the models are written with loom's.
#[cfg(shuttle)]
extern crate shuttle as loom;

mod blocking;
mod buckets;
#[cfg(feature = "console")]
pub mod console;
#[cfg(not(feature = "console"))]
#[path = "console/noop.rs"]
mod console;
mod context;
pub mod executor;
#[cfg(feature = "faults")]
pub mod faults;
#[cfg(not(feature = "faults"))]
#[path = "faults/noop.rs"]
mod faults;
pub mod fs;
pub mod group;
mod id;
pub mod io;
#[doc(hidden)]
pub mod macro_support;
#[cfg(all(test, any(loom, shuttle)))]
mod models;
mod observe;
mod os_error;
mod primitives;
#[cfg(feature = "process")]
pub mod process;
pub mod reactor;
mod report;
pub mod runtime;
mod scope;
pub mod shard;
mod shutdown_error;
#[cfg(feature = "signal")]
pub mod signal;
#[cfg(feature = "sim")]
#[doc(hidden)]
pub mod sim;
#[cfg(not(feature = "sim"))]
#[path = "sim/noop.rs"]
mod sim;
mod slab;
mod split_mix;
mod stall;
pub mod sync;
mod sys;
pub mod task;
mod thread_bound;
pub mod time;
#[cfg(feature = "tokio-host")]
pub mod tokio_host;
#[cfg(feature = "tokio-io")]
#[doc(hidden)]
pub mod tokio_io;
#[cfg(feature = "trace")]
pub mod trace;
#[cfg(not(feature = "trace"))]
#[path = "trace/noop.rs"]
mod trace;
mod unwind;

pub use blocking::{spawn_blocking, try_spawn_blocking};
pub use executor::{classes as class, spawn, spawn_in};
pub use observe::Histogram;
pub use os_error::raw_os_error;
pub use runtime::{
    Builder, EnterGuard, Handle, LocalSpawner, Metrics, MetricsLevel, RemoteJoinHandle, Runtime,
    block_on,
};
pub use shard::Shards;
pub use stall::{StallKind, StallLock, StallReport};
pub use thread_bound::ThreadBound;
