//! Which class runs next, and the account that each keeps of the time it had.
//!
//! Every class has a virtual run time: the time it had, divided by its shares. The class that has
//! least of it goes next, so over time each gets its part. A class that had nothing to do and
//! becomes ready begins where the others are: it earns no credit by waiting. A class with a latency
//! goes first, at the next poll boundary, as long as it is within its part, and in any case when it
//! has waited for that long; beyond its part not twice in a row, so that no latency, however short, keeps
//! the others from their turns.
//!
//! With no class but the default one, none of this runs: see [`Executor::tick`].

use std::cell::{Cell, RefCell};
use std::ops::Deref;
use std::ptr::NonNull;
use std::time::Duration;

use super::lane::Lane;
use super::tasks::Walk;
use super::{Batch, Executor, Tick};
use crate::task::header::Schedule;
use crate::task::quota;
use crate::time::clock;

/// Shares of a class that says nothing, and of the default class.
pub(super) const SHARES: u32 = 100;

/// What a class may use in a row before a long computation of it is told to give way.
pub(super) const QUOTA: Duration = Duration::from_micros(500);

/// The account of one lane. Times are nanoseconds.
pub(super) struct Account {
    pub(super) name: RefCell<Box<str>>,
    pub(super) shares: Cell<u32>,
    pub(super) latency: Cell<Option<Duration>>,
    pub(super) quota: Cell<Duration>,
    /// Is there an order of the user's?
    pub(super) ordered: Cell<bool>,
    /// Nobody may spawn in it; what is in it runs in the default class.
    pub(super) removed: Cell<bool>,
    /// Which of the classes that were made at this place, so that a `Class` knows its own.
    pub(super) era: Cell<u64>,
    /// Time had, divided by the shares.
    virtual_time: Cell<f64>,
    /// Has something to do, as of the last pick; since when.
    ready: Cell<bool>,
    since: Cell<u64>,
    /// Fair turns until the end of its last one.
    fair: Cell<u64>,
    pub(super) ran: Cell<u64>,
    pub(super) waited: Cell<u64>,
    pub(super) starved: Cell<u64>,
    pub(super) picks: Cell<u64>,
    pub(super) polls: Cell<u64>,
}

impl Account {
    pub(super) fn new() -> Account {
        Account {
            name: RefCell::new("default".into()),
            shares: Cell::new(SHARES),
            latency: Cell::new(None),
            quota: Cell::new(QUOTA),
            ordered: Cell::new(false),
            removed: Cell::new(false),
            era: Cell::new(0),
            virtual_time: Cell::new(0.0),
            ready: Cell::new(false),
            since: Cell::new(clock::ticks()),
            fair: Cell::new(0),
            ran: Cell::new(0),
            waited: Cell::new(0),
            starved: Cell::new(0),
            picks: Cell::new(0),
            polls: Cell::new(0),
        }
    }

    /// A new class begins here, where there may have been one before.
    pub(super) fn open(&self, name: &str, shares: u32, latency: Option<Duration>, quota: Duration) {
        self.era.set(self.era.get() + 1);
        self.name.replace(name.into());
        self.shares.set(shares);
        self.latency.set(latency);
        self.quota.set(quota);
        self.ordered.set(false);
        self.removed.set(false);
        self.virtual_time.set(0.0);
        self.ready.set(false);
        self.since.set(clock::ticks());
        self.fair.set(0);
        for count in [
            &self.ran,
            &self.waited,
            &self.starved,
            &self.picks,
            &self.polls,
        ] {
            count.set(0);
        }
    }

    /// Sees whether the lane has something to do; `least` is where a class begins that had not.
    fn look(&self, has_some: bool, least: f64, now: u64) {
        if has_some == self.ready.get() {
            return;
        }
        let before = self.since.replace(now);
        let total = if has_some {
            self.virtual_time.set(self.virtual_time.get().max(least));
            &self.waited
        } else {
            &self.starved
        };
        total.set(total.get() + now.saturating_sub(before));
        self.ready.set(has_some);
    }

    /// It is its turn.
    fn picked(&self, now: u64) {
        let before = self.since.replace(now);
        self.starved
            .set(self.starved.get() + now.saturating_sub(before));
        self.picks.set(self.picks.get() + 1);
    }

    /// It had its turn.
    fn charge(&self, now: u64, fair: u64) {
        self.fair.set(fair);
        let took = now.saturating_sub(self.since.replace(now));
        self.ran.set(self.ran.get() + took);
        let part = took as f64 / f64::from(self.shares.get());
        self.virtual_time.set(self.virtual_time.get() + part);
    }

    /// May it go before the others?
    fn is_urgent(&self, least: f64, now: u64, fair: u64) -> bool {
        let Some(latency) = self.latency.get() else {
            return false;
        };
        let ahead = self.virtual_time.get() - least;
        let allowed = self.quota.get().as_nanos() as f64 / f64::from(self.shares.get());
        let waited = u128::from(now.saturating_sub(self.since.get()));
        ahead <= allowed || waited >= latency.as_nanos() && fair > self.fair.get()
    }
}

