//! A list of the tasks of a loop, with what each of them waits for.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::handle::Handle;
use crate::executor::{Executor, LiveTask, current};
use crate::sync::waits;
use crate::task::Id;
use crate::task::oneshot::{Receiver, oneshot};

/// List of the tasks of a loop that have not ended. See [`dump`].
///
/// It prints as one line for each task.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Dump {
    /// The tasks, in no particular order. The future of `block_on` is one of them.
    pub tasks: Vec<TaskDump>,
    /// Whether waits are recorded, see
    /// [`Builder::detect_deadlocks`](crate::Builder::detect_deadlocks).
    pub waits_recorded: bool,
}

/// A task in a [`Dump`] or a [`DeadlockReport`](crate::runtime::DeadlockReport).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TaskDump {
    /// The id of the task.
    pub id: Id,
    /// The name of the task, if it has one.
    pub name: Option<String>,
    /// The place where the task was spawned, or where `block_on` was called. It is known if waits
    /// are recorded, and with some other options, such as
    /// [`Builder::detect_stalls`](crate::Builder::detect_stalls).
    pub location: Option<&'static Location<'static>>,
    /// Whether this is the future of `block_on`.
    pub is_main: bool,
    /// The state of the task.
    pub state: TaskState,
    /// The number of wakers of the task that exist. An [`AbortHandle`](crate::task::AbortHandle)
    /// counts as one.
    pub wakers: u64,
    /// The waits of the task that are known: those for the ends of other tasks and, if waits are
    /// recorded, those in [`sync`](crate::sync).
    pub waits: Vec<WaitDump>,
    /// The locks that the task holds, if waits are recorded.
    pub holds: Vec<LockDump>,
}

/// State of a task in a [`Dump`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TaskState {
    /// The task is being polled.
    Running,
    /// The task is in the run queue.
    Queued,
    /// The task waits to be woken.
    Waiting,
}

/// A wait of a task.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum WaitDump {
    /// The task waits for the end of another one.
    Join {
        /// The other task.
        task: Id,
    },
    /// The task waits for a channel, a lock or another item of [`sync`](crate::sync).
    Sync {
        /// The kind of the item: "channel", "mutex" and so on.
        kind: &'static str,
        /// The place where the item was made.
        made_at: &'static Location<'static>,
        /// The time for which the task has waited.
        waited: Duration,
        /// The tasks that hold the item, if it is a lock or a semaphore.
        held_by: Vec<Id>,
        /// Whether a guard may have been moved to another task after its holder acquired it.
        may_move: bool,
    },
}

/// A lock or a semaphore that a task holds.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LockDump {
    /// The kind: "mutex", "rwlock" or "semaphore".
    pub kind: &'static str,
    /// The place where it was made.
    pub made_at: &'static Location<'static>,
}

/// Returns the tasks of this thread's runtime.
///
/// With [`Builder::detect_deadlocks`](crate::Builder::detect_deadlocks) the list also has the waits
/// in [`sync`](crate::sync) and the locks that tasks hold.
///
/// # Panics
///
/// Outside a runtime.
///
/// ```
/// let runtime = wakeful::Builder::new().detect_deadlocks(true).build().unwrap();
/// runtime.block_on(async {
///     let worker = wakeful::task::Builder::new().name("worker");
///     worker.spawn(std::future::pending::<()>());
///     wakeful::task::yield_now().await;
///     let text = wakeful::runtime::dump().to_string();
///     assert!(text.contains("\"worker\", spawned at"), "{text}");
///     assert!(text.contains("nothing can wake it: no waker exists"), "{text}");
/// });
/// ```
#[track_caller]
pub fn dump() -> Dump {
    current::with(|executor| Dump::of(executor, executor.running_or_main()))
}

impl Handle {
    /// Asks the loop for a list of its tasks, from any thread.
    ///
    /// The loop answers between two polls. While a poll blocks it, there is no answer: that poll is
    /// what [`Builder::detect_stalls`](crate::Builder::detect_stalls) reports.
    ///
    /// ```
    /// wakeful::block_on(async {
    ///     let handle = wakeful::Handle::current();
    ///     let asked = wakeful::spawn_blocking(move || wakeful::block_on(handle.dump()));
    ///     let dump = asked.await.unwrap().unwrap();
    ///     assert!(dump.tasks.iter().any(|task| task.is_main));
    /// });
    /// ```
    ///
    /// # Errors
    ///
    /// The future returns an error if the runtime has ended, or ends before it has answered.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: the loop may make a list that is not used.
    pub fn dump(&self) -> RemoteDump {
        let (sender, receiver) = oneshot();
        self.call(move || {
            // A message is received between two polls, when no task runs.
            let dump = current::with(|executor| Dump::of(executor, None));
            sender.fill(Ok(dump));
        });
        RemoteDump(receiver)
    }
}

/// Future of [`Handle::dump`].
#[must_use = "futures do nothing unless polled"]
pub struct RemoteDump(Receiver<Dump>);

impl Future for RemoteDump {
    type Output = io::Result<Dump>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<Dump>> {
        let dump = ready!(Pin::new(&mut self.0).poll(cx));
        Poll::Ready(dump.map_err(|_| io::Error::other("the runtime has ended: it has no tasks")))
    }
}

