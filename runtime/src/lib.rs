//! An async runtime whose event loop you can see and control.
//!
//! A runtime is one thread with one event loop: an executor polls tasks, and a reactor waits for
//! descriptors and timers and wakes the tasks that wait for them. Tasks need not be `Send`. To use
//! more cores, run one loop on each with [`Shards`].
//!
//! ```no_run
//! use wakeful::net::TcpListener;
//!
//! #[wakeful::main]
//! async fn main() -> std::io::Result<()> {
//!     let listener = TcpListener::bind("127.0.0.1:7000").await?;
//!     loop {
//!         let (stream, _) = listener.accept().await?;
//!         wakeful::spawn(async move {
//!             let mut buf = [0; 4096];
//!             loop {
//!                 let n = stream.read(&mut buf).await?;
//!                 if n == 0 {
//!                     return std::io::Result::Ok(()); // the client has closed its side
//!                 }
//!                 stream.write_all(&buf[..n]).await?;
//!             }
//!         });
//!     }
//! }
//! ```
//!
//! # A tour
//!
//! ## Running futures
//!
//! The attributes [`main`](macro@main) and [`test`](macro@test) make an async function the entry of
//! a program or of a test. [`block_on`] runs one future; a [`Runtime`] runs several, one after the
//! other, and keeps its tasks between them. [`Builder`] has the options.
//!
//! [`spawn`] starts a task and returns a [`JoinHandle`](task::JoinHandle).
//! [`JoinSet`](task::JoinSet) joins many tasks. A [`TaskGroup`](task::TaskGroup) joins tasks and
//! those that they have spawned, aborts them on an error, and stops them by a deadline. The module
//! [`task`] also has names, ids, task-local values, `yield_now` and the
//! [cooperative budget](task::coop). [`class`] divides the loop's time among classes of tasks.
//!
//! A closure that blocks belongs in [`spawn_blocking`]. Other threads start tasks with a
//! [`Handle`]; wakers work on every thread.
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
//! ## Waiting
//!
//! | for | use |
//! | --- | --- |
//! | sockets and name lookup | [`net`] |
//! | time: sleeps, timeouts, intervals | [`time`] |
//! | files and directories | [`fs`] |
//! | ctrl-c and other signals | the module `signal` |
//! | child processes | the module `process` |
//! | other tasks: channels, locks, events | [`sync`], for tasks of one thread |
//! | readers, writers, copies, lines | [`io`] |
//! | other tasks: channels, locks, notifications | [`sync`] |
//! | standard input and output | [`io`], with the feature `io-std` |
//! | any other descriptor | [`reactor::Async`] |
//!
//! Reads, writes, sleeps and joins are cancel-safe, and each says so in its documentation.
//!
//! [`select!`] waits for the first of several futures, [`join!`] and [`try_join!`] wait for all.
//! Channels and locks between threads come from other crates, which need no adapter.
//!
//! ## More cores
//!
//! [`Shards`] run one loop on each of several threads. What a [`Shard`](shard::Shard) spawns stays
//! on its thread; shards [call](shard::Shard::call) each other and send messages through a
//! [`Mesh`](shard::Mesh).
//!
//! ## Observing
//!
//! | question | use |
//! | --- | --- |
//! | Which task blocks the loop right now? | [`Builder::detect_stalls`] |
//! | Which tasks can never be woken, and what do they wait for? | [`Builder::detect_deadlocks`] |
//! | What do all tasks wait for? | [`runtime::dump()`], [`Handle::dump`] |
//! | How busy is the loop, and how long do polls take? | [`Metrics`] |
//! | What woke this task, and why was it late? | the feature `trace` |
//! | Which tasks, timers and sockets exist now? | the feature `console`, for tokio-console |
//!
//! ## Testing
//!
//! `#[wakeful::test(start_paused = true)]` stops the clock, which then jumps to the next timer when
//! no task is ready. [`time::advance`] moves it by hand. [`Builder::rng_seed`] repeats the choices
//! of [`select!`]. The feature `faults` makes system calls fail on purpose, repeatable by a seed.
//! [`Builder::max_poll`] fails a test whose polls take too long. A deadlock fails a
//! `#[wakeful::test]`.
//!
//! ## Other event loops and crates
//!
//! [`Runtime::turn`] lets another event loop drive this one, and [`Runtime::drive`] another
//! executor. With the feature `tokio-host` tokio does: `#[wakeful::main(host = "tokio")]`.
//! [`LocalSpawner`] and [`Handle`]
//! implement the `LocalSpawn` and `Spawn` of the `futures` crates. Adapters are packages of their
//! own: `wakeful-hickory`, `wakeful-hyper`, `wakeful-openraft`, `wakeful-prometheus`,
//! `wakeful-quinn`, `wakeful-tower`.
//!
//! # Feature flags
//!
//! | feature | default | what it adds |
//! | --- | --- | --- |
//! | `macros` | yes | the attributes [`main`](macro@main) and [`test`](macro@test), [`select!`], [`join!`], [`try_join!`] and [`pin!`] |
//! | `net` | yes | the module [`net`] |
//! | `signal` | no | the module `signal`: ctrl-c and other signals |
//! | `process` | no | the module `process`: child processes; includes `signal` |
//! | `io-std` | no | standard input, output and error in [`io`] |
//! | `io-uring` | no | [files](fs) through a completion ring, where Linux has one |
//! | `bytes` | no | `try_read_buf`, `recv_buf` and the like of sockets, for `bytes::BufMut` |
//! | `tokio-io` | no | tokio's I/O traits for files, pipes, sockets and standard streams; of tokio only the traits are compiled |
//! | `tokio-io-util` | no | the module `io::tokio` also has tokio's helpers, such as `copy`; includes `tokio-io` |
//! | `tokio-host` | no | the module `tokio_host`: a tokio runtime drives the loop, on one thread, so tasks use tokio's crates directly |
//! | `backtrace` | no | the stall detector shows the stack of the blocked thread (Linux) |
//! | `trace` | no | the module `trace`: the flight recorder |
//! | `console` | no | the module `console`: data for tokio-console |
//! | `faults` | no | the module `faults`: deliberate faults, for tests |
//!
//! # Panics
//!
//! A panic of a task ends that task, and its handle returns a [`JoinError`](task::JoinError) with
//! the payload. The same holds for panics of shards and of closures on the pool. Panics of other
//! user code that the runtime calls, such as wakers and drops, are caught, and the loop continues.
//!
//! All of that needs unwinding. In a program built with `panic = "abort"` a panic ends the process
//! after the panic hook has printed its message: no destructor runs, no
//! [`JoinError`](task::JoinError) has a payload, and [`OnFailure`](shard::OnFailure) only concerns
//! services that return errors. Aborts, cancelled tasks, timeouts and shutdowns do not unwind,
//! and work as usual.
//!
//! # Systems
//!
//! Unix, with Rust 1.88 or newer. Linux has a faster way to wait, see [`reactor::Backend`]; other
//! systems use the portable wait of the crate `polling`.
//!
//! # More
//!
//! The [guide](https://github.com/wakeful-rs/wakeful/blob/main/docs/src/SUMMARY.md) has pages on
//! coming from tokio, behaviour in edge cases, shards, observing, benchmarks and testing.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(missing_debug_implementations)]

