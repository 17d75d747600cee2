//! Scheduling classes: groups of tasks that divide the loop's time by shares.
//!
//! A task belongs to the class of the task that spawned it, or to the one that
//! [`spawn_in`] names; the future of `block_on` is in the default class, with 100
//! shares. While several classes have work, each gets time in proportion to its shares; a class that
//! had nothing to do earns no credit by that. A class with a [latency](Builder::latency) goes before
//! the others at the next poll boundary.
//!
//! A poll is never interrupted, so a class is only as good as the polls of the others are short: long
//! computations should ask [`task::should_yield`](crate::task::should_yield).
//!
//! ```
//! use std::time::Duration;
//! use wakeful::class::Class;
//!
//! wakeful::block_on(async {
//!     let reports = Class::builder("reports").shares(20).build().unwrap();
//!     let requests = Class::builder("requests")
//!         .shares(200)
//!         .latency(Duration::from_millis(1))
//!         .build()
//!         .unwrap();
//!     let report = wakeful::spawn_in(&reports, async { "pages and pages" });
//!     let request = wakeful::spawn_in(&requests, async { "at once" });
//!     assert_eq!(request.await.unwrap(), "at once");
//!     report.await.unwrap();
//! });
//! ```

pub(super) mod order;

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;

pub use order::{LastIn, Order, Random, Ready};

use super::lane::Lane;
use super::shares::{QUOTA, SHARES};
use super::{Executor, current};
use crate::task::JoinHandle;
use crate::task::runnable::catch_panic;

/// A scheduling class of this thread's runtime. Dropping it leaves the class as it is; see
/// [`remove`](Self::remove).
#[derive(Clone)]
pub struct Class {
    executor: Arc<Executor>,
    lane: NonNull<Lane>,
    /// Which of the classes that were made at this place.
    era: u64,
}

/// What is said about a class before it is made. Made by [`Class::builder`].
#[must_use = "a builder does nothing until `build` is called"]
pub struct Builder {
    name: String,
    shares: u32,
    latency: Option<Duration>,
    quota: Duration,
    order: Option<Box<dyn Order>>,
}

/// Why a class could not be made or changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// Shares of 0: its tasks would never run.
    NoShares {
        /// The name of the class.
        name: String,
    },
    /// The runtime has a class of this name.
    NameTaken {
        /// The name of the class.
        name: String,
    },
    /// The class was removed, or its runtime has ended.
    Gone,
    /// The default class can't be removed.
    IsDefault,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NoShares { name } => write!(
                f,
                "class {name:?} has 0 shares, so its tasks would never run: give at least 1"
            ),
            Error::NameTaken { name } => write!(
                f,
                "the runtime has a class {name:?} already: choose another name, or clone the `Class`"
            ),
            Error::Gone => f.write_str("the class was removed, or its runtime has ended"),
            Error::IsDefault => f.write_str("the default class can't be removed"),
        }
    }
}

impl std::error::Error for Error {}

/// What a class has used, as of the last turn of the loop.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Stats {
    /// Its name.
    pub name: String,
    /// Its shares.
    pub shares: u32,
    /// Tasks that are ready.
    pub ready: usize,
    /// Polls. Counted while there is more than the default class.
    pub polls: u64,
    /// Times that it was its turn.
    pub turns: u64,
    /// Time that its tasks ran.
    pub run_time: Duration,
    /// Time that it had nothing to run.
    pub wait_time: Duration,
    /// Time that it had something to run while another class did.
    pub starve_time: Duration,
}

impl Class {
    /// Begins a new class. Names are for people and metrics, and unique in a runtime.
    pub fn builder(name: impl Into<String>) -> Builder {
        Builder {
            name: name.into(),
            shares: SHARES,
            latency: None,
            quota: QUOTA,
            order: None,
        }
    }

    /// The class of the running task.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// ```
    /// use wakeful::class::Class;
    /// wakeful::block_on(async { assert_eq!(Class::current().name().unwrap(), "default") });
    /// ```
    #[track_caller]
    pub fn current() -> Class {
        current::with(|executor| executor.class(executor.lanes.current.get()))
    }

    fn lane(&self) -> Result<&Lane, Error> {
        // SAFETY: a lane goes with its executor, which `self` keeps. `Class` stays on its thread.
        let lane = unsafe { self.lane.as_ref() };
        let account = &lane.account;
        if account.removed.get() || account.era.get() != self.era || self.executor.is_closing() {
            return Err(Error::Gone);
        }
        Ok(lane)
    }

