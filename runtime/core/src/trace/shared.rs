//! The shared state of a recorder.

use std::cell::{Cell, RefCell};
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use super::config::{Config, Hook};
use super::counts::Spread;
use super::level::Level;
use super::limit::Limit;
use super::output::{Output, Writer};
use super::primitive::{self, Made, Primitives};
use super::record::{Code, Record, RecordRing};
use super::table::{Info, Table, TaskKey};
use super::thread_rings::ThreadRings;
use super::words::{Effect, End};
use crate::sys::AtomicU64;
use crate::time::stamp::Stamps;

/// Code of what runs on the loop's thread. A record has a word in addition, such as the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Origin {
    Outside,
    Task,
    Source,
    Timer,
    Blocking,
    Thread,
}

impl Origin {
    const ALL: [Origin; 6] = [
        Origin::Outside,
        Origin::Task,
        Origin::Source,
        Origin::Timer,
        Origin::Blocking,
        Origin::Thread,
    ];

    /// Splits the flag of a wake: by reference, origin, effect.
    pub(super) fn of_wake(flag: u8) -> (bool, Origin, Effect) {
        let origin = Origin::ALL[usize::from(flag >> 1 & 7) % 6];
        (flag & 1 != 0, origin, Effect::from_code(flag >> 4 & 7))
    }
}

/// A dispatched event whose wakers are called next.
#[derive(Clone, Copy)]
struct Dispatched {
    key: u64,
    readiness: u8,
    /// Number of wakers of this event and of those before.
    wakers: usize,
}

/// State of the recorder of one loop. Any thread may use `number`, `level`, `stamps` and
/// `thread_rings`; the rest belongs to the owner thread.
pub(super) struct Shared {
    pub(super) number: u64,
    level: AtomicU8,
    pub(super) stamps: Stamps,
    pub(super) thread_rings: ThreadRings,
    pub(super) ring: RecordRing,
    origin: Cell<Origin>,
    from: Cell<u64>,
    /// Start and cause of the running poll, if `origin` is a task.
    pub(super) poll: Cell<(u64, u64)>,
    /// Time from the wake to the running poll, in stamps; zero if it is not known.
    pub(super) delay: Cell<u64>,
    pub(super) limit: Limit,
    /// Stamps that the loop has slept.
    pub(super) slept: Cell<u64>,
    pub(super) poll_times: Spread,
    pub(super) delays: Spread,
    pub(super) table: RefCell<Table>,
    pub(super) names: RefCell<Vec<&'static str>>,
    pub(super) primitives: RefCell<Primitives>,
    /// Descriptors by the slots of the reactor's keys; -1 if not known.
    fds: RefCell<Vec<i32>>,
    ready: RefCell<Vec<Dispatched>>,
    jobs: Cell<u64>,
    pub(super) stall: Duration,
    /// The length of a stall as if stamps were nanoseconds. They are not coarser, so a poll of at
    /// most this many stamps is not a stall.
    pub(super) short: u64,
    pub(super) hook: Option<Hook>,
    pub(super) output: Option<Output>,
    pub(super) writer: Writer,
}

