//! What a runtime has done so far.

use std::rc::Rc;

use crate::blocking::{Blocking, Pool};
use crate::executor::{Executor, class, current};
use crate::observe::{Histogram, Observer};
use crate::reactor::{self, Reactor};
use crate::task::NO_RUNTIME;

/// Figures of a [`Runtime`](super::Runtime), taken at one moment. Counts begin at zero when the
/// runtime is made.
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
    /// Tasks that are ready now and wait for their poll.
    pub tasks_queued: usize,
    /// Polls of tasks and of the future of `block_on`. Those of the batch that is running, at
    /// most 256, are added at its end.
    pub polls: u64,
    /// Wakes on the loop's own thread that put a task in line. Up to date as `polls` is.
    pub wakes_local: u64,
    /// Wakes from other threads that put a task in line.
    pub wakes_remote: u64,
    /// Wakes, from anywhere, of tasks that were in line or on their way already.
    pub wakes_coalesced: u64,
    /// From the wake that put a task in line, or its spawn, to its poll, in nanoseconds. With
    /// [`MetricsLevel::Times`].
    pub wake_to_poll: Option<Histogram>,
    /// How long polls took, in nanoseconds. With [`MetricsLevel::Times`].
    pub poll_time: Option<Histogram>,
    /// Messages from other threads: wakes, aborts, spawns and references that came home, and bundles of calls
    /// and answers between shards.
    pub remote_messages: u64,
    /// Times that such a message found the loop asleep, and had to wake it by a syscall.
    pub notifications: u64,
    /// Times the reactor asked the system for events, with or without waiting.
    pub waits: u64,
    /// Events that the system gave.
    pub events: u64,
    /// How many events the system gave at a time, zero included. Its count is `waits` and its sum
    /// `events`.
    pub events_per_wait: Histogram,
    /// Descriptors registered now.
    pub sources: usize,
    /// Timers armed now.
    pub timers: usize,
    /// Timers armed so far, again included.
    pub timers_armed: u64,
    /// Timers fired.
    pub timers_fired: u64,
    /// Those of them that fired more than a millisecond after their deadline.
    pub timers_late: u64,
    /// Threads of the blocking pool, at work or idle.
    pub blocking_threads: usize,
    /// Threads of the blocking pool without work.
    pub blocking_idle: usize,
    /// Closures that wait for a thread of the blocking pool.
    pub blocking_queued: usize,
    /// What each [scheduling class](crate::class) has used, the default class first.
    pub classes: Vec<class::Stats>,
    /// Stalls found. See [`Builder::detect_stalls`](crate::Builder::detect_stalls).
    pub stalls: u64,
    /// How long those lasted that are over, in nanoseconds, to an eighth of the threshold.
    pub stall_time: Histogram,
}

/// What a runtime measures of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum MetricsLevel {
    /// How often things happened.
    #[default]
    Counts,
    /// How long they took as well: [`Metrics::wake_to_poll`] and [`Metrics::poll_time`]. Reads the
    /// clock at each wake and twice a poll, about 100 ns together.
    Times,
}

impl Metrics {
    /// The figures of this thread's runtime, for tasks.
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

    /// The figures of this thread's runtime, if there is one.
    pub fn try_current() -> Option<Metrics> {
        current::try_with(|executor| {
            let reactor = reactor::current::try_with(Rc::clone)?;
            let pool = Blocking::current_pool()?;
            Some(Metrics::new(executor, &reactor, &pool))
        })
        .flatten()
    }

    pub(super) fn new(executor: &Executor, reactor: &Reactor, pool: &Pool) -> Metrics {
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