/// The lanes beside the default one, and whose turn it is.
pub(super) struct Lanes {
    /// In the order of their making. None goes before the executor, but one that was removed is used
    /// again when no task points to it.
    pub(super) more: RefCell<Vec<Owned>>,
    /// Is there any lane, order or quota that the short way would not see?
    pub(super) many: Cell<bool>,
    /// Batches until it is asked again whether the short way would do.
    patience: Cell<usize>,
    /// Whose tasks run; their children go there, too.
    pub(super) current: Cell<NonNull<Lane>>,
    /// Whose time is to be charged: left open while the future of `block_on` is polled.
    open: Cell<Option<NonNull<Lane>>>,
    /// The virtual time of the one that is least ahead: where those begin that had nothing to do.
    least: Cell<f64>,
    /// Turns of the one that was least ahead.
    fair: Cell<u64>,
}

/// A lane with a place of its own, as tasks point to it. Not a `Box`, which would claim to be the
/// only way there.
pub(super) struct Owned(NonNull<Lane>);

impl Owned {
    fn new(lane: Lane) -> Owned {
        Owned(NonNull::from(Box::leak(Box::new(lane))))
    }
}

impl Owned {
    pub(super) fn pointer(&self) -> NonNull<Lane> {
        self.0
    }
}

impl Deref for Owned {
    type Target = Lane;

    fn deref(&self) -> &Lane {
        // SAFETY: made by `new`, and given back by the drop alone.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: made by `new`. This is the end of the executor: tasks that point here have been
        // merged and freed, or the executor would be kept.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

impl Lanes {
    pub(super) fn new() -> Lanes {
        Lanes {
            more: RefCell::default(),
            many: Cell::new(false),
            patience: Cell::new(0),
            current: Cell::new(NonNull::dangling()),
            open: Cell::new(None),
            least: Cell::new(0.0),
            fair: Cell::new(1),
        }
    }
}

impl Lanes {
    pub(super) fn nobody_runs(&self) {
        self.open.set(None);
    }

    /// A class has gone.
    pub(super) fn one_less(&self) {
        self.patience.set(0);
    }
}

impl Executor {
    /// Calls `f` with every lane, the default one first.
    pub(super) fn each_lane(&self, mut f: impl FnMut(&Lane)) {
        f(&self.lane);
        for lane in self.lanes.more.borrow().iter() {
            f(lane);
        }
    }

    /// A place for a class: that of a removed one, if nothing points there any more, or a new one.
    pub(super) fn vacant_lane(&self) -> NonNull<Lane> {
        let removed = |lane: &&Owned| lane.account.removed.get() && lane.is_empty();
        let known = self.lanes.more.borrow();
        let mut removed = known.iter().filter(removed);
        let reused = removed.find(|lane| !self.has_tasks(lane.0));
        if let Some(lane) = reused {
            return lane.0;
        }
        drop(known);
        let lane = Owned::new(Lane::new(self.lane.owner(), self.this.get()));
        let place = lane.0;
        self.lanes.more.borrow_mut().push(lane);
        place
    }

    /// [`tick`](Executor::tick) where there are several classes.
    #[cold]
    #[inline(never)]
    pub(super) fn tick_classes(&self, batch: &mut Batch) -> Tick {
        /// What runs outside of tasks belongs to the default class, also after a panic.
        struct Outside<'a>(&'a Executor);
        impl Drop for Outside<'_> {
            fn drop(&mut self) {
                self.0.lanes.current.set(NonNull::from(&self.0.lane));
                quota::reset();
            }
        }
        let outside = Outside(self);
        let mut now = clock::ticks();
        let hasty = self.has_latencies();
        // One long poll after short ones ends the batch: what it kept waiting may be urgent.
        batch.stamp_each_poll(hasty);
        self.charge(now);
        self.shorten();
        loop {
            let Some((lane, is_fair)) = self.pick(now) else {
                return Tick::Idle;
            };
            if batch.left() == 0 {
                return Tick::Busy;
            }
            // SAFETY: a lane goes with its executor.
            let lane_ref = unsafe { lane.as_ref() };
            let account = &lane_ref.account;
            account.picked(now);
            self.lanes
                .fair
                .set(self.lanes.fair.get() + u64::from(is_fair));
            self.lanes.open.set(Some(lane));
            self.lanes.current.set(lane);
            self.set_quota_of(lane_ref);
            let before = batch.left();
            let tick = self.lane_batch(lane_ref, batch, || {
                hasty && (self.has_urgent_but(lane) || self.is_pending())
            });
            let polls = u64::from(before - batch.left());
            account.polls.set(account.polls.get() + polls);
            if tick == Tick::Main {
                // Its poll is yet to come, and its time is the default class's.
                std::mem::forget(outside);
                return Tick::Main;
            }
            now = clock::ticks();
            self.charge(now);
            if tick == Tick::Look {
                return tick;
            }
            if hasty && self.is_pending() {
                return Tick::Busy;
            }
        }
    }

