//! Adapter to [openraft](https://docs.rs/openraft): [`WakefulRuntime`] is an [`AsyncRuntime`] for
//! Raft nodes on the [wakeful](https://docs.rs/wakeful) runtime.
//!
//! Set it in `openraft::declare_raft_types!` as `AsyncRuntime = wakeful_openraft::WakefulRuntime`,
//! and start the node inside a Wakeful runtime. It works with openraft's feature `single-threaded`,
//! where the storage and the network of a node need not be `Send`, and without it. The example
//! `raft_kv` is a key-value store on three machines.
//!
//! The traits are those of the release of `openraft-rt` in the manifest of this crate. It is an
//! alpha, so this crate follows it and may change in any release.
//!
//! ```
//! use openraft_rt::{AsyncRuntime, Mpsc, MpscReceiver, MpscSender};
//! use wakeful_openraft::{Channels, WakefulRuntime};
//!
//! let sum = WakefulRuntime::run(async {
//!     let (sender, mut receiver) = <Channels as Mpsc>::channel::<u32>(4);
//!     let _detached = WakefulRuntime::spawn(async move {
//!         for number in 1..=10 {
//!             sender.send(number).await.unwrap();
//!         }
//!     });
//!     let mut sum = 0;
//!     while let Some(number) = receiver.recv().await {
//!         sum += number;
//!     }
//!     sum
//! });
//! assert_eq!(sum, 55);
//! ```
//!
//! # What is `Send`
//!
//! Without `single-threaded`, openraft requires handles, sleeps and timeouts that are `Send`. Those
//! of this crate are, without a wrapper that checks the thread: a handle gets its output through a
//! channel, and a sleep has its timer in a task of the loop that first polled it. So a `Raft` may
//! be used on other threads, as long as nothing there starts a task or a timer outside of a
//! runtime.
//!
//! # A leader that restarts
//!
//! openraft's `Config::enable_leader_restore` is on unless it is set to `Some(false)`: a leader
//! that restarts quickly continues in its old term. That is safe only if each entry of its log was
//! on its disk before any follower had the entry. A node that writes its log at the same time as
//! the followers could give the index of an entry to another entry, and lose the first. `raft_kv`
//! sets it to `Some(false)`.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(missing_debug_implementations)]

mod channels;
mod error;
mod instant;
mod sleep;
mod task;

use std::fmt;
use std::future::Future;
use std::io;
use std::time::Duration;

use openraft_rt::{AsyncRuntime, OptionalSend};
use tokio::sync::oneshot;
use wakeful_core::{Runtime, try_spawn_blocking};

pub use channels::{Channels, MpscReceiver, Mutex, OneshotSender};
pub use error::{Elapsed, JoinError};
pub use instant::Instant;
pub use sleep::{Sleep, Timeout};
pub use task::JoinHandle;

/// Wakeful as a runtime of openraft. The associated functions use the Wakeful runtime in which they
/// are called. A value is a runtime of its own, for tests.
pub struct WakefulRuntime {
    runtime: Runtime,
}

impl From<Runtime> for WakefulRuntime {
    /// Wraps a runtime, which may have been made with the settings of a builder.
    fn from(runtime: Runtime) -> WakefulRuntime {
        WakefulRuntime { runtime }
    }
}

impl fmt::Debug for WakefulRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.runtime.fmt(f)
    }
}

impl AsyncRuntime for WakefulRuntime {
    type JoinError = JoinError;
    type JoinHandle<T: OptionalSend + 'static> = JoinHandle<T>;
    type Sleep = Sleep;
    type Instant = Instant;
    type TimeoutError = Elapsed;
    type Timeout<R, T: Future<Output = R> + OptionalSend> = Timeout<T>;
    type ThreadLocalRng = rand::rngs::ThreadRng;
    type Mpsc = Channels;
    type Watch = Channels;
    type Oneshot = Channels;
    type Mutex<T: OptionalSend + 'static> = Mutex<T>;

    #[track_caller]
    fn spawn<T>(future: T) -> JoinHandle<T::Output>
    where
        T: Future + OptionalSend + 'static,
        T::Output: OptionalSend + 'static,
    {
        JoinHandle::spawn(future)
    }

    fn sleep(duration: Duration) -> Sleep {
        Sleep::until(Instant::after(duration))
    }

    fn sleep_until(deadline: Instant) -> Sleep {
        Sleep::until(deadline)
    }

    fn timeout<R, F: Future<Output = R> + OptionalSend>(
        duration: Duration,
        future: F,
    ) -> Timeout<F> {
        Timeout::new(Instant::after(duration), future)
    }

    fn timeout_at<R, F: Future<Output = R> + OptionalSend>(
        deadline: Instant,
        future: F,
    ) -> Timeout<F> {
        Timeout::new(deadline, future)
    }

    fn is_panic(error: &JoinError) -> bool {
        error.is_panic()
    }

    fn thread_rng() -> rand::rngs::ThreadRng {
        rand::rng()
    }

    /// Returns a runtime with the defaults of [`Builder`](wakeful_core::Builder). It always has one
    /// thread.
    fn new(_threads: usize) -> WakefulRuntime {
        match Runtime::new() {
            Ok(runtime) => runtime.into(),
            Err(error) => panic!("can't create the runtime: {error}"),
        }
    }

    fn block_on<F, T>(&mut self, future: F) -> T
    where
        F: Future<Output = T>,
    {
        self.runtime.block_on(future)
    }

    /// Runs the closure on the runtime's pool.
    #[track_caller]
    fn spawn_blocking<F, T>(f: F) -> impl Future<Output = Result<T, io::Error>> + Send
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        // The handle of the closure is bound to this thread; the channel is not.
        let started = try_spawn_blocking(move || sender.send(f()).is_ok()).map(drop);
        async {
            started?;
            let ended =
                "the blocking closure returned no result: it panicked, or the runtime has ended";
            receiver.await.map_err(|_| io::Error::other(ended))
        }
    }
}
