//! The story of a snapshot: one line an event.

use std::collections::HashMap;
use std::fmt;

use super::event::{Event, Kind, Origin};
use super::snapshot::Snapshot;
use super::words::{Effect, End, Ended};

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let story = Story::new(self, f.alternate());
        for event in &self.events {
            if story.leaves_out(&event.kind) {
                continue;
            }
            if story.exact {
                write!(f, "{:>14} ", Micros(event.ts))?;
            }
            writeln!(f, "{}", Line(&story, &event.kind))?;
        }
        Ok(())
    }
}

struct Story<'a> {
    snapshot: &'a Snapshot,
    /// Whether numbers that differ from run to run are included.
    exact: bool,
    labels: Vec<String>,
    /// The events that may cause a poll, by their numbers.
    causes: HashMap<u64, &'a Event>,
}

struct Micros(u64);

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}.{:03} µs", self.0 / 1000, self.0 % 1000))
    }
}

impl<'a> Story<'a> {
    fn new(snapshot: &'a Snapshot, exact: bool) -> Story<'a> {
        let mut named: HashMap<&str, usize> = HashMap::new();
        for name in snapshot
            .tasks
            .iter()
            .filter_map(|task| task.name.as_deref())
        {
            *named.entry(name).or_default() += 1;
        }
        let labels = snapshot
            .tasks
            .iter()
            .map(|task| match task.name.as_deref() {
                None => format!("task {}", task.id),
                Some(name) if named[name] > 1 => format!("{name} ({})", task.id),
                Some(name) => name.to_owned(),
            });
        let causes = snapshot.events.iter();
        let causes = causes.filter(|event| {
            matches!(
                event.kind,
                Kind::Wake { .. } | Kind::Spawn { .. } | Kind::Received { .. }
            )
        });
        Story {
            snapshot,
            exact,
            labels: labels.collect(),
            causes: causes.map(|event| (event.seq, event)).collect(),
        }
    }

    /// Whether the event is left out. The number of non-blocking reactor turns depends on the
    /// machine.
    fn leaves_out(&self, kind: &Kind) -> bool {
        let varies = matches!(
            kind,
            Kind::Drain { .. }
                | Kind::Wait {
                    ended: Ended::Poll,
                    ..
                }
        );
        varies && !self.exact
    }

    fn task(&self, task: usize) -> &str {
        &self.labels[task]
    }

    fn subject(&self, task: Option<usize>) -> &str {
        task.map_or("code outside of tasks", |task| self.task(task))
    }

    fn origin(&self, origin: Origin) -> String {
        match origin {
            Origin::Task(task) => self.task(task).to_owned(),
            Origin::Source(source) => format!("source {source}"),
            Origin::Timer(timer) => format!("timer {timer}"),
            Origin::Blocking(job) => format!("blocking job {job}"),
            Origin::Thread(thread) => format!("thread {}", self.snapshot.threads[thread]),
            Origin::Outside => self.subject(None).to_owned(),
        }
    }

    /// Returns what a wake went through. Its place is its only name, so it is always printed.
    fn through(&self, primitive: Option<usize>) -> String {
        let primitive = primitive.map(|place| &self.snapshot.primitives[place]);
        primitive.map_or_else(String::new, |it| format!(" through the {it}"))
    }

    fn why(&self, cause: Option<u64>) -> String {
        let cause = cause.and_then(|seq| self.causes.get(&seq));
        match cause.map(|event| &event.kind) {
            Some(&Kind::Wake {
                origin, through, ..
            }) => {
                let through = self.through(through);
                format!(", because {} woke it{through}", self.origin(origin))
            }
            Some(Kind::Spawn { .. }) => ", for the first time".to_owned(),
            Some(_) => ", because another thread woke it".to_owned(),
            None => String::new(),
        }
    }
}

fn end(end: End) -> &'static str {
    match end {
        End::Running => "still running",
        end => end.as_str(),
    }
}

fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Queued => "queued",
        Effect::Coalesced => "nothing, it is already queued",
        Effect::DuringPoll => "queued again, during its own poll",
        Effect::AfterDone => "nothing, it is over",
        Effect::Sent => "sent to the loop",
    }
}