#[cfg(feature = "console")]
#[doc(inline)]
pub use wakeful_core::console;
#[cfg(feature = "faults")]
#[doc(inline)]
pub use wakeful_core::faults;
#[cfg(feature = "process")]
#[doc(inline)]
pub use wakeful_core::process;
#[cfg(feature = "signal")]
#[doc(inline)]
pub use wakeful_core::signal;
#[cfg(feature = "tokio-host")]
#[doc(inline)]
pub use wakeful_core::tokio_host;
#[doc(inline)]
pub use wakeful_core::{
    Builder, EnterGuard, Handle, Histogram, LocalSpawner, Metrics, MetricsLevel, RemoteJoinHandle,
    Runtime, Shards, StallKind, StallLock, StallReport, ThreadBound, block_on, class, fs, io,
    raw_os_error, reactor, runtime, shard, spawn, spawn_blocking, spawn_in, sync, task_local, time,
};
#[cfg(feature = "macros")]
pub use wakeful_macros::{main, test};

#[cfg(feature = "macros")]
mod macros;

/// What the expansions of the macros need. Not a public interface.
#[cfg(feature = "macros")]
#[doc(hidden)]
pub mod __private {
    pub use wakeful_core::macro_support::*;
    pub use wakeful_macros::{__join, __select};
}

/// Tasks: their handles, and what they can do while they run.
pub mod task {
    #[doc(inline)]
    pub use wakeful_core::executor::{
        JoinSet, SetBuilder, TaskBuilder as Builder, id, name, spawn, spawn_local, try_id,
    };
    #[doc(inline)]
    pub use wakeful_core::group::{
        BorrowingScope, GroupError, GroupSpawner, GroupTask, Stopping, TaskGroup, borrowing_scope,
        is_stopping, spawn_background, stopping,
    };
    #[doc(inline)]
    pub use wakeful_core::task::*;
    #[doc(inline)]
    pub use wakeful_core::{spawn_blocking, try_spawn_blocking};
}

/// The flight recorder: what the loop, its tasks and its wakers did, event by event.
#[cfg(feature = "trace")]
pub mod trace {
    #[doc(inline)]
    pub use wakeful_core::executor::trace::{
        Span, level, mark, set_level, set_rate, snapshot, snapshot_since, span,
    };
    #[doc(inline)]
    pub use wakeful_core::trace::*;
}

/// Sockets: TCP, UDP and Unix domain, name lookup, and listeners for several shards.
///
/// All items are those of the package `wakeful-net`; its front page describes what they share.
#[cfg(feature = "net")]
pub mod net {
    #[doc(inline)]
    pub use wakeful_net::*;
}
