//! What can be said about shards before they are made.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use crate::runtime::Builder;
use crate::shard::shards::Shards;
use crate::shard::shared::Core;
use crate::shard::thread::{self, Plan, Ready};
use crate::shard::{Shard, ShardId, ShardsError, affinity};

/// What becomes of the other shards when a service panics, or returns an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnFailure {
    /// They are asked to stop, and have [`shutdown_timeout`](ShardsBuilder::shutdown_timeout) for it: a
    /// server does not go on with a part of itself missing.
    #[default]
    StopAll,
    /// They go on. So does the loop of that shard, with its other tasks.
    Continue,
}

/// Makes [`Shards`].
///
/// ```
/// use std::time::Duration;
/// use wakeful::shard::{OnFailure, Shards};
///
/// # fn main() -> Result<(), wakeful::shard::ShardsError> {
/// let shards = Shards::builder()
///     .shards(2)
///     .thread_name("server")
///     .on_failure(OnFailure::Continue)
///     .configure(|runtime| runtime.max_blocking_threads(4))
///     .build()?;
/// shards.join()
/// # }
/// ```
#[must_use = "a builder does nothing until `build` or `on_each` is called"]
pub struct ShardsBuilder {
    shards: Option<usize>,
    pin: bool,
    thread_name: String,
    on_failure: OnFailure,
    shutdown_timeout: Duration,
    reply_spin: Duration,
    configure: Box<dyn Fn(Builder) -> Builder + Send + Sync>,
}

impl ShardsBuilder {
    /// The defaults, which each method states.
    pub fn new() -> ShardsBuilder {
        ShardsBuilder {
            shards: None,
            pin: false,
            thread_name: "wakeful-shard".to_owned(),
            on_failure: OnFailure::default(),
            shutdown_timeout: Duration::from_secs(10),
            reply_spin: Duration::from_micros(50),
            configure: Box::new(|builder| builder),
        }
    }

    /// How many shards. Default: one for each processor that the process may use
    /// ([`std::thread::available_parallelism`]).
    pub fn shards(mut self, shards: usize) -> ShardsBuilder {
        self.shards = Some(shards);
        self
    }

    /// Whether each shard is kept on a processor of its own, the first on the first that the process may
    /// use, and so on. Default: no.
    ///
    /// The caches stay warm and the system can't put two shards on one processor. It is meant for
    /// processes that have their processors to themselves. What a shard starts, such as threads of its
    /// blocking pool, is kept there as well.
    ///
    /// Asking for more shards than there are processors is an error: two that share one would
    /// hold each other up for good, as neither may move away. Linux only.
    pub fn pin(mut self, pin: bool) -> ShardsBuilder {
        self.pin = pin;
        self
    }

    /// The name of the threads, which `-` and the shard's number follow. Default: `wakeful-shard`. Linux
    /// shows the first 15 bytes.
    ///
    /// # Panics
    ///
    /// [`build`](Self::build) panics if there is a zero byte in it.
    pub fn thread_name(mut self, name: impl Into<String>) -> ShardsBuilder {
        self.thread_name = name.into();
        self
    }

    /// What becomes of the others when a service fails. Default: [`OnFailure::StopAll`].
    pub fn on_failure(mut self, on_failure: OnFailure) -> ShardsBuilder {
        self.on_failure = on_failure;
        self
    }

    /// How long services have to end when nobody says how long: after a
    /// [failure](OnFailure::StopAll), and when [`Shards`] are dropped. Then the tasks are cancelled, and
    /// the threads have the same time once more, to end what blocks. Default: 10 seconds.
    pub fn shutdown_timeout(mut self, timeout: Duration) -> ShardsBuilder {
        self.shutdown_timeout = timeout;
        self
    }

    /// How long a shard that has just sent calls or answers to another, and has nothing to do, looks out
    /// for what comes back before it sleeps. Default: 50 µs; zero: it sleeps at once.
    ///
    /// To wake a shard takes some 25 µs, and a syscall of the other one. The thread keeps its processor busy
    /// while it looks out, so where nothing comes in that time it does so ever less: down to one of 64 sleeps.
    /// [`Builder::spin`] is for all sleeps, whatever came before, and does not give up.
    pub fn reply_spin(mut self, duration: Duration) -> ShardsBuilder {
        self.reply_spin = duration;
        self
    }

    /// What is said about the runtime of each shard. Called on its thread; of several calls the last
    /// counts. Default: nothing.
    pub fn configure(
        mut self,
        configure: impl Fn(Builder) -> Builder + Send + Sync + 'static,
    ) -> ShardsBuilder {
        self.configure = Box::new(configure);
        self
    }

    /// Starts the threads and makes their runtimes. They run, and wait for
    /// [services](Shards::on_each), tasks and calls.
    ///
    /// # Errors
    ///
    /// See [`ShardsError`]. No thread stays behind.
    pub fn build(self) -> Result<Shards, ShardsError> {
        let count = match self.shards {
            Some(0) => return Err(ShardsError::NoShards),
            Some(count) => count,
            None => std::thread::available_parallelism().map_or(1, usize::from),
        };
        let plan = Arc::new(Plan {
            name: self.thread_name,
            reply_spin: self.reply_spin,
            configure: self.configure,
            cpus: if self.pin { Some(cpus(count)?) } else { None },
        });
        let mut ready = Vec::with_capacity(count);
        for shard in (0..count).map(ShardId::from) {
            match thread::start(shard, &plan) {
                Ok(one) => ready.push(one),
                Err(error) => {
                    ready.into_iter().for_each(Ready::give_up);
                    return Err(ShardsError::NotStarted { shard, error });
                }
            }
        }
        let handles = ready.iter().map(|ready| ready.handle.clone()).collect();
        let core = Core::new(handles, self.on_failure, self.shutdown_timeout);
        let threads = ready.into_iter().map(|ready| {
            let _ = ready.go.send(core.clone());
            ready.thread
        });
        let threads = threads.collect();
        Ok(Shards::new(core, threads))
    }

    /// [Builds](Self::build), and starts a service [on each](Shards::on_each).
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    #[track_caller]
    pub fn on_each<S, F>(self, service: S) -> Result<Shards, ShardsError>
    where
        S: Fn(Shard) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + 'static,
    {
        let location = Location::caller();
        let shards = self.build()?;
        shards.start(service, location);
        Ok(shards)
    }
}

/// The processors for so many pinned shards.
fn cpus(shards: usize) -> Result<Vec<usize>, ShardsError> {
    let allowed = affinity::allowed().map_err(ShardsError::CannotPin)?;
    if allowed.len() < shards {
        return Err(ShardsError::TooFewCpus {
            shards,
            cpus: allowed.len(),
        });
    }
    Ok(allowed)
}

impl Default for ShardsBuilder {
    fn default() -> ShardsBuilder {
        ShardsBuilder::new()
    }
}

impl fmt::Debug for ShardsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShardsBuilder")
            .field("shards", &self.shards)
            .field("pin", &self.pin)
            .field("on_failure", &self.on_failure)
            .field("shutdown_timeout", &self.shutdown_timeout)
            .field("reply_spin", &self.reply_spin)
            .finish_non_exhaustive()
    }
}