    /// Its name.
    ///
    /// # Errors
    ///
    /// If the class is gone.
    pub fn name(&self) -> Result<String, Error> {
        Ok(self.lane()?.account.name.borrow().to_string())
    }

    /// Gives it other shares, from the next turn on.
    ///
    /// # Errors
    ///
    /// If they are 0, or the class is gone.
    ///
    /// ```
    /// # wakeful::block_on(async {
    /// let class = wakeful::class::Class::builder("nightly").build().unwrap();
    /// class.set_shares(5).unwrap();
    /// assert!(class.set_shares(0).is_err());
    /// # });
    /// ```
    pub fn set_shares(&self, shares: u32) -> Result<(), Error> {
        let account = &self.lane()?.account;
        if shares == 0 {
            let name = account.name.borrow().to_string();
            return Err(Error::NoShares { name });
        }
        account.shares.set(shares);
        // Also of the default class: it matters as soon as there is another.
        Ok(())
    }

    /// Gives it another latency, or none, see [`Builder::latency`].
    ///
    /// # Errors
    ///
    /// If the class is gone.
    pub fn set_latency(&self, latency: Option<Duration>) -> Result<(), Error> {
        self.lane()?.account.latency.set(latency);
        Ok(())
    }

    /// Gives it another quota, see [`Builder::quota`].
    ///
    /// # Errors
    ///
    /// If the class is gone.
    pub fn set_quota(&self, quota: Duration) -> Result<(), Error> {
        self.lane()?.account.quota.set(quota);
        self.executor.lanes.many.set(true);
        Ok(())
    }

    /// Ends the class. Its tasks go on in the default class; so do their children.
    ///
    /// # Errors
    ///
    /// If it is the default class, or gone.
    ///
    /// ```
    /// # wakeful::block_on(async {
    /// use wakeful::class::Class;
    /// let class = Class::builder("short-lived").build().unwrap();
    /// let task = wakeful::spawn_in(&class, async { Class::current().name() });
    /// class.clone().remove().unwrap();
    /// assert_eq!(task.await.unwrap().unwrap(), "default");
    /// assert!(class.name().is_err());
    /// # });
    /// ```
    pub fn remove(self) -> Result<(), Error> {
        let lane = self.lane()?;
        if self.lane == NonNull::from(&self.executor.lane) {
            return Err(Error::IsDefault);
        }
        lane.account.removed.set(true);
        self.executor.lanes.one_less();
        lane.account.latency.set(None);
        if self.executor.lanes.current.get() == self.lane {
            // The running task's own class: its children go with it.
            self.executor
                .lanes
                .current
                .set(NonNull::from(&self.executor.lane));
        }
        // What it held goes back to the queue. Not if this is called by the order itself: then its
        // tasks run from there.
        let order = lane.order.try_borrow_mut().map(|mut order| order.take());
        if let Ok(order) = order {
            lane.account.ordered.set(false);
            // It is the user's, and its drop may do anything.
            catch_panic(|| drop(order));
        }
        Ok(())
    }

    /// What it has used.
    ///
    /// # Errors
    ///
    /// If the class is gone.
    pub fn stats(&self) -> Result<Stats, Error> {
        Ok(stats(self.lane()?))
    }
}

fn stats(lane: &Lane) -> Stats {
    let account = &lane.account;
    Stats {
        name: account.name.borrow().to_string(),
        shares: account.shares.get(),
        ready: lane.len(),
        polls: account.polls.get(),
        turns: account.picks.get(),
        run_time: Duration::from_nanos(account.ran.get()),
        wait_time: Duration::from_nanos(account.waited.get()),
        starve_time: Duration::from_nanos(account.starved.get()),
    }
}

impl fmt::Debug for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Class").field(&self.name()).finish()
    }
}

impl Builder {
    /// Its part of the time, in proportion to the shares of the others. Default: 100, which is also
    /// what the default class has.
    pub fn shares(mut self, shares: u32) -> Builder {
        self.shares = shares;
        self
    }

    /// Its ready tasks go before those of other classes, at the next poll boundary, as long as the
    /// class is within its part of the time; and in any case after they have waited for `latency`, but beyond
    /// its part not twice in a row.
    /// Of two such classes the one with the shorter latency goes first. Default: none.
    ///
    /// [`should_yield`](crate::task::should_yield) then asks the others to give way after half of
    /// it, or as soon as a task of this class is ready.
    pub fn latency(mut self, latency: Duration) -> Builder {
        self.latency = Some(latency);
        self
    }