struct Line<'a>(&'a Story<'a>, &'a Kind);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Line(story, kind) = *self;
        match *kind {
            Kind::Spawn { task, parent } => {
                write!(f, "{} is spawned", story.task(task))?;
                if let Some(parent) = parent {
                    write!(f, " by {}", story.task(parent))?;
                }
                let task = &story.snapshot.tasks[task];
                match &task.location {
                    Some(at) if story.exact => write!(f, " at {at}, {} bytes", task.size),
                    _ => Ok(()),
                }
            }
            Kind::Poll {
                dur,
                task,
                result,
                cause,
            } => {
                let why = story.why(cause);
                write!(f, "{} is polled{why}: {}", story.task(task), end(result))?;
                self.took(f, dur)
            }
            Kind::Done {
                task,
                outcome,
                wakers,
            } => {
                write!(f, "{} is done: {}", story.task(task), end(outcome))?;
                match wakers {
                    Some(wakers @ 1..) => write!(f, ", wakers left: {wakers}"),
                    _ => Ok(()),
                }
            }
            Kind::Freed { task } => write!(f, "{} is freed", story.task(task)),
            Kind::Mark { task, name } => write!(f, "{} marks {name:?}", story.subject(task)),
            Kind::Await { task, primitive } => {
                let primitive = &story.snapshot.primitives[primitive];
                write!(f, "{} waits for the {primitive}", story.subject(task))
            }
            Kind::Span { dur, task, name } => {
                write!(f, "{} goes through {name:?}", story.subject(task))?;
                self.took(f, dur)
            }
            Kind::Sum {
                task,
                ran,
                polls,
                wakes,
                ..
            } => {
                let task = task.map_or("all other tasks", |task| story.task(task));
                write!(f, "meanwhile {task}: polls {polls}, wakes {wakes}")?;
                self.took(f, ran)
            }
            Kind::Stall { task, dur } => {
                write!(f, "{} holds the loop for too long", story.subject(task))?;
                self.took(f, dur)
            }
            Kind::Clone { .. } | Kind::Drop { .. } | Kind::Wake { .. } | Kind::Received { .. } => {
                self.wake(f)
            }
            _ => self.around(f),
        }
    }
}

impl Line<'_> {
    fn took(&self, f: &mut fmt::Formatter<'_>, dur: u64) -> fmt::Result {
        if self.0.exact {
            write!(f, ", {}", Micros(dur))?;
        }
        Ok(())
    }

    fn wakers(&self, f: &mut fmt::Formatter<'_>, thread: usize, now: Option<u64>) -> fmt::Result {
        match now {
            Some(now) => write!(f, ", wakers now: {now}"),
            None => write!(f, " on thread {}", self.0.snapshot.threads[thread]),
        }
    }

    /// Writes events of wakers.
    fn wake(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Line(story, kind) = *self;
        match *kind {
            Kind::Clone {
                thread,
                task,
                wakers,
            } => {
                write!(f, "a waker of {} is cloned", story.task(task))?;
                self.wakers(f, thread, wakers)
            }
            Kind::Drop {
                thread,
                task,
                wakers,
            } => {
                write!(f, "a waker of {} is dropped", story.task(task))?;
                self.wakers(f, thread, wakers)
            }
            Kind::Wake {
                task,
                by_ref,
                origin,
                through,
                effect: did,
                ..
            } => {
                let by_ref = if by_ref { " by reference" } else { "" };
                let (subject, task) = (story.origin(origin), story.task(task));
                let through = story.through(through);
                write!(
                    f,
                    "{subject} wakes {task}{by_ref}{through}: {}",
                    effect(did)
                )
            }
            Kind::Received {
                task, effect: did, ..
            } => {
                write!(
                    f,
                    "the loop receives the wake of {}: {}",
                    story.task(task),
                    effect(did)
                )
            }
            _ => Ok(()),
        }
    }

    /// Writes events of the reactor, the timers and the pool.
    fn around(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Line(story, kind) = *self;
        let exact = story.exact;
        match *kind {
            Kind::Register { source, fd } if exact => {
                write!(f, "source {source} is registered, fd {fd}")
            }
            Kind::Register { source, .. } => write!(f, "source {source} is registered"),
            Kind::Deregister { source, .. } => write!(f, "source {source} is deregistered"),
            Kind::Wait {
                dur, ended, events, ..
            } => {
                match ended {
                    Ended::Io => write!(f, "the loop waits until descriptors are ready: {events}")?,
                    Ended::Timer => write!(f, "the loop waits until a timer is due")?,
                    Ended::Notify => write!(f, "the loop waits until another thread notifies it")?,
                    Ended::Poll => write!(f, "the loop checks its descriptors")?,
                    Ended::Error => write!(f, "the wait of the loop fails")?,
                }
                self.took(f, dur)
            }
            Kind::Ready {
                source,
                readiness,
                woken,
                ..
            } => {
                write!(
                    f,
                    "source {source} is ready ({}), wakers called: {woken}",
                    readiness.letters()
                )
            }
            Kind::TimerArm {
                timer,
                task,
                deadline,
            } => {
                write!(f, "{} arms timer {timer}", story.subject(task))?;
                if exact {
                    write!(f, ", due at {}", Micros(deadline))?;
                }
                Ok(())
            }
            Kind::TimerFire { timer, late, .. } => {
                write!(f, "timer {timer} fires")?;
                if exact {
                    write!(f, ", {} late", Micros(late))?;
                }
                Ok(())
            }
            Kind::TimerCancel { timer } => write!(f, "timer {timer} is cancelled"),
            Kind::Submit { job, .. } => write!(f, "blocking job {job} is submitted"),
            Kind::Blocking {
                dur,
                thread,
                job,
                outcome,
            } => {
                write!(f, "blocking job {job} runs: {}", end(outcome))?;
                if exact {
                    write!(f, " on {}", story.snapshot.threads[thread])?;
                }
                self.took(f, dur)
            }
            Kind::Drain { n } => write!(f, "the loop receives messages of other threads: {n}"),
            Kind::Lost { n } => write!(f, "events lost before this one: {n}"),
            Kind::Gap { n, dur, .. } => {
                write!(f, "events left out from here on: {n}")?;
                self.took(f, dur)
            }
            _ => Ok(()),
        }
    }
}
