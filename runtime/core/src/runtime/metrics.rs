//! Metrics of a runtime: snapshots of what executor, reactor, timers, blocking pool and observer
//! count with plain additions. Wakes on the owner thread have no counter of their own: they are the
//! pushes into the run queue that have no other cause.

use std::rc::Rc;

use super::{Parts, Runtime};
use crate::blocking::{Blocking, Pool};
use crate::executor::{Executor, class, current};
use crate::observe::{Histogram, Observer};
use crate::reactor::{self, Reactor};
use crate::task::NO_RUNTIME;

/// Snapshot of the metrics of a [`Runtime`](super::Runtime). Counts begin at zero when the runtime
/// is made; counts of what has happened so far never decrease.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let runtime = wakeful::Runtime::new()?;
/// runtime.block_on(async { wakeful::spawn(async {}).await.unwrap() });
/// assert_eq!(runtime.metrics().tasks_spawned, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Metrics {
    /// Tasks that have not been freed. A task that has ended counts until its handles are gone.
    pub tasks_alive: usize,
    /// Tasks spawned.
    pub tasks_spawned: u64,
    /// Tasks in the run queue.
    pub tasks_queued: usize,
    /// Polls of tasks and of the future of `block_on`. Those of the running batch are added at its
    /// end.
    pub polls: u64,
    /// Wakes on the loop's own thread that queued a task. Those of the running batch are added at
    /// its end.
    pub wakes_local: u64,
    /// Wakes from other threads that queued a task.
    pub wakes_remote: u64,
    /// Wakes, from any thread, of tasks that were already queued or sent to the loop.
    pub wakes_coalesced: u64,
    /// Time from the wake that queued a task, or from its spawn, to its poll, in nanoseconds. With
    /// [`MetricsLevel::Times`].
    pub wake_to_poll: Option<Histogram>,
    /// Time of each poll, in nanoseconds. With [`MetricsLevel::Times`].
    pub poll_time: Option<Histogram>,
    /// Messages from other threads: wakes, aborts, spawns, task references that return to the
    /// owner thread, and batches of calls and replies between shards.
    pub remote_messages: u64,
    /// Remote messages that found the loop asleep and woke it by a system call.
    pub notifications: u64,
    /// Waits of the reactor for events, the non-blocking ones included.
    pub waits: u64,
    /// Events that the system reported.
    pub events: u64,
    /// Number of events of each wait, zero included. Its count is `waits` and its sum `events`.
    pub events_per_wait: Histogram,
    /// Descriptors registered now.
    pub sources: usize,
    /// Timers armed now.
    pub timers: usize,
    /// Timers armed so far. Arming a timer again counts again.
    pub timers_armed: u64,
    /// Timers fired.
    pub timers_fired: u64,
    /// Timers that fired more than 1 ms after their deadline.
    pub timers_late: u64,
    /// Threads of the blocking pool, busy or idle.
    pub blocking_threads: usize,
    /// Idle threads of the blocking pool.
    pub blocking_idle: usize,
    /// Closures that wait for a thread of the blocking pool.
    pub blocking_queued: usize,
    /// Figures of each [scheduling class](crate::class), the default class first.
    pub classes: Vec<class::Stats>,
    /// Stalls detected. See [`Builder::detect_stalls`](crate::Builder::detect_stalls).
    pub stalls: u64,
    /// Lengths of the stalls that are over, in nanoseconds, accurate to an eighth of the threshold.
    pub stall_time: Histogram,
}

/// What the [`Metrics`] of a runtime measure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum MetricsLevel {
    /// Counts only.
    #[default]
    Counts,
    /// Counts and times: [`Metrics::wake_to_poll`] and [`Metrics::poll_time`]. Reads the clock at
    /// each wake and twice a poll, which takes about 100 ns in all.
    Times,
}

impl Runtime {
    /// Takes a snapshot of the runtime's metrics.
    pub fn metrics(&self) -> Metrics {
        let Parts {
            executor,
            reactor,
            blocking,
            ..
        } = &self.parts;
        Metrics::new(executor, reactor, &blocking.pool)
    }
}

impl Metrics {
    /// Takes a snapshot of the metrics of this thread's runtime, for use in tasks.
    ///
    /// # Panics
    ///
    /// Outside a runtime; see [`try_current`](Self::try_current).
    ///
    /// ```
    /// wakeful::block_on(async {
    ///     let task = wakeful::spawn(std::future::pending::<()>());
    ///     assert_eq!(wakeful::Metrics::current().tasks_alive, 1);
    ///     task.abort();
    /// });
    /// ```
    #[track_caller]
    pub fn current() -> Metrics {
        Metrics::try_current().unwrap_or_else(|| panic!("{NO_RUNTIME}"))
    }

    /// Takes a snapshot of the metrics of this thread's runtime, if there is one.
    pub fn try_current() -> Option<Metrics> {
        current::try_with(|executor| {
            let reactor = reactor::current::try_with(Rc::clone)?;
            let pool = Blocking::current_pool()?;
            Some(Metrics::new(executor, &reactor, &pool))
        })
        .flatten()
    }

    fn new(executor: &Executor, reactor: &Reactor, pool: &Pool) -> Metrics {
        let tasks = executor.stats();
        let reactor = reactor.stats();
        let blocking = pool.stats();
        let observer = executor.observer();
        let (wake_to_poll, poll_time) = observer.and_then(Observer::times).unzip();
        let (stalls, stall_time) = match observer {
            Some(observer) => observer.marker().stalls(),
            None => (0, Histogram::empty()),
        };
        Metrics {
            tasks_alive: tasks.alive,
            tasks_spawned: tasks.spawned,
            tasks_queued: tasks.queued,
            polls: tasks.polls,
            wakes_local: tasks.woken_local,
            wakes_remote: tasks.woken_remote,
            wakes_coalesced: tasks.coalesced,
            wake_to_poll,
            poll_time,
            remote_messages: tasks.received,
            notifications: tasks.notified,
            waits: reactor.events_per_wait.count(),
            events: reactor.events_per_wait.sum(),
            events_per_wait: reactor.events_per_wait,
            sources: reactor.sources,
            timers: reactor.timers.now,
            timers_armed: reactor.timers.armed,
            timers_fired: reactor.timers.fired,
            timers_late: reactor.timers.late,
            blocking_threads: blocking.threads,
            blocking_idle: blocking.idle,
            blocking_queued: blocking.queued,
            classes: executor.class_stats(),
            stalls,
            stall_time,
        }
    }
}
