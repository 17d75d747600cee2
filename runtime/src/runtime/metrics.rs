//! What a runtime has done so far.

use super::Parts;

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
    /// Polls of tasks and of the future of `block_on`.
    pub polls: u64,
    /// Messages from other threads: wakes, aborts, spawns and references that came home.
    pub remote_messages: u64,
    /// Times that such a message found the loop asleep, and had to wake it by a syscall.
    pub notifications: u64,
    /// Times the reactor asked the system for events, with or without waiting.
    pub waits: u64,
    /// Events that the system gave.
    pub events: u64,
    /// Descriptors registered now.
    pub sources: usize,
    /// Timers armed now.
    pub timers: usize,
    /// Threads of the blocking pool, at work or idle.
    pub blocking_threads: usize,
    /// Threads of the blocking pool without work.
    pub blocking_idle: usize,
    /// Closures that wait for a thread of the blocking pool.
    pub blocking_queued: usize,
}

impl Metrics {
    pub(super) fn new(parts: &Parts) -> Metrics {
        let tasks = parts.executor.stats();
        let reactor = parts.reactor.stats();
        let blocking = parts.blocking.pool.stats();
        Metrics {
            tasks_alive: tasks.alive,
            tasks_spawned: tasks.spawned,
            tasks_queued: tasks.queued,
            polls: tasks.polls,
            remote_messages: tasks.received,
            notifications: tasks.notified,
            waits: reactor.waits,
            events: reactor.events,
            sources: reactor.sources,
            timers: reactor.timers,
            blocking_threads: blocking.threads,
            blocking_idle: blocking.idle,
            blocking_queued: blocking.queued,
        }
    }
}