// SAFETY: other threads reach a recorder through the tag of a task or a job, and use only the parts
// for all threads: `Tag::sent`, `cloned`, `dropped`, and `Job`. Everything else is called on the
// owner thread, by the executor, the reactor and `current`, which are bound to it. The last
// reference may be dropped on any thread; then no other thread uses the cells, and their contents
// are `Send`.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    pub(super) fn new(config: &Config) -> Arc<Shared> {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let shared = Shared {
            number: NUMBER.fetch_add(1, Ordering::Relaxed),
            level: AtomicU8::new(0),
            stamps: Stamps::new(),
            thread_rings: ThreadRings::default(),
            ring: RecordRing::new(config.capacity),
            origin: Cell::new(Origin::Outside),
            from: Cell::new(0),
            poll: Cell::default(),
            delay: Cell::default(),
            limit: Limit::default(),
            slept: Cell::new(0),
            poll_times: Spread::default(),
            delays: Spread::default(),
            table: RefCell::default(),
            names: RefCell::default(),
            primitives: RefCell::default(),
            fds: RefCell::default(),
            ready: RefCell::default(),
            jobs: Cell::new(0),
            stall: config.stall,
            short: u64::try_from(config.stall.as_nanos()).unwrap_or(u64::MAX),
            hook: config.hook.clone(),
            output: config.output.clone(),
            writer: Writer::default(),
        };
        shared.limit.set(config.rate);
        shared.set_level(config.level, None);
        Arc::new(shared)
    }

    /// Sets the level. `running` is the task that is being polled, whose poll is recorded from here
    /// on.
    pub(super) fn set_level(&self, level: Level, running: Option<TaskKey>) {
        if level > Level::Off && self.level() == Level::Off {
            self.ring.allocate();
            match running {
                Some(task) => self.begin_poll(task, 0, 0),
                None => _ = self.set_origin(Origin::Outside, 0),
            }
        }
        if level == Level::Off {
            self.end_gap(self.now());
        }
        self.level.store(level as u8, Ordering::Relaxed);
    }

    pub(super) fn level(&self) -> Level {
        Level::from_code(self.level.load(Ordering::Relaxed))
    }

    /// Whether that level is recorded. Any thread.
    #[inline(always)]
    pub(super) fn wants(&self, level: Level) -> bool {
        self.level.load(Ordering::Relaxed) >= level as u8
    }

    #[inline(always)]
    pub(super) fn now(&self) -> u64 {
        self.stamps.now()
    }

    pub(super) fn length(&self, stamps: u64) -> Duration {
        Duration::from_nanos(self.stamps.scale().length(stamps))
    }

    #[inline(always)]
    pub(super) fn push(&self, code: Code, flag: u8, small: u64, x: u64, y: u64) -> u64 {
        self.push_at(self.now(), code, flag, small, x, y)
    }

    #[inline(always)]
    pub(super) fn push_at(
        &self,
        stamp: u64,
        code: Code,
        flag: u8,
        small: u64,
        x: u64,
        y: u64,
    ) -> u64 {
        // The record is made in each branch, so that it stays in registers.
        if self.limit.admits(self.ring.written()) {
            self.ring.push(Record::new(stamp, code, flag, small, x, y))
        } else {
            self.push_late(stamp, code, flag, small, x, y)
        }
    }

    #[inline(always)]
    pub(super) fn origin(&self) -> (Origin, u64) {
        (self.origin.get(), self.from.get())
    }

    /// Sets the origin, and returns the one before.
    #[inline(always)]
    pub(super) fn set_origin(&self, origin: Origin, from: u64) -> (Origin, u64) {
        primitive::begin_other();
        (self.origin.replace(origin), self.from.replace(from))
    }

    /// Returns the task that is being polled.
    #[inline(always)]
    pub(super) fn running(&self) -> TaskKey {
        match self.origin() {
            (Origin::Task, task) => TaskKey::from_word(task).unwrap_or(TaskKey::NONE),
            _ => TaskKey::NONE,
        }
    }

    /// Returns task, start and cause of the running poll.
    pub(super) fn open_poll(&self) -> Option<(TaskKey, u64, u64)> {
        let task = self.running();
        let (began, cause) = self.poll.get();
        (task != TaskKey::NONE).then_some((task, began, cause))
    }

    /// Records the start of a poll. `woken` is the stamp of the wake that queued the task, or zero.
    #[cold]
    pub(super) fn begin_poll(&self, task: TaskKey, cause: u64, woken: u64) {
        self.set_origin(Origin::Task, task.word());
        let now = self.now();
        self.poll.set((now, cause));
        let is_known = u64::from(woken != 0);
        self.delay.set(now.saturating_sub(woken) * is_known);
    }

    #[cold]
    pub(super) fn done(&self, task: TaskKey, outcome: End, wakers: Option<u64>) {
        let wakers = wakers.map_or(0, |wakers| wakers + 1);
        self.push(Code::Done, outcome as u8, wakers, task.word(), 0);
    }

    pub(super) fn begin_cancel(&self, task: TaskKey) -> (Origin, u64) {
        self.set_origin(Origin::Task, task.word())
    }

    pub(super) fn end_cancel(&self, task: TaskKey, began: u64, before: (Origin, u64)) {
        self.set_origin(before.0, before.1);
        if self.wants(Level::Polls) {
            let stamps = self.now().saturating_sub(began);
            let cancelled = End::Cancelled as u8;
            self.push_at(began, Code::Poll, cancelled, stamps, task.word(), 0);
        }
    }

    pub(super) fn insert(
        &self,
        number: u64,
        size: usize,
        parent: TaskKey,
        location: &'static Location<'static>,
    ) -> TaskKey {
        let records = (self.ring.written(), self.ring.lost());
        let mut table = self.table.borrow_mut();
        table.insert(number, size, parent, location, records)
    }

    pub(super) fn relocate(&self, task: TaskKey, location: &'static Location<'static>) {
        self.table.borrow_mut().relocate(task, location);
    }

    pub(super) fn change(&self, task: TaskKey, f: impl FnOnce(&mut Info)) {
        if let Some(info) = self.table.borrow_mut().get_mut(task) {
            f(info);
        }
    }

    /// Removes a task. `there` is the number of wakes by other threads that were not received.
    #[inline(never)]
    pub(super) fn remove(&self, task: TaskKey, there: u64) {
        if there > 0 {
            self.count_wakes(task, there, false, false);
        }
        if self.wants(Level::Polls) {
            self.push(Code::Freed, 0, 0, task.word(), 0);
        }
        self.table.borrow_mut().remove(task, self.ring.written());
    }

    /// Records a clone or drop of a waker. Any thread, if not `here`.
    #[cold]
    pub(super) fn count_waker(
        &self,
        code: Code,
        here: bool,
        task: TaskKey,
        wakers: impl FnOnce() -> Option<u64>,
    ) {
        if here {
            let wakers = wakers().map_or(0, |wakers| wakers + 1);
            self.push(code, 0, wakers, task.word(), 0);
        } else {
            let record = Record::new(self.now(), code, 0, 0, task.word(), 0);
            self.thread_rings.push(self.number, record);
        }
    }

    pub(super) fn next_job(&self) -> u64 {
        self.jobs.set(self.jobs.get() + 1);
        self.jobs.get()
    }

    /// Returns the index of a name. A program has as many names as marks and spans in its code.
    pub(super) fn name(&self, name: &'static str) -> u64 {
        let mut names = self.names.borrow_mut();
        let known = names.iter().position(|known| std::ptr::eq(*known, name));
        known.unwrap_or_else(|| {
            names.push(name);
            names.len() - 1
        }) as u64
    }

    /// Returns the index of the primitive whose waiter is being woken, plus one; zero if there is
    /// none.
    pub(super) fn through(&self) -> u64 {
        let made = primitive::waking();
        made.map_or(0, |made| self.primitive(made) + 1)
    }

    /// Returns the index of a primitive.
    pub(super) fn primitive(&self, made: Made) -> u64 {
        self.primitives.borrow_mut().place(made) as u64
    }

    pub(super) fn note_fd(&self, key: usize, fd: i32) {
        let mut fds = self.fds.borrow_mut();
        let slot = slot(key as u64);
        if slot >= fds.len() {
            fds.resize(slot + 1, -1);
        }
        fds[slot] = fd;
    }

    fn fd(&self, key: u64) -> i32 {
        self.fds.borrow().get(slot(key)).copied().unwrap_or(-1)
    }

    pub(super) fn note_ready(&self, key: usize, readiness: u8, wakers: usize) {
        self.ready.borrow_mut().push(Dispatched {
            key: key as u64,
            readiness,
            wakers,
        });
    }

    #[inline]
    pub(super) fn has_ready(&self) -> bool {
        !self.ready.borrow().is_empty()
    }

    /// Called before the waker with this number: the event before ends, and the one of the waker
    /// begins.
    pub(super) fn begin_waker(&self, event: &mut Option<usize>, began: &mut u64, waker: usize) {
        let at = event.unwrap_or(0);
        let ready = self.ready.borrow();
        let Some(ahead) = ready[at..].iter().position(|event| waker < event.wakers) else {
            return;
        };
        if *event == Some(at + ahead) {
            return;
        }
        let now = self.now();
        self.end_events(
            &ready,
            event.map_or(0..ahead, |at| at..at + ahead),
            *event,
            (*began, now),
        );
        *event = Some(at + ahead);
        *began = now;
        self.set_origin(Origin::Source, ready[at + ahead].key);
    }

    /// Records the last events, after all wakers were called.
    pub(super) fn end_wakers(&self, event: Option<usize>, began: u64) {
        let mut ready = self.ready.borrow_mut();
        let rest = event.unwrap_or(0)..ready.len();
        self.end_events(&ready, rest, event, (began, self.now()));
        ready.clear();
        self.set_origin(Origin::Outside, 0);
    }

    /// Records events. The `open` event began before `now`; the others called no waker.
    fn end_events(
        &self,
        ready: &[Dispatched],
        which: std::ops::Range<usize>,
        open: Option<usize>,
        (began, now): (u64, u64),
    ) {
        for place in which {
            let event = ready[place];
            let before = place.checked_sub(1).map_or(0, |place| ready[place].wakers);
            let woken = (event.wakers - before) as u64;
            let began = if Some(place) == open { began } else { now };
            let small = now.saturating_sub(began);
            let y = u64::from(self.fd(event.key) as u32) << 32 | woken;
            self.push_at(began, Code::Ready, event.readiness, small, event.key, y);
        }
    }
}

/// Returns the slot, which is the lower half of a key of the reactor.
fn slot(key: u64) -> usize {
    (key & (u64::MAX >> 32)) as usize & ((1 << (usize::BITS / 2)) - 1)
}
