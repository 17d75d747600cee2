//! Events of a snapshot.

use std::fmt;

use super::counts::Counts;
use super::words::{Effect, End, Ended};

/// An event of the trace.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Event {
    /// The number of the event, unique in the runtime. It rises in the order of recording,
    /// separately for the loop and for all other threads, whose numbers begin at 2^52.
    pub seq: u64,
    /// The time of the event, or of its start if it has a length: in nanoseconds since the first
    /// event, or in a part from [`snapshot_since`](crate::executor::trace::snapshot_since), since
    /// the runtime was made.
    pub ts: u64,
    /// The kind of the event, with its data.
    pub kind: Kind,
}

/// Origin of a wake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The task that was being polled, an index into [`Snapshot::tasks`](super::Snapshot::tasks).
    Task(usize),
    /// A descriptor that became ready, by the key of its registration.
    Source(u64),
    /// A timer that fired, by its number.
    Timer(u64),
    /// A closure of the blocking pool, by its number.
    Blocking(u64),
    /// Another thread, an index into [`Snapshot::threads`](super::Snapshot::threads).
    Thread(usize),
    /// Code on the loop's thread, outside of tasks.
    Outside,
}

/// Readiness of a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Readiness(pub(super) u8);

impl Readiness {
    /// Whether there is something to read.
    pub fn is_readable(self) -> bool {
        self.0 & 1 != 0
    }

    /// Whether a write is possible.
    pub fn is_writable(self) -> bool {
        self.0 & 2 != 0
    }

    /// Whether the peer has closed its writing direction.
    pub fn is_read_closed(self) -> bool {
        self.0 & 4 != 0
    }

    /// Whether the writing direction is closed.
    pub fn is_write_closed(self) -> bool {
        self.0 & 8 != 0
    }

    /// Returns the readiness as letters: `r` readable, `w` writable, `R` and `W` for closed
    /// directions.
    ///
    /// ```
    /// # fn see(ready: wakeful::trace::Readiness) {
    /// assert_eq!(ready.letters().contains('r'), ready.is_readable());
    /// # }
    /// ```
    pub fn letters(self) -> String {
        let bits = "rwRW".chars().enumerate();
        bits.filter(|(bit, _)| self.0 >> bit & 1 != 0)
            .map(|(_, letter)| letter)
            .collect()
    }
}

/// Kind of an event, with its data.
///
/// `task` is an index into [`Snapshot::tasks`](super::Snapshot::tasks), `thread` one into
/// [`Snapshot::threads`](super::Snapshot::threads), where 0 is the loop, `primitive` one into
/// [`Snapshot::primitives`](super::Snapshot::primitives). Lengths and times are nanoseconds.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the names of the fields are explained above")]
pub enum Kind {
    /// A task was spawned, by the task that ran.
    Spawn { task: usize, parent: Option<usize> },
    /// A poll, with the number of the wake or spawn that queued the task.
    Poll {
        dur: u64,
        task: usize,
        result: End,
        cause: Option<u64>,
    },
    /// A task ended. `wakers` is the number of wakers left; an `AbortHandle` counts as one.
    Done {
        task: usize,
        outcome: End,
        wakers: Option<u64>,
    },
    /// The memory of the task was freed.
    Freed { task: usize },
    /// A waker was cloned. `wakers` is their number after that; not known for other threads.
    Clone {
        thread: usize,
        task: usize,
        wakers: Option<u64>,
    },
    /// A waker was dropped, without being consumed by a wake.
    Drop {
        thread: usize,
        task: usize,
        wakers: Option<u64>,
    },
    /// A task was woken. If a channel, lock or event of `wakeful::sync` woke it, `through` is its
    /// index in [`Snapshot::primitives`](super::Snapshot::primitives).
    Wake {
        thread: usize,
        task: usize,
        by_ref: bool,
        origin: Origin,
        through: Option<usize>,
        effect: Effect,
    },
    /// A task waits for a channel, lock or event of `wakeful::sync`.
    Await {
        task: Option<usize>,
        primitive: usize,
    },
    /// The loop received a wake from another thread. `sent` is the number of the wake, if known.
    Received {
        task: usize,
        effect: Effect,
        sent: Option<u64>,
    },
    /// A descriptor was registered with the reactor.
    Register { source: u64, fd: i32 },
    /// A descriptor was deregistered from the reactor.
    Deregister { source: u64, fd: i32 },
    /// The reactor waited for at most `timeout`.
    Wait {
        dur: u64,
        timeout: Option<u64>,
        events: u64,
        ended: Ended,
    },
    /// A descriptor was ready; `woken` wakers were called.
    Ready {
        dur: u64,
        source: u64,
        fd: i32,
        readiness: Readiness,
        woken: u64,
    },
    /// A timer was armed, by the task that ran, for a time on the axis of [`Event::ts`]. With a
    /// clock that has been stopped, the deadline is as far away as for the program; the timer may
    /// fire earlier on this axis, because the clock jumps.
    TimerArm {
        timer: u64,
        deadline: u64,
        task: Option<usize>,
    },
    /// A timer fired, `late` nanoseconds after its deadline.
    TimerFire { dur: u64, timer: u64, late: u64 },
    /// A timer was disarmed before it fired.
    TimerCancel { timer: u64 },
    /// A closure was submitted to the blocking pool, where `queue` closures wait now.
    Submit { job: u64, queue: u64 },
    /// A closure ran on the blocking pool.
    Blocking {
        dur: u64,
        thread: usize,
        job: u64,
        outcome: End,
    },
    /// The loop received `n` messages of other threads.
    Drain { n: u64 },
    /// A poll was a stall: it held the loop for `dur`.
    Stall { task: Option<usize>, dur: u64 },
    /// A call of [`mark`](crate::executor::trace::mark).
    Mark {
        task: Option<usize>,
        name: &'static str,
    },
    /// A [`span`](crate::executor::trace::span).
    Span {
        dur: u64,
        task: Option<usize>,
        name: &'static str,
    },
    /// `n` records were overwritten: the rings keep the newest.
    Lost { n: u64 },
    /// For `dur`, events were left out, `n` of them, as there were too many: see
    /// [`Builder::trace_rate`](crate::Builder::trace_rate). The loop slept for `slept` of it. A
    /// [`Sum`](Kind::Sum) for each task follows.
    Gap { dur: u64, n: u64, slept: u64 },
    /// What a task did in a gap that began at this time and lasted for `dur`. Without a task: what
    /// the tasks without a sum of their own did.
    Sum {
        dur: u64,
        task: Option<usize>,
        ran: u64,
        polls: u64,
        wakes: u64,
    },
}

