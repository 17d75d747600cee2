//! Wakeful: an event loop you can see and control.
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

pub use blocking::spawn_blocking;
pub use executor::spawn;
pub use runtime::{Builder, Handle, Metrics, RemoteJoinHandle, Runtime, block_on};
