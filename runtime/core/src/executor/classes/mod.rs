//! Scheduling classes: groups of tasks that divide the loop's time by shares.
//!
//! A task belongs to the class of the task that spawned it, or to the class given to [`spawn_in`].
//! The future of `block_on` is in the default class, which has 100 shares. While several classes
//! have ready tasks, each gets time in proportion to its shares; a class earns no credit while it
//! is idle. A class with a [latency](Builder::latency) goes before the others at the next poll
//! boundary.
//!
//! A poll is never interrupted, so long polls in one class delay the others: long computations
//! should check [`task::should_yield`](crate::task::should_yield).
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

//!
//! # How it works
//!
//! With a latency, the loop checks for wakes from other threads at each poll boundary, and a batch
//! of polls ends after 100 µs. Otherwise a batch that has become long would delay such a wake: by
//! 2.9 ms in one of a hundred cases. The price is a clock read a poll, and only where a class has a
//! latency.
//!
//! A removed class keeps its queue until no task points to it; at each pick its tasks are moved to
//! the default queue.

mod account;
mod order;
mod pick;
mod queue;

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;

pub use order::{LastIn, Random};
pub(super) use pick::Classes;
pub(crate) use queue::ClassQueue;
pub(super) use queue::WAKER;
pub use queue::{Order, Ready};

use super::{Executor, current};
use crate::scope::scoped_set;
use crate::task::JoinHandle;
use crate::time::clock;
use crate::unwind::catch_panic;
use account::{QUOTA, SHARES};

/// Handle of a scheduling class of this thread's runtime.
///
/// Dropping the handle does not change the class; see [`remove`](Self::remove).
#[derive(Clone)]
pub struct Class {
    executor: Arc<Executor>,
    queue: NonNull<ClassQueue>,
    /// Tells this class from others that have used the queue.
    generation: u64,
}

/// Configures a new [`Class`]. Returned by [`Class::builder`].
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
    /// The class has 0 shares, so its tasks would never run.
    NoShares {
        /// The name of the class.
        name: String,
    },
    /// The runtime has a class of this name already.
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
                "the runtime has a class {name:?} already: choose another name, or clone \
                 the `Class`"
            ),
            Error::Gone => f.write_str("the class was removed, or its runtime has ended"),
            Error::IsDefault => f.write_str("the default class can't be removed"),
        }
    }
}

impl std::error::Error for Error {}

/// What a class has used, as of the last turn of the loop. Returned by [`Class::stats`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Stats {
    /// Name of the class.
    pub name: String,
    /// Shares of the class.
    pub shares: u32,
    /// Number of ready tasks.
    pub ready: usize,
    /// Number of polls. They are counted while there is more than the default class.
    pub polls: u64,
    /// Number of turns of the class.
    pub turns: u64,
    /// Time during which its tasks ran.
    pub run_time: Duration,
    /// Time during which it had no ready task.
    pub wait_time: Duration,
    /// Time during which it had ready tasks and another class ran.
    pub starve_time: Duration,
}

impl Class {
    /// Returns a builder of a new class. The name is unique in a runtime, and shown in metrics.
    pub fn builder(name: impl Into<String>) -> Builder {
        Builder {
            name: name.into(),
            shares: SHARES,
            latency: None,
            quota: QUOTA,
            order: None,
        }
    }

    /// Returns the class of the running task.
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
        current::with(|executor| executor.class(executor.classes.current.get()))
    }

    fn queue(&self) -> Result<&ClassQueue, Error> {
        // SAFETY: a queue lives as long as its executor, which `self` keeps alive. `Class` stays on
        // its thread.
        let queue = unsafe { self.queue.as_ref() };
        if queue.is_removed.get()
            || queue.generation.get() != self.generation
            || self.executor.is_closing()
        {
            return Err(Error::Gone);
        }
        Ok(queue)
    }

    /// Returns the name of the class.
    ///
    /// # Errors
    ///
    /// If the class is gone.
    pub fn name(&self) -> Result<String, Error> {
        Ok(self.queue()?.name.borrow().to_string())
    }

    /// Changes the shares of the class, from the next turn on.
    ///
    /// # Errors
    ///
    /// If `shares` is 0, or the class is gone.
    ///
    /// ```
    /// # wakeful::block_on(async {
    /// let class = wakeful::class::Class::builder("nightly").build().unwrap();
    /// class.set_shares(5).unwrap();
    /// assert!(class.set_shares(0).is_err());
    /// # });
    /// ```
    pub fn set_shares(&self, shares: u32) -> Result<(), Error> {
        let queue = self.queue()?;
        if shares == 0 {
            let name = queue.name.borrow().to_string();
            return Err(Error::NoShares { name });
        }
        // The shares of the default class matter as soon as there is another class.
        queue.account.shares.set(shares);
        Ok(())
    }

    /// Changes or removes the latency of the class, see [`Builder::latency`].
    ///
    /// # Errors
    ///
    /// If the class is gone.
    pub fn set_latency(&self, latency: Option<Duration>) -> Result<(), Error> {
        self.queue()?.account.latency.set(latency);
        Ok(())
    }

    /// Changes the quota of the class, see [`Builder::quota`].
    ///
    /// # Errors
    ///
    /// If the class is gone.
    pub fn set_quota(&self, quota: Duration) -> Result<(), Error> {
        self.queue()?.account.quota.set(quota);
        self.executor.classes.slow_tick.set(true);
        Ok(())
    }

    /// Removes the class. Its tasks continue in the default class, as do those that they spawn.
    ///
    /// # Errors
    ///
    /// If this is the default class, or the class is gone.
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
        let queue = self.queue()?;
        if self.queue == NonNull::from(&self.executor.default_queue) {
            return Err(Error::IsDefault);
        }
        queue.is_removed.set(true);
        self.executor.classes.class_removed();
        queue.account.latency.set(None);
        if self.executor.classes.current.get() == self.queue {
            // The running task is of this class: what it spawns goes to the default class, too.
            self.executor
                .classes
                .current
                .set(NonNull::from(&self.executor.default_queue));
        }
        // The order gives its tasks back to the run queue. If the order itself calls this, it is
        // borrowed and stays: its tasks run from there.
        let order = queue.order.try_borrow_mut().map(|mut order| order.take());
        if let Ok(order) = order {
            queue.is_ordered.set(false);
            // The drop of an order is user code.
            catch_panic(|| drop(order));
        }
        Ok(())
    }

    /// Returns what the class has used.
    ///
    /// # Errors
    ///
    /// If the class is gone.
    pub fn stats(&self) -> Result<Stats, Error> {
        Ok(stats(self.queue()?))
    }
}