/// A task that was alive when the snapshot was taken, or that has events in it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Task {
    /// The id in the trace, unique in the runtime: slot and generation.
    pub id: String,
    /// The name from [`task::Builder::name`](crate::executor::TaskBuilder::name). The future of
    /// `block_on` is called `main`.
    pub name: Option<String>,
    /// The place where the task was spawned: file, line and column.
    pub location: Option<String>,
    /// The [`id`](Task::id) of the task that spawned it.
    pub parent: Option<String>,
    /// The size of the future, in bytes.
    pub size: usize,
    /// Whether the memory of the task is still allocated.
    pub alive: bool,
    /// The [id](crate::task::Id) of the task in the rest of the runtime.
    pub number: u64,
    /// What the task has done in all.
    pub counts: Counts,
}

/// A channel, lock or event of `wakeful::sync`, or all of that kind that one place in the code has
/// made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Primitive {
    /// The kind: "channel", "mutex" and so on.
    pub kind: &'static str,
    /// The place where it was made: file, line and column.
    pub location: String,
}

/// Prints as "channel made at src/main.rs:5:13".
impl fmt::Display for Primitive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} made at {}", self.kind, self.location)
    }
}

impl Task {
    /// Returns the name; without a name, the place of the spawn, or else the id.
    ///
    /// ```
    /// let names = wakeful::block_on(async {
    ///     let snapshot = wakeful::trace::snapshot();
    ///     snapshot.tasks().iter().map(|task| task.label().to_owned()).collect::<Vec<_>>()
    /// });
    /// assert_eq!(names, ["main"]);
    /// ```
    pub fn label(&self) -> &str {
        let location = self.location.as_deref();
        self.name.as_deref().or(location).unwrap_or(&self.id)
    }
}

impl Event {
    /// Returns the length in nanoseconds, for kinds that have one.
    ///
    /// ```
    /// # fn see(event: wakeful::trace::Event) {
    /// let end = event.ts + event.dur().unwrap_or(0);
    /// # }
    /// ```
    pub fn dur(&self) -> Option<u64> {
        match self.kind {
            Kind::Poll { dur, .. }
            | Kind::Wait { dur, .. }
            | Kind::Ready { dur, .. }
            | Kind::TimerFire { dur, .. }
            | Kind::Blocking { dur, .. }
            | Kind::Span { dur, .. } => Some(dur),
            _ => None,
        }
    }

    pub(super) fn shift(&mut self, start: u64) {
        self.ts = self.ts.saturating_sub(start);
        if let Kind::TimerArm { deadline, .. } = &mut self.kind {
            *deadline = deadline.saturating_sub(start);
        }
    }
}
