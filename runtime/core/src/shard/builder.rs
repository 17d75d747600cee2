//! Builder of shards.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use crate::runtime::Builder;
use crate::shard::context::ShardContext;
use crate::shard::error::{OnFailure, ShardsError};
use crate::shard::id::ShardId;
use crate::shard::shard::Shard;
use crate::shard::shards::Shards;
use crate::shard::shared::Shared;
use crate::shard::thread::{self, Config, ReadyThread};
use crate::sys;

/// Builder of [`Shards`].
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
    /// Makes a builder with the defaults, which each method states.
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

    /// Sets the number of shards. Default: one for each processor that the process may use
    /// ([`std::thread::available_parallelism`]).
    pub fn shards(mut self, shards: usize) -> ShardsBuilder {
        self.shards = Some(shards);
        self
    }

    /// Sets whether each shard is kept on a processor of its own: the first shard on the first
    /// processor that the process may use, and so on. Default: no.
    ///
    /// Pinned shards keep their caches warm, and the system can't put two of them on one processor.
    /// Pinning is meant for processes that have their processors to themselves. Threads that a
    /// shard starts, such as those of its blocking pool, are kept on its processor as well.
    ///
    /// More shards than processors are an error: two shards on one processor would hold each other
    /// up for good, as neither may move away. Linux only.
    pub fn pin(mut self, pin: bool) -> ShardsBuilder {
        self.pin = pin;
        self
    }

    /// Sets the name of the threads, which `-` and the shard's number follow. Default:
    /// `wakeful-shard`. Linux shows the first 15 bytes.
    ///
    /// # Panics
    ///
    /// [`build`](Self::build) panics if the name contains a zero byte.
    pub fn thread_name(mut self, name: impl Into<String>) -> ShardsBuilder {
        self.thread_name = name.into();
        self
    }

    /// Sets what happens to the other shards when a service fails. Default:
    /// [`OnFailure::StopAll`].
    pub fn on_failure(mut self, on_failure: OnFailure) -> ShardsBuilder {
        self.on_failure = on_failure;
        self
    }

    /// Sets how long services have to end after a [failure](OnFailure::StopAll) and when [`Shards`]
    /// are dropped. Then the tasks are cancelled, and the threads have the same time again to end
    /// calls that block. Default: 10 seconds.
    pub fn shutdown_timeout(mut self, timeout: Duration) -> ShardsBuilder {
        self.shutdown_timeout = timeout;
        self
    }

    /// Sets how long a shard that has just sent calls or replies to another, and has no task to
    /// run, spins before it sleeps. Default: 50 µs. With zero it sleeps at once.
    ///
    /// Waking a shard that sleeps takes about 25 µs and a syscall of the other shard. The spinning
    /// thread keeps its processor busy, so after spins without work fewer sleeps spin, down to one
    /// of 64. [`Builder::spin`] applies to all sleeps and does not adapt.
    pub fn reply_spin(mut self, duration: Duration) -> ShardsBuilder {
        self.reply_spin = duration;
        self
    }

    /// Sets a function that configures the runtime of each shard. It is called on the shard's
    /// thread. A later call replaces the function. Default: none.
    pub fn configure(
        mut self,
        configure: impl Fn(Builder) -> Builder + Send + Sync + 'static,
    ) -> ShardsBuilder {
        self.configure = Box::new(configure);
        self
    }

    /// Starts the threads and makes their runtimes. The loops run and wait for
    /// [services](Shards::on_each), tasks and calls.
    ///
    /// # Errors
    ///
    /// See [`ShardsError`]. No thread keeps running then.
    pub fn build(self) -> Result<Shards, ShardsError> {
        let count = match self.shards {
            Some(0) => return Err(ShardsError::NoShards),
            Some(count) => count,
            None => std::thread::available_parallelism().map_or(1, usize::from),
        };
        let config = Arc::new(Config {
            name: self.thread_name,
            reply_spin: self.reply_spin,
            configure: self.configure,
            cpus: if self.pin { Some(cpus(count)?) } else { None },
        });
        let mut ready = Vec::with_capacity(count);
        for shard in (0..count).map(ShardId::from) {
            match thread::start(shard, &config) {
                Ok(thread) => ready.push(thread),
                Err(error) => {
                    ready.into_iter().for_each(ReadyThread::cancel);
                    return Err(ShardsError::NotStarted { shard, error });
                }
            }
        }
        let handles = ready.iter().map(|ready| ready.handle.clone()).collect();
        let shared = Shared::new(
            handles,
            self.on_failure,
            self.shutdown_timeout,
            ShardContext::stop_current,
        );
        let threads = ready.into_iter().map(|ready| ready.run(&shared)).collect();
        Ok(Shards::new(shared, threads))
    }

    /// [Builds](Self::build) the shards and starts a service [on each](Shards::on_each).
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build) returns.
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

/// Returns the processors for `shards` pinned shards.
fn cpus(shards: usize) -> Result<Vec<usize>, ShardsError> {
    let allowed = sys::allowed_cpus().map_err(ShardsError::CannotPin)?;
    if allowed.len() < shards {
        return Err(ShardsError::TooFewCpus {
            shards,
            cpus: allowed.len(),
        });
    }
    Ok(allowed)
}

impl Shards {
    /// Makes a builder; the same as [`ShardsBuilder::new`].
    pub fn builder() -> ShardsBuilder {
        ShardsBuilder::new()
    }
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
