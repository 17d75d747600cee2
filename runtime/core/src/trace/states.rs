//! States of tasks over time, and numbers that follow from the events of a snapshot.

use std::collections::{HashMap, HashSet};

use super::event::{Event, Kind, Origin};
use super::snapshot::Snapshot;
use super::words::{Effect, End};

/// Time in which a task was in the run queue (`ready`) or was polled.
pub(super) struct State<'a> {
    pub(super) task: usize,
    pub(super) begin: u64,
    pub(super) end: u64,
    pub(super) ready: bool,
    /// The wake or spawn that queued the task, if `ready`.
    pub(super) cause: Option<&'a Event>,
}

/// A number over time: of which things, in which state, and its values with their times.
pub(super) struct Counter {
    pub(super) name: &'static str,
    pub(super) what: &'static str,
    pub(super) values: Vec<(u64, i64)>,
}

/// Returns the wakes of other threads by the number of their arrival at the loop, and all wakes and
/// spawns by their own number.
pub(super) fn causes(snapshot: &Snapshot) -> HashMap<u64, &Event> {
    let events = snapshot.events.iter();
    let mut causes: HashMap<u64, &Event> = events
        .filter(|event| matches!(event.kind, Kind::Wake { .. } | Kind::Spawn { .. }))
        .map(|event| (event.seq, event))
        .collect();
    for event in &snapshot.events {
        if let Kind::Received {
            sent: Some(sent), ..
        } = event.kind
            && let Some(&wake) = causes.get(&sent)
        {
            causes.insert(event.seq, wake);
        }
    }
    causes
}

/// Returns the times in which tasks were ready or running, for each task in order.
pub(super) fn states<'a>(
    snapshot: &'a Snapshot,
    causes: &HashMap<u64, &'a Event>,
) -> Vec<State<'a>> {
    /// The end of the last poll, and since when and why the task is queued.
    #[derive(Clone, Copy, Default)]
    struct Now<'a> {
        polled: u64,
        queued: Option<(u64, Option<&'a Event>)>,
    }
    let mut now = vec![Now::default(); snapshot.tasks.len()];
    let mut states = Vec::new();
    for event in &snapshot.events {
        let mut queue = |task: usize| {
            let now = &mut now[task];
            let cause = causes.get(&event.seq).copied();
            let since = event.ts.max(now.polled);
            _ = now.queued.get_or_insert((since, cause));
        };
        match event.kind {
            Kind::Spawn { task, .. } => queue(task),
            Kind::Wake { task, effect, .. } | Kind::Received { task, effect, .. }
                if matches!(effect, Effect::Queued | Effect::DuringPoll) =>
            {
                queue(task);
            }
            Kind::Poll { task, dur, .. } => {
                let now = &mut now[task];
                if let Some((begin, cause)) = now.queued.take() {
                    states.push(State {
                        task,
                        begin,
                        end: event.ts.max(begin),
                        ready: true,
                        cause,
                    });
                }
                now.polled = event.ts + dur;
                states.push(State {
                    task,
                    begin: event.ts,
                    end: now.polled,
                    ready: false,
                    cause: None,
                });
            }
            Kind::Done { task, .. } => now[task].queued = None,
            _ => {}
        }
    }
    for (task, now) in now.into_iter().enumerate() {
        if let Some((begin, cause)) = now.queued {
            let end = snapshot.end.max(begin);
            states.push(State {
                task,
                begin,
                end,
                ready: true,
                cause,
            });
        }
    }
    states
}

/// Things that begin and end, each with a key, of which there may be some before the first event.
#[derive(Default)]
struct Living {
    open: HashSet<u64>,
    before: i64,
    changes: Vec<(u64, i64)>,
}

impl Living {
    fn begin(&mut self, key: u64, ts: u64) {
        if self.open.insert(key) {
            self.changes.push((ts, 1));
        }
    }

    fn end(&mut self, key: u64, ts: u64) {
        if !self.open.remove(&key) {
            self.before += 1;
        }
        self.changes.push((ts, -1));
    }

    fn counter(self, name: &'static str, what: &'static str) -> Counter {
        counter((name, what), self.before, self.changes)
    }
}

/// Adds changes up, with one value for each time.
fn counter(
    (name, what): (&'static str, &'static str),
    before: i64,
    mut changes: Vec<(u64, i64)>,
) -> Counter {
    changes.sort_by_key(|&(ts, _)| ts);
    let mut values = vec![(0, before)];
    let mut value = before;
    for (ts, change) in changes {
        value += change;
        match values.last_mut() {
            Some(last) if last.0 == ts => last.1 = value,
            _ => values.push((ts, value)),
        }
    }
    Counter { name, what, values }
}

/// Returns the numbers of live tasks, of queued tasks, of armed timers, and of closures that wait
/// for the blocking pool.
pub(super) fn counters(snapshot: &Snapshot, states: &[State]) -> Vec<Counter> {
    let (mut tasks, mut timers, mut jobs) =
        (Living::default(), Living::default(), Living::default());
    let mut known = vec![false; snapshot.tasks.len()];
    let mut over = known.clone();
    for event in &snapshot.events {
        match event.kind {
            Kind::Spawn { task, .. } => {
                known[task] = true;
                tasks.begin(task as u64, event.ts);
            }
            // The future of `block_on` has no event at its end but its last poll.
            Kind::Poll {
                task, result, dur, ..
            } if !matches!(result, End::Pending | End::Running) && !over[task] => {
                (known[task], over[task]) = (true, true);
                tasks.end(task as u64, event.ts + dur);
            }
            Kind::Done { task, .. } if !over[task] => {
                (known[task], over[task]) = (true, true);
                tasks.end(task as u64, event.ts);
            }
            Kind::TimerArm { timer, .. } => timers.begin(timer, event.ts),
            Kind::TimerFire { timer, .. } | Kind::TimerCancel { timer } => {
                timers.end(timer, event.ts);
            }
            Kind::Submit { job, .. } => jobs.begin(job, event.ts),
            Kind::Blocking { job, .. } => jobs.end(job, event.ts),
            // A closure that is still running has no event of its own.
            Kind::Wake {
                origin: Origin::Blocking(job),
                ..
            } if jobs.open.contains(&job) => jobs.end(job, event.ts),
            _ => {}
        }
    }
    // Tasks that were there all the time.
    let others = snapshot.tasks.iter().zip(known);
    tasks.before += others.filter(|(task, known)| task.alive && !known).count() as i64;
    let queue = states.iter().filter(|state| state.ready);
    let queue = queue.flat_map(|state| [(state.begin, 1), (state.end, -1)]);
    vec![
        tasks.counter("tasks", "alive"),
        counter(("tasks", "in the run queue"), 0, queue.collect()),
        timers.counter("timers", "armed"),
        jobs.counter("blocking jobs", "waiting"),
    ]
}