impl fmt::Debug for RemoteDump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteDump").finish_non_exhaustive()
    }
}

impl Dump {
    /// Returns the tasks of an executor, on its thread. Runs no user code.
    pub(super) fn of(executor: &Executor, running: Option<Id>) -> Dump {
        let live = executor.live_tasks(running);
        let mut tasks: Vec<TaskDump> = live.into_iter().map(TaskDump::new).collect();
        let places: HashMap<Id, usize> = tasks.iter().map(|it| it.id).zip(0..).collect();
        let mut with = |id: Id, f: &mut dyn FnMut(&mut TaskDump)| {
            if let Some(&place) = places.get(&id) {
                f(&mut tasks[place]);
            }
        };
        executor.each_join(|waiting, task| {
            with(waiting, &mut |it| it.waits.push(WaitDump::Join { task }));
        });
        let mut locks = HashMap::new();
        waits::each_lock(|number, lock| _ = locks.insert(number, lock.clone()));
        for lock in locks.values() {
            for holder in &lock.holders {
                with(holder.task, &mut |it| {
                    it.holds.push(LockDump {
                        kind: lock.kind.as_str(),
                        made_at: lock.made_at,
                    });
                });
            }
        }
        waits::each(|wait| {
            let Some(waiting) = executor.woken_by(wait.waker) else {
                return;
            };
            let lock = locks.get(&wait.number);
            let holders = lock.map_or(&[][..], |lock| &lock.holders);
            with(waiting, &mut |it| {
                it.waits.push(WaitDump::Sync {
                    kind: wait.kind.as_str(),
                    made_at: wait.made_at,
                    waited: Duration::from_nanos(wait.waited),
                    held_by: holders.iter().map(|holder| holder.task).collect(),
                    may_move: holders.iter().any(|holder| holder.may_move),
                });
            });
        });
        Dump {
            tasks,
            waits_recorded: waits::is_watched(),
        }
    }
}

impl TaskDump {
    fn new(task: LiveTask) -> TaskDump {
        TaskDump {
            id: task.id,
            name: task.name.map(Into::into),
            location: task.location,
            is_main: task.is_main,
            state: match (task.is_running, task.is_queued) {
                (true, _) => TaskState::Running,
                (_, true) => TaskState::Queued,
                _ => TaskState::Waiting,
            },
            wakers: task.wakers,
            waits: Vec::new(),
            holds: Vec::new(),
        }
    }

    /// Whether the task waits, and each of its wakers is in one of the known waits.
    pub(super) fn waits_are_known(&self) -> bool {
        self.state == TaskState::Waiting && self.wakers == self.waits.len() as u64
    }
}

impl fmt::Display for Dump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, task) in self.tasks.iter().enumerate() {
            if number > 0 {
                writeln!(f)?;
            }
            task.fmt(f)?;
        }
        if !self.waits_recorded {
            write!(
                f,
                "\n(what the tasks wait for is not recorded: turn on `Builder::detect_deadlocks`)"
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for TaskDump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_main {
            true => write!(f, "the future of `block_on` (task {})", self.id)?,
            false => write!(f, "task {}", self.id)?,
        }
        if let Some(name) = self.name.as_deref().filter(|_| !self.is_main) {
            write!(f, " \"{name}\"")?;
        }
        match (self.location, self.is_main) {
            (Some(location), false) => write!(f, ", spawned at {location}")?,
            (Some(location), true) => write!(f, ", called at {location}")?,
            (None, _) => {}
        }
        match self.state {
            TaskState::Running => f.write_str(": running")?,
            TaskState::Queued => f.write_str(": queued")?,
            TaskState::Waiting => f.write_str(": waiting")?,
        }
        for (number, wait) in self.waits.iter().enumerate() {
            write!(f, "{} for {wait}", if number > 0 { ", and" } else { "" })?;
        }
        let unknown = self.wakers.saturating_sub(self.waits.len() as u64);
        match (self.state, unknown, self.wakers) {
            (TaskState::Waiting, _, 0) => f.write_str("; nothing can wake it: no waker exists")?,
            (TaskState::Waiting, 1.., _) => write!(
                f,
                "; {unknown} of its {} wakers are held elsewhere",
                self.wakers
            )?,
            _ => {}
        }
        for (number, lock) in self.holds.iter().enumerate() {
            let (kind, made_at) = (lock.kind, lock.made_at);
            let before = if number > 0 { ", and" } else { "; holds" };
            write!(f, "{before} the {kind} made at {made_at}")?;
        }
        Ok(())
    }
}

impl fmt::Display for WaitDump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WaitDump::Join { task } => write!(f, "the end of task {task}"),
            WaitDump::Sync {
                kind,
                made_at,
                waited,
                held_by,
                ..
            } => {
                let waited = Duration::from_millis(waited.as_millis() as u64);
                write!(f, "the {kind} made at {made_at}, for {waited:?}")?;
                for (number, task) in held_by.iter().enumerate() {
                    let before = if number > 0 { " and" } else { ", held by" };
                    write!(f, "{before} task {task}")?;
                }
                Ok(())
            }
        }
    }
}