fn stats(queue: &ClassQueue) -> Stats {
    let account = &queue.account;
    Stats {
        name: queue.name.borrow().to_string(),
        shares: account.shares.get(),
        ready: queue.len(),
        polls: account.polls.get(),
        turns: account.turns.get(),
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
    /// Sets the part of the time that the class gets, in proportion to the shares of the others.
    /// Default: 100, as the default class has.
    pub fn shares(mut self, shares: u32) -> Builder {
        self.shares = shares;
        self
    }

    /// Sets a latency, so that ready tasks of this class run before those of other classes.
    ///
    /// They run at the next poll boundary as long as the class is within its part of the time.
    /// Beyond its part they run first after they have waited for `latency`, and not twice without a
    /// turn of another class in between. Of two classes with a latency the one with the shorter
    /// latency goes first. Default: none.
    ///
    /// In the other classes, [`should_yield`](crate::task::should_yield) asks a poll to yield after
    /// half of `latency`, or as soon as a task of this class is ready.
    pub fn latency(mut self, latency: Duration) -> Builder {
        self.latency = Some(latency);
        self
    }

    /// Sets how long a poll of the class may compute until
    /// [`should_yield`](crate::task::should_yield) asks it to yield. Default: 0.5 ms.
    pub fn quota(mut self, quota: Duration) -> Builder {
        self.quota = quota;
        self
    }

    /// Sets the order in which ready tasks of the class run. Default: first come, first served.
    pub fn order(mut self, order: impl Order) -> Builder {
        self.order = Some(Box::new(order));
        self
    }

    /// Creates the class in this thread's runtime.
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
            executor.each_queue(|queue| {
                taken |= !queue.is_removed.get() && **queue.name.borrow() == *name;
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

/// Spawns a task in a class. [`spawn`](crate::spawn) spawns in the class of the running task.
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
    fn class(&self, queue: NonNull<ClassQueue>) -> Class {
        Class {
            executor: self.shared(),
            queue,
            // SAFETY: a queue lives as long as its executor.
            generation: unsafe { queue.as_ref() }.generation.get(),
        }
    }

    /// Calls `f`, whose spawns go to the class.
    #[track_caller]
    pub(super) fn in_class<R>(&self, class: &Class, f: impl FnOnce() -> R) -> R {
        assert!(
            std::ptr::eq(&*class.executor, self),
            "the class belongs to another runtime: a class is used on the thread and in the \
             runtime that made it"
        );
        if let Err(error) = class.queue() {
            // What is spawned during shutdown is cancelled, whatever its class.
            assert!(self.is_closing(), "can't spawn into the class: {error}");
        }
        scoped_set(&self.classes.current, class.queue, f)
    }

    fn add_class(&self, mut builder: Builder) -> Class {
        if self.is_closing() {
            // The order would not be used during shutdown, and nothing would drop it on this
            // thread.
            let order = builder.order.take();
            catch_panic(|| drop(order));
        }
        let pointer = self.free_queue();
        // SAFETY: a queue lives as long as its executor.
        let queue = unsafe { pointer.as_ref() };
        queue.generation.set(queue.generation.get() + 1);
        queue.name.replace(builder.name.as_str().into());
        queue.is_ordered.set(false);
        queue.is_removed.set(false);
        queue.account.open(
            builder.shares,
            builder.latency,
            builder.quota,
            clock::ticks(),
        );
        if let Some(order) = builder.order {
            queue.set_order(order);
        }
        self.classes.slow_tick.set(true);
        self.class(pointer)
    }

    /// Sets the order of the default class.
    pub(crate) fn set_order(&self, order: Box<dyn Order>) {
        self.default_queue.set_order(order);
        self.classes.slow_tick.set(true);
    }

    /// Returns what each class has used, the default one first.
    pub(crate) fn class_stats(&self) -> Vec<Stats> {
        let mut all = Vec::new();
        self.each_queue(|queue| {
            if !queue.is_removed.get() {
                all.push(stats(queue));
            }
        });
        all
    }

    /// Drops the custom orders. They give their tasks back to the run queues.
    pub(super) fn drop_orders(&self) {
        let mut orders = Vec::new();
        self.each_queue(|queue| {
            queue.is_ordered.set(false);
            orders.push(queue.order.take());
        });
        for order in orders {
            catch_panic(|| drop(order));
        }
    }
}
