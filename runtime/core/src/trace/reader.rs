//! Reads records into events.

use std::collections::HashMap;

use super::counts::{Counts, Place, Totals};
use super::event::{Event, Kind, Origin, Primitive, Readiness, Task};
use super::record::{Code, Record};
use super::shared::{self, Shared};
use super::snapshot::Snapshot;
use super::table::TaskKey;
use super::words::{Effect, End, Ended};
use crate::time::stamp::Scale;

/// Returns all that the recorder keeps. On the owner thread.
pub(super) fn take(shared: &Shared) -> Snapshot {
    shared.split_gap();
    let now = shared.now();
    let mut reader = Reader::new(shared);
    reader.alive();
    for (seq, record) in shared.ring.since(0) {
        reader.read(seq, &record, 0);
    }
    let mut foreign = 0;
    let given_up = shared.thread_rings.each(|ring| {
        let thread = reader.threads.len();
        reader.threads.push(ring.name.clone());
        foreign += ring.lost();
        for (seq, record) in ring.since(0) {
            reader.read(seq, &record, thread);
        }
    });
    if let Some((task, began, cause)) = shared.open_poll().filter(|_| !reader.events.is_empty()) {
        let stamps = now.saturating_sub(began);
        let running = End::Running as u8;
        let record = Record::new(began, Code::Poll, running, stamps, task.word(), cause);
        reader.read(shared.ring.written() + 1, &record, 0);
    }
    let lost = shared.ring.lost() + foreign + given_up;
    reader.snapshot(lost).put_in_order(None)
}

/// Reads records into events, and collects the tasks and threads that occur in them.
pub(super) struct Reader<'a> {
    pub(super) shared: &'a Shared,
    scale: Scale,
    end: u64,
    pub(super) events: Vec<Event>,
    tasks: Vec<Task>,
    places: HashMap<TaskKey, usize>,
    pub(super) threads: Vec<String>,
    /// The length of the last gap that was read.
    gap: u64,
    is_complete: bool,
}

fn id(task: TaskKey) -> String {
    format!("{}.{}", task.slot(), task.generation())
}