    /// Goes back to the short way if nothing is left that it would not see. To look costs a walk
    /// over all tasks, so that is spread over as many batches.
    fn shorten(&self) {
        if let Some(patience) = self.lanes.patience.get().checked_sub(1) {
            return self.lanes.patience.set(patience);
        }
        let account = &self.lane.account;
        let lanes = self.lanes.more.borrow();
        let plain = self.observer.is_none()
            && !account.ordered.get()
            && account.quota.get() == QUOTA
            && lanes.iter().all(|lane| lane.account.removed.get());
        if plain && !lanes.iter().any(|lane| self.has_tasks(lane.0)) {
            return self.lanes.many.set(false);
        }
        let tasks = self.tasks.len();
        self.lanes.patience.set(tasks);
    }

    /// Does any task point there?
    fn has_tasks(&self, lane: NonNull<Lane>) -> bool {
        let mut walk = Walk::default();
        let mut tasks = std::iter::from_fn(|| self.tasks.next(&mut walk));
        // SAFETY: what a walk meets is alive.
        tasks.any(|task| unsafe { task.as_ref() }.scheduler == lane.cast())
    }

    fn charge(&self, now: u64) {
        if let Some(lane) = self.lanes.open.take() {
            // SAFETY: a lane goes with its executor.
            unsafe { lane.as_ref() }
                .account
                .charge(now, self.lanes.fair.get());
        }
    }

    /// Whose turn it is: of those with a latency that may go first the one with the shortest, else
    /// the one that is least ahead. And is it that one?
    fn pick(&self, now: u64) -> Option<(NonNull<Lane>, bool)> {
        let more = self.lanes.more.borrow();
        for lane in more.iter().filter(|lane| lane.account.removed.get()) {
            self.lane.queue.append(&lane.queue);
        }
        let lanes = || std::iter::once(&self.lane).chain(more.iter().map(|lane| &**lane));
        for lane in lanes() {
            lane.account
                .look(lane.has_ready(), self.lanes.least.get(), now);
        }
        let time = |lane: &&Lane| lane.account.virtual_time.get();
        let ready = || lanes().filter(|lane| lane.account.ready.get());
        let least = ready().min_by(|a, b| time(a).total_cmp(&time(b)))?;
        self.lanes.least.set(time(&least));
        let fair = self.lanes.fair.get();
        let urgent = ready()
            .filter(|lane| lane.account.is_urgent(time(&least), now, fair))
            .min_by_key(|lane| lane.account.latency.get());
        let chosen = urgent.unwrap_or(least);
        Some((NonNull::from(chosen), std::ptr::eq(chosen, least)))
    }

    fn has_latencies(&self) -> bool {
        let hasty = |lane: &Lane| lane.account.latency.get().is_some();
        hasty(&self.lane) || self.lanes.more.borrow().iter().any(|lane| hasty(lane))
    }

    /// Is a task of another class with a latency ready?
    fn has_urgent_but(&self, current: NonNull<Lane>) -> bool {
        let urgent = |lane: &Lane| {
            lane.account.latency.get().is_some()
                && lane.has_ready()
                && NonNull::from(lane) != current
        };
        urgent(&self.lane) || self.lanes.more.borrow().iter().any(|lane| urgent(lane))
    }

    /// How long a computation in this lane may go on: no longer than others wait at most.
    fn set_quota_of(&self, lane: &Lane) {
        let mut quota = lane.account.quota.get();
        let mut ask: Option<fn() -> bool> = None;
        self.each_lane(|other| {
            if let Some(latency) = other.account.latency.get()
                && !std::ptr::eq(other, lane)
            {
                quota = quota.min(latency / 2);
                ask = Some(has_urgent);
            }
        });
        quota::set(quota, ask);
    }
}

/// For `should_yield`: is someone ready who must not wait?
fn has_urgent() -> bool {
    super::current::try_with(|executor| {
        executor.has_urgent_but(executor.lanes.current.get()) || executor.is_pending()
    })
    .unwrap_or(false)
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::super::current;
    use crate::class::Class;

    fn goes_the_long_way() -> bool {
        current::with(|executor| executor.lanes.many.get())
    }

    #[test]
    fn the_loop_takes_the_short_way_again_when_the_classes_and_their_tasks_are_gone() {
        crate::block_on(async {
            assert!(!goes_the_long_way());
            let class = Class::builder("a while").build().unwrap();
            let task = crate::spawn_in(&class, std::future::pending::<()>());
            let turns = async || {
                for _ in 0..5 {
                    crate::task::yield_now().await;
                }
            };
            turns().await;
            class.remove().unwrap();
            turns().await;
            assert!(goes_the_long_way(), "a task still points to the class");
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
            turns().await;
            assert!(!goes_the_long_way());
            // And back.
            let class = Class::builder("again").build().unwrap();
            assert!(goes_the_long_way());
            crate::spawn_in(&class, async {}).await.unwrap();
        });
    }
}
