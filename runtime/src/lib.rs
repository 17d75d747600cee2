//! Wakeful: an event loop you can see and control.
#![warn(missing_debug_implementations)]

mod sync;
mod id;
pub mod task;
pub mod time;
pub mod reactor;
mod executor;
mod runtime;
