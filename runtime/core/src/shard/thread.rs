//! Thread of a shard. No other file of this module starts threads.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::executor::reserve_id;
use crate::runtime::{Builder, Handle, Runtime};
use crate::shard::call;
use crate::shard::context::ShardContext;
use crate::shard::error::FailureReason;
use crate::shard::id::ShardId;
use crate::shard::shared::Shared;
use crate::sys;
use crate::task::JoinError;

/// Configuration that all threads share.
pub(super) struct Config {
    pub(super) name: String,
    pub(super) reply_spin: Duration,
    pub(super) configure: Box<dyn Fn(Builder) -> Builder + Send + Sync>,
    /// The processor of each shard, if the shards are pinned.
    pub(super) cpus: Option<Vec<usize>>,
}

/// Thread that has made its runtime and waits for the state that it shares with the other shards.
pub(super) struct ReadyThread {
    thread: JoinHandle<()>,
    pub(super) handle: Handle,
    start: Sender<Arc<Shared>>,
}

/// Starts the thread of a shard and waits until its runtime is made.
pub(super) fn start(id: ShardId, config: &Arc<Config>) -> io::Result<ReadyThread> {
    let (report, reported) = channel();
    let (start, started) = channel();
    let config = config.clone();
    let thread = std::thread::Builder::new()
        .name(format!("{}-{id}", config.name))
        .spawn(move || run(id, &config, &report, &started))?;
    let made = reported.recv();
    let made = made.unwrap_or_else(|_| Err(io::Error::other("making its runtime panicked")));
    match made {
        Ok(handle) => Ok(ReadyThread {
            thread,
            handle,
            start,
        }),
        Err(error) => {
            // The thread ends. The panic hook has reported a panic of it.
            let _ = thread.join();
            Err(error)
        }
    }
}

impl ReadyThread {
    /// Lets the thread run its loop.
    pub(super) fn run(self, shared: &Arc<Shared>) -> JoinHandle<()> {
        let _ = self.start.send(shared.clone());
        self.thread
    }

    /// Ends the thread, because another one could not be started.
    pub(super) fn cancel(self) {
        drop(self.start);
        let _ = self.thread.join();
    }
}

fn run(
    id: ShardId,
    config: &Config,
    report: &Sender<io::Result<Handle>>,
    started: &Receiver<Arc<Shared>>,
) {
    let runtime = match make_runtime(id, config) {
        Ok(runtime) => runtime,
        Err(error) => return drop(report.send(Err(error))),
    };
    let _ = report.send(Ok(runtime.handle()));
    // An error means that another shard could not be started.
    if let Ok(shared) = started.recv() {
        run_loop(id, runtime, &shared);
    }
}

fn make_runtime(id: ShardId, config: &Config) -> io::Result<Runtime> {
    if let Some(cpus) = &config.cpus {
        sys::pin_to_cpu(cpus[id.index()])?;
    }
    let builder = Builder::new().reply_spin(config.reply_spin);
    (config.configure)(builder).build()
}

fn run_loop(id: ShardId, runtime: Runtime, shared: &Arc<Shared>) {
    let run = AssertUnwindSafe(|| {
        let adaptive_spin = runtime.adaptive_spin();
        runtime.on_raised(ShardContext::on_raised);
        ShardContext::enter(id, shared, adaptive_spin, |context, incoming| {
            runtime.enter(|| call::serve(context, incoming));
            runtime.block_on(context.until_stopped());
            // The drops of its tasks may still use the shard.
            drop(runtime);
        });
    });
    if let Err(payload) = catch_unwind(run) {
        let error = JoinError::panicked(reserve_id(), payload);
        shared.fail(id, FailureReason::Panicked(error));
    }
    shared.thread_ended(id);
}