    /// How long one of its polls may compute until
    /// [`should_yield`](crate::task::should_yield) asks it to give way. Default: 0.5 ms.
    pub fn quota(mut self, quota: Duration) -> Builder {
        self.quota = quota;
        self
    }

    /// Who goes first among its ready tasks. Default: first come, first served.
    pub fn order(mut self, order: impl Order) -> Builder {
        self.order = Some(Box::new(order));
        self
    }

    /// Makes the class, in this thread's runtime.
    ///
    /// # Errors
    ///
    /// If the shares are 0, or the runtime has a class of this name.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn build(self) -> Result<Class, Error> {
        let name = self.name.clone();
        if self.shares == 0 {
            // Its order is the user's. Not on the way out, where a panic of its drop would leak what is
            // returned (rust-lang/rust#47949).
            drop(self);
            return Err(Error::NoShares { name });
        }
        current::with(|executor| {
            let mut taken = false;
            executor.each_lane(|lane| {
                let account = &lane.account;
                taken |= !account.removed.get() && **account.name.borrow() == *name;
            });
            if taken {
                drop(self);
                return Err(Error::NameTaken { name });
            }
            Ok(executor.add_class(self))
        })
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("name", &self.name)
            .field("shares", &self.shares)
            .field("latency", &self.latency)
            .field("quota", &self.quota)
            .finish_non_exhaustive()
    }
}

/// Starts a task in a class, as [`spawn`](crate::spawn) does in that of the running task.
///
/// # Panics
///
/// If the class is gone, or of another runtime.
///
/// ```
/// wakeful::block_on(async {
///     let class = wakeful::class::Class::builder("greeters").shares(10).build().unwrap();
///     assert_eq!(wakeful::spawn_in(&class, async { "hello" }).await.unwrap(), "hello");
/// });
/// ```
#[track_caller]
pub fn spawn_in<F>(class: &Class, future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let location = Location::caller();
    current::with(|executor| executor.in_class(class, || executor.spawn(location, future)))
}

impl Executor {
    fn class(&self, lane: NonNull<Lane>) -> Class {
        Class {
            executor: self.shared(),
            lane,
            // SAFETY: a lane goes with its executor.
            era: unsafe { lane.as_ref() }.account.era.get(),
        }
    }

    /// Calls `f` with what is spawned going to the class.
    #[track_caller]
    pub(super) fn in_class<R>(&self, class: &Class, f: impl FnOnce() -> R) -> R {
        struct Restore<'a>(&'a Executor, NonNull<Lane>);
        impl Drop for Restore<'_> {
            fn drop(&mut self) {
                self.0.lanes.current.set(self.1);
            }
        }
        assert!(
            std::ptr::eq(&*class.executor, self),
            "the class belongs to another runtime: a class is used on the thread and in the runtime \
             that made it"
        );
        if let Err(error) = class.lane() {
            // What is spawned while the runtime ends is cancelled, whatever its class.
            assert!(self.is_closing(), "can't spawn into the class: {error}");
        }
        let _restore = Restore(self, self.lanes.current.replace(class.lane));
        f()
    }

    fn add_class(&self, mut builder: Builder) -> Class {
        if self.is_closing() {
            // Nothing runs any more that it could choose from, and nobody would drop it on this thread.
            let order = builder.order.take();
            catch_panic(|| drop(order));
        }
        let lane = self.vacant_lane();
        // SAFETY: a lane goes with its executor.
        let account = &unsafe { lane.as_ref() }.account;
        account.open(
            &builder.name,
            builder.shares,
            builder.latency,
            builder.quota,
        );
        if let Some(order) = builder.order {
            // SAFETY: as above.
            unsafe { lane.as_ref() }.set_order(order);
        }
        self.lanes.many.set(true);
        self.class(lane)
    }

    /// Another order for the default class.
    pub(crate) fn set_order(&self, order: Box<dyn Order>) {
        self.lane.set_order(order);
        self.lanes.many.set(true);
    }

    /// What each class has used, the default one first.
    pub(crate) fn class_stats(&self) -> Vec<Stats> {
        let mut all = Vec::new();
        self.each_lane(|lane| {
            if !lane.account.removed.get() {
                all.push(stats(lane));
            }
        });
        all
    }

    /// Drops the orders of the user. What they held goes back to the queues.
    pub(super) fn drop_orders(&self) {
        let mut orders = Vec::new();
        self.each_lane(|lane| {
            lane.account.ordered.set(false);
            orders.push(lane.order.take());
        });
        for order in orders {
            catch_panic(|| drop(order));
        }
    }
}
