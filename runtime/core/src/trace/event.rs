//! Events as a snapshot tells them.

use super::words::{Effect, End, Ended};

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Event {
    /// Unique in the runtime; rises in the order of recording on the loop, and among the other
    /// threads, whose numbers begin at 2^52.
    pub seq: u64,
    /// When, or for what has a length, when it began: nanoseconds since the first event, or in a part
    /// that [`snapshot_since`](crate::executor::trace::snapshot_since) gave, since the runtime was made.
    pub ts: u64,
    /// What.
    pub kind: Kind,
}

/// What caused a wake.
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
    /// The loop's thread, from outside of tasks.
    Outside,
}

/// What a descriptor was found to be ready for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Readiness(pub(super) u8);

impl Readiness {
    /// There is something to read.
    pub fn is_readable(self) -> bool {
        self.0 & 1 != 0
    }

    /// There is room to write.
    pub fn is_writable(self) -> bool {
        self.0 & 2 != 0
    }

    /// The other side sends nothing more, or urgent data has come.
    pub fn is_read_closed(self) -> bool {
        self.0 & 4 != 0
    }

    /// Nothing more can be sent.
    pub fn is_write_closed(self) -> bool {
        self.0 & 8 != 0
    }

    /// A letter for each: `r`, `w`, `R` and `W` for what is closed.
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

/// What happened.
///
/// `task` is an index into [`Snapshot::tasks`](super::Snapshot::tasks), `thread` one into
/// [`Snapshot::threads`](super::Snapshot::threads), where 0 is the loop. Lengths and times are
/// nanoseconds.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
#[allow(
    missing_docs,
    reason = "the fields are named for what they say, and told above"
)]
pub enum Kind {
    /// A task was made, by the one that ran.
    Spawn { task: usize, parent: Option<usize> },
    /// A poll, with the number of the wake or spawn that put the task in line.
    Poll {
        dur: u64,
        task: usize,
        result: End,
        cause: Option<u64>,
    },
    /// A task is over. `wakers` are left that point to it; an `AbortHandle` counts as one.
    Done {
        task: usize,
        outcome: End,
        wakers: Option<u64>,
    },
    /// The task's memory was given back.
    Freed { task: usize },
    /// A waker was cloned; `wakers` there are now. Not known of clones made on other threads.
    Clone {
        thread: usize,
        task: usize,
        wakers: Option<u64>,
    },
    /// A waker was dropped, other than by waking with it.
    Drop {
        thread: usize,
        task: usize,
        wakers: Option<u64>,
    },
    /// A task was woken.
    Wake {
        thread: usize,
        task: usize,
        by_ref: bool,
        origin: Origin,
        effect: Effect,
    },
    /// The loop took in a wake from another thread, whose number is `sent`, if known.
    Received {
        task: usize,
        effect: Effect,
        sent: Option<u64>,
    },
    /// A descriptor was registered with the reactor.
    Register { source: u64, fd: i32 },
    /// A descriptor was taken out of the reactor.
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
    /// A timer was armed, by the task that ran, for a time on the axis of [`Event::ts`].
    TimerArm {
        timer: u64,
        deadline: u64,
        task: Option<usize>,
    },
    /// A timer fired, so much too late.
    TimerFire { dur: u64, timer: u64, late: u64 },
    /// A timer was disarmed before it fired.
    TimerCancel { timer: u64 },
    /// A closure was given to the blocking pool, where `queue` now wait.
    Submit { job: u64, queue: u64 },
    /// A closure ran on the blocking pool.
    Blocking {
        dur: u64,
        thread: usize,
        job: u64,
        outcome: End,
    },
    /// So many messages of other threads were taken in.
    Drain { n: u64 },
    /// A poll has kept the loop for so long.
    Stall { task: Option<usize>, dur: u64 },
    /// [`mark`](crate::executor::trace::mark).
    Mark {
        task: Option<usize>,
        name: &'static str,
    },
    /// [`span`](crate::executor::trace::span).
    Span {
        dur: u64,
        task: Option<usize>,
        name: &'static str,
    },
    /// So many records are not there any more: the rings keep the newest.
    Lost { n: u64 },
}

/// A task that was alive or had events when the snapshot was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Task {
    /// Unique in the runtime: a place and a generation.
    pub id: String,
    /// What [`task::Builder::name`](crate::executor::TaskBuilder::name) gave it; the future of `block_on` is
    /// `main`.
    pub name: Option<String>,
    /// Where it was spawned: file, line and column.
    pub location: Option<String>,
    /// The [`id`](Task::id) of the task that spawned it.
    pub parent: Option<String>,
    /// The size of its future, in bytes.
    pub size: usize,
    /// Is its memory still there?
    pub alive: bool,
}

impl Task {
    /// The name, or if there is none, where the task comes from, or the id.
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
    /// The length, in nanoseconds, of what has one.
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