fn program() -> String {
    let path = std::env::current_exe().unwrap_or_default();
    let name = path.file_stem().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

impl<'a> Reader<'a> {
    pub(super) fn new(shared: &'a Shared) -> Reader<'a> {
        let now = shared.now();
        let scale = shared.stamps.scale();
        Reader {
            shared,
            scale,
            end: scale.at(now),
            events: Vec::new(),
            tasks: Vec::new(),
            places: HashMap::new(),
            threads: vec!["loop".to_owned()],
            gap: 0,
            is_complete: false,
        }
    }

    /// Returns a snapshot of everything read, in the order of reading.
    pub(super) fn snapshot(self, lost: u64) -> Snapshot {
        let (totals, places) = self.totals();
        let primitives = self.shared.primitives.borrow();
        let primitives = primitives.all().iter().map(|made| Primitive {
            kind: made.kind,
            location: made.at.to_string(),
        });
        Snapshot {
            primitives: primitives.collect(),
            level: self.shared.level(),
            program: program(),
            end: self.end,
            lost,
            events: self.events,
            tasks: self.tasks,
            threads: self.threads,
            totals,
            places,
            is_complete: self.is_complete,
        }
    }
}

impl Reader<'_> {
    /// Adds all live tasks, whether there are events of them or not.
    pub(super) fn alive(&mut self) {
        self.is_complete = true;
        let alive: Vec<TaskKey> = self.shared.table.borrow().alive().collect();
        for task in alive {
            self.task(task);
        }
    }

    /// Adds the tasks that were freed after `written` records, those that ran longest if there are
    /// many: their last events may be missing, and their counts are final.
    pub(super) fn freed(&mut self, written: u64) {
        const MOST: usize = 200;
        let table = self.shared.table.borrow();
        let mut freed: Vec<_> = table
            .freed_since(written)
            .map(|task| (table.get(task).map_or(0, |info| info.counts.ran), task))
            .collect();
        drop(table);
        freed.sort_unstable_by(|a, b| b.cmp(a));
        for (_, task) in freed.into_iter().take(MOST) {
            self.task(task);
        }
    }

    /// Returns the counts of all tasks, and those of each place.
    fn totals(&self) -> (Totals, Vec<Place>) {
        let table = self.shared.table.borrow();
        let mut counts: Vec<Counts> = table.places().iter().map(|place| place.gone).collect();
        for task in table.alive() {
            if let (Some(place), Some(info)) = (table.place_of(task), table.get(task)) {
                counts[place].add(&info.counts);
            }
        }
        let mut all = Counts::default();
        counts.iter().for_each(|counts| all.add(counts));
        let places = table.places().iter().zip(counts);
        let places = places.map(|(place, counts)| Place {
            location: place.location.to_string(),
            spawned: place.spawned,
            alive: place.alive,
            counts: counts.scaled(self.scale),
        });
        let totals = Totals {
            spawned: table.places().iter().map(|place| place.spawned).sum(),
            slept: self.scale.length(self.shared.slept.get()),
            poll_time: self.shared.poll_times.scaled(self.scale, all.longest),
            wake_to_poll: self.shared.delays.scaled(self.scale, all.delay),
            counts: all.scaled(self.scale),
        };
        (totals, places.collect())
    }

    /// Returns the index of a task in the snapshot, and adds the task if it is new.
    fn task(&mut self, key: TaskKey) -> usize {
        if let Some(&place) = self.places.get(&key) {
            return place;
        }
        let table = self.shared.table.borrow();
        let info = table.get(key);
        let parent = info.and_then(|info| TaskKey::from_word(info.parent.word()));
        self.tasks.push(Task {
            id: id(key),
            name: info.and_then(|info| Some(info.name.as_deref()?.to_owned())),
            location: info.map(|info| table.location(info).to_string()),
            parent: parent.map(id),
            size: info.map_or(0, |info| info.size as usize),
            alive: info.is_some_and(|info| info.alive),
            number: info.map_or(0, |info| info.number),
            counts: info
                .map(|info| info.counts.scaled(self.scale))
                .unwrap_or_default(),
        });
        self.places.insert(key, self.tasks.len() - 1);
        self.tasks.len() - 1
    }

    fn maybe_task(&mut self, word: u64) -> Option<usize> {
        TaskKey::from_word(word).map(|key| self.task(key))
    }

    fn a_task(&mut self, word: u64) -> usize {
        self.task(TaskKey::from_word(word).unwrap_or(TaskKey::NONE))
    }

    fn name(&self, word: u64) -> &'static str {
        let names = self.shared.names.borrow();
        names.get(word as usize).copied().unwrap_or_default()
    }

    /// Adds the event of a record.
    pub(super) fn read(&mut self, seq: u64, record: &Record, thread: usize) {
        let event = Event {
            seq,
            ts: self.scale.at(record.stamp),
            kind: self.kind(record, thread),
        };
        self.events.push(event);
    }

    fn kind(&mut self, record: &Record, thread: usize) -> Kind {
        let (flag, small, x, y) = (record.flag(), record.small(), record.x, record.y);
        let dur = self.scale.length(small);
        let cause = (y != 0).then_some(y);
        let wakers = small.checked_sub(1);
        match record.code() {
            Code::Spawn => Kind::Spawn {
                task: self.a_task(x),
                parent: self.maybe_task(y),
            },
            Code::Poll => Kind::Poll {
                dur,
                task: self.a_task(x),
                result: End::from_code(flag),
                cause,
            },
            Code::Done => Kind::Done {
                task: self.a_task(x),
                outcome: End::from_code(flag),
                wakers,
            },
            Code::Freed => Kind::Freed {
                task: self.a_task(x),
            },
            Code::Clone => Kind::Clone {
                thread,
                task: self.a_task(x),
                wakers,
            },
            Code::Drop => Kind::Drop {
                thread,
                task: self.a_task(x),
                wakers,
            },
            Code::Wake => self.wake(record, thread),
            Code::Received => Kind::Received {
                task: self.a_task(x),
                effect: Effect::from_code(flag),
                sent: cause,
            },
            Code::Mark => Kind::Mark {
                task: self.maybe_task(x),
                name: self.name(y),
            },
            Code::Span => Kind::Span {
                dur,
                task: self.maybe_task(x),
                name: self.name(y),
            },
            Code::Await => Kind::Await {
                task: self.maybe_task(x),
                primitive: y as usize,
            },
            Code::Gap => {
                self.gap = dur;
                Kind::Gap {
                    dur,
                    n: x,
                    slept: self.scale.length(y),
                }
            }
            Code::Sum => Kind::Sum {
                dur: self.gap,
                task: self.maybe_task(x),
                ran: dur,
                polls: y >> 32,
                wakes: y & u64::from(u32::MAX),
            },
            Code::Stall => Kind::Stall {
                task: self.maybe_task(x),
                dur: y,
            },
            Code::TimerArm => Kind::TimerArm {
                timer: small,
                deadline: x,
                task: self.maybe_task(y),
            },
            _ => around(record, thread, dur),
        }
    }

    fn wake(&mut self, record: &Record, thread: usize) -> Kind {
        let (by_ref, origin, effect) = shared::Origin::of_wake(record.flag());
        let (task, from) = (record.x, record.y);
        let origin = match origin {
            shared::Origin::Outside => Origin::Outside,
            shared::Origin::Task => Origin::Task(self.a_task(from)),
            shared::Origin::Source => Origin::Source(from),
            shared::Origin::Timer => Origin::Timer(from),
            shared::Origin::Blocking => Origin::Blocking(from),
            shared::Origin::Thread => Origin::Thread(thread),
        };
        Kind::Wake {
            thread,
            task: self.a_task(task),
            by_ref,
            origin,
            through: record.small().checked_sub(1).map(|place| place as usize),
            effect,
        }
    }
}

/// Returns the event of a record of the reactor, the wheel or the pool.
fn around(record: &Record, thread: usize, dur: u64) -> Kind {
    let (flag, x, y) = (record.flag(), record.x, record.y);
    match record.code() {
        Code::Register => Kind::Register {
            source: x,
            fd: y as i32,
        },
        Code::Deregister => Kind::Deregister {
            source: x,
            fd: y as i32,
        },
        Code::Wait => Kind::Wait {
            dur,
            timeout: (x != u64::MAX).then_some(x),
            events: y,
            ended: Ended::from_code(flag),
        },
        Code::Ready => Kind::Ready {
            dur,
            source: x,
            fd: (y >> 32) as i32,
            readiness: Readiness(flag),
            woken: y & u64::from(u32::MAX),
        },
        Code::TimerFire => Kind::TimerFire {
            dur,
            timer: x,
            late: y,
        },
        Code::TimerCancel => Kind::TimerCancel { timer: x },
        Code::Submit => Kind::Submit { job: x, queue: y },
        Code::Blocking => Kind::Blocking {
            dur,
            thread,
            job: x,
            outcome: End::from_code(flag),
        },
        _ => Kind::Drain { n: x },
    }
}
