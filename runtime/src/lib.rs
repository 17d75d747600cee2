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
//! - [`class`] divides the loop's time between groups of tasks.
//! - [`spawn_blocking`] is for closures that would block the loop.
//! - [`fs`] has files and directories.
//! - [`time`] has sleeps, timeouts, intervals, and a clock that tests can stop.
//! - [`reactor::Async`] makes any descriptor async. Sockets are in the crate `wakeful-net`.
//! - [`Shards`] run a loop on each core.
//! - [`Handle`] starts tasks from other threads. Wakers work from any thread by themselves.
//! - [`LocalSpawner`] and [`Handle`] are the `LocalSpawn` and `Spawn` of the `futures` crates.
//! - [`Metrics`] count what the loop does. [`Builder::detect_stalls`] names the task that holds it up.
//!
//! `join!`, `select!`, channels and locks: take them from `futures-util`, `async-channel`,
//! `async-lock`; nothing in them is tied to a runtime.
//!
//! # Feature flags
//!
//! | feature | default | |
//! | --- | --- | --- |
//! | `macros` | yes | the attributes [`main`](macro@main) and [`test`](macro@test) |
//! | `signal` | no | the module `signal`: ctrl-c and the other signals |
//! | `io-std` | no | the module `io`: standard input, output and error |
//! | `process` | no | the module `process`: child processes; includes `signal` |
//! | `io-uring` | no | [files](fs) through a completion ring, where Linux has one |
//! | `backtrace` | no | the stall detector shows the stuck stack (Linux; with glibc 2.35 and libgcc 12, or newer) |
//! | `prometheus` | no | [`Metrics`] as Prometheus reads them |
//! | `hyper` | no | the module `hyper`: executor, timer and sockets for hyper 1 |
//! | `trace` | no | the flight recorder, `wakeful::trace` |
//! | `faults` | no | for tests: faults on purpose, `wakeful::faults` |
//! | `console` | no | tasks, wakers, timers and sockets for tokio-console, see `wakeful::console` |
//! | `tokio-io` | no | `tokio::io`'s `AsyncRead`, `AsyncWrite` and `AsyncSeek` for files, pipes of children, standard streams and [`reactor::Async`]; of tokio only the traits are compiled |
//! | `openraft` | no | the module `openraft`: the runtime of a Raft node |
//!
//! # Panics
//!
//! A panic of a task ends that task, and its handle gives a [`JoinError`](task::JoinError) with the
//! payload. So do the panics of shards and of closures on the pool. Panics of other user code that
//! the runtime calls, such as wakers and drops, do not keep it from going on.
//!
//! All of that takes unwinding. In a program that is built with `panic = "abort"` a panic ends the
//! process, once the panic hook has printed its message: no destructor runs, no
//! [`JoinError`](task::JoinError) is a panic's, and [`OnPanic`](shard::OnPanic) is about services
//! that return errors alone. Aborts, cancelled tasks, timeouts and shutdowns do not unwind, and
//! work as usual.
//!
//! # Systems
//!
//! Unix, by way of `polling`. Linux has a faster way to wait, see [`reactor::Backend`].
#![warn(missing_debug_implementations)]

// Both have the same names, and the models are written with loom's.
#[cfg(shuttle)]
extern crate shuttle as loom;

mod blocking;
#[cfg(feature = "console")]
pub mod console;
#[cfg(not(feature = "console"))]
#[path = "console/off.rs"]
mod console;
mod context;
mod executor;
#[cfg(feature = "faults")]
pub mod faults;
#[cfg(not(feature = "faults"))]
#[path = "faults/off.rs"]
mod faults;
pub mod fs;
#[cfg(feature = "hyper")]
pub mod hyper;
mod id;
#[cfg(feature = "io-std")]
pub mod io;
#[cfg(all(test, any(loom, shuttle)))]
mod models;
mod observe;
#[cfg(feature = "openraft")]
pub mod openraft;
mod os_error;
#[cfg(feature = "process")]
pub mod process;
#[cfg(feature = "prometheus")]
pub mod prometheus;
pub mod reactor;
pub mod runtime;
pub mod shard;
#[cfg(feature = "signal")]
pub mod signal;
mod stall;
mod sync;
pub mod task;
pub mod time;
#[cfg(feature = "tokio-io")]
#[doc(hidden)]
pub mod tokio_io;
#[cfg(feature = "trace")]
pub mod trace;
#[cfg(not(feature = "trace"))]
#[path = "trace/off.rs"]
mod trace;
#[cfg(all(test, not(any(loom, shuttle))))]
mod twins;
mod unwind;

pub use blocking::spawn_blocking;
pub use executor::{class, spawn, spawn_in};
pub use observe::Histogram;
pub use os_error::raw_os_error;
pub use runtime::{
    Builder, EnterGuard, Handle, LocalSpawner, Metrics, MetricsLevel, RemoteJoinHandle, Runtime,
    block_on,
};
pub use shard::Shards;
pub use stall::{StallKind, StallReport};
#[cfg(feature = "macros")]
pub use wakeful_macros::{main, test};
