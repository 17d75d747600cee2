//! The thread of a shard: the one place in the room that starts threads.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::executor::reserve_id;
use crate::runtime::{Builder, Handle, Runtime};
use crate::shard::context::Local;
use crate::shard::error::FailureReason;
use crate::shard::shared::Core;
use crate::shard::{ShardId, affinity, call};
use crate::task::JoinError;

/// What every thread needs to know.
pub(super) struct Plan {
    pub(super) name: String,
    pub(super) reply_spin: Duration,
    pub(super) configure: Box<dyn Fn(Builder) -> Builder + Send + Sync>,
    /// The processor of each, if they are pinned.
    pub(super) cpus: Option<Vec<usize>>,
}

/// A thread that has made its runtime, and waits to be told of the others.
pub(super) struct Ready {
    pub(super) thread: JoinHandle<()>,
    pub(super) handle: Handle,
    pub(super) go: Sender<Arc<Core>>,
}

/// Starts the thread of a shard and waits until its runtime is made.
pub(super) fn start(id: ShardId, plan: &Arc<Plan>) -> io::Result<Ready> {
    let (tell, told) = channel();
    let (go, gone) = channel();
    let its_plan = plan.clone();
    let thread = std::thread::Builder::new()
        .name(format!("{}-{id}", plan.name))
        .spawn(move || run(id, &its_plan, &tell, &gone))?;
    let made = told.recv();
    let made = made.unwrap_or_else(|_| Err(io::Error::other("making its runtime panicked")));
    match made {
        Ok(handle) => Ok(Ready { thread, handle, go }),
        Err(error) => {
            // It is over; a panic was told of.
            let _ = thread.join();
            Err(error)
        }
    }
}

impl Ready {
    /// One of the others could not be started.
    pub(super) fn give_up(self) {
        drop(self.go);
        let _ = self.thread.join();
    }
}

fn run(id: ShardId, plan: &Plan, tell: &Sender<io::Result<Handle>>, go: &Receiver<Arc<Core>>) {
    let runtime = match prepare(id, plan) {
        Ok(runtime) => runtime,
        Err(error) => return drop(tell.send(Err(error))),
    };
    let _ = tell.send(Ok(runtime.handle()));
    // Otherwise one of the others could not be started.
    if let Ok(core) = go.recv() {
        live(id, runtime, &core);
    }
}

fn prepare(id: ShardId, plan: &Plan) -> io::Result<Runtime> {
    if let Some(cpus) = &plan.cpus {
        affinity::pin(cpus[id.index()])?;
    }
    let builder = Builder::new().reply_spin(plan.reply_spin);
    (plan.configure)(builder).build()
}

fn live(id: ShardId, runtime: Runtime, core: &Arc<Core>) {
    let life = AssertUnwindSafe(|| {
        let adaptive_spin = runtime.adaptive_spin();
        runtime.on_raised(Local::nudged);
        Local::enter(id, core, adaptive_spin, |local, incoming| {
            runtime.enter(|| call::serve(local, incoming));
            runtime.block_on(local.until_the_end());
            // What it drops may still ask for its shard.
            drop(runtime);
        });
    });
    if let Err(payload) = catch_unwind(life) {
        let error = JoinError::panicked(reserve_id(), payload);
        core.fail_and_tell(id, FailureReason::Panicked(error));
    }
    core.ended(id);
}
