//! The builder of a runtime.

mod observing;

use std::cell::Cell;
use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::adaptive_spin::AdaptiveSpin;
use super::hooks::Hooks;
use super::inspector::{Inspector, OnDeadlock};
use super::metrics::MetricsLevel;
use super::{Parts, Runtime, trace_signal};
use crate::blocking::{self, Blocking};
use crate::context::Context;
use crate::executor::Executor;
use crate::executor::classes::Order;
use crate::faults::{self, Injector};
use crate::fs::{self, Files};
use crate::id::Identity;
use crate::observe::{Limit, Observer, PollMarker};
use crate::reactor::{self, Backend, Reactor};
use crate::sim::Mode;
use crate::stall::{self, Hook};
use crate::trace::{self, Recorder};

/// The function that was passed to [`Builder::order`].
#[derive(Clone)]
struct MakeOrder(Rc<dyn Fn() -> Box<dyn Order>>);

impl fmt::Debug for MakeOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}

/// Builder of a [`Runtime`], with its options.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let runtime = wakeful::Builder::new().max_blocking_threads(4).build()?;
/// # drop(runtime);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct Builder {
    backend: Backend,
    fs_backend: fs::Backend,
    name: Option<Box<str>>,
    hooks: Hooks,
    io_events: NonZeroUsize,
    start_paused: bool,
    spin: Duration,
    reply_spin: Duration,
    event_interval: u32,
    order: Option<MakeOrder>,
    rng_seed: Option<u64>,
    pub(super) simulated: Option<Mode>,
    pub(super) blocking: blocking::Config,
    blocking_shutdown_timeout: Duration,
    metrics_level: MetricsLevel,
    detect_stalls: Option<Duration>,
    on_stall: Hook,
    max_poll: Option<Duration>,
    detect_deadlocks: bool,
    on_deadlock: OnDeadlock,
    pub(super) trace: trace::Config,
    pub(super) faults: faults::Config,
}

impl Builder {
    /// Returns a builder with the defaults, which each method states.
    pub fn new() -> Builder {
        Builder {
            backend: Backend::Auto,
            fs_backend: fs::Backend::Auto,
            name: None,
            hooks: Hooks::default(),
            io_events: reactor::EVENTS,
            start_paused: false,
            spin: Duration::ZERO,
            reply_spin: Duration::ZERO,
            event_interval: 0,
            order: None,
            rng_seed: None,
            simulated: None,
            blocking: blocking::Config {
                max_threads: 512,
                keep_alive: Duration::from_secs(10),
                thread_name: "wakeful-blocking".to_owned(),
                in_line: None,
            },
            blocking_shutdown_timeout: Duration::from_secs(10),
            metrics_level: MetricsLevel::Counts,
            detect_stalls: None,
            on_stall: Hook::default(),
            max_poll: None,
            detect_deadlocks: false,
            on_deadlock: OnDeadlock::default(),
            trace: trace::Config::default(),
            faults: faults::Config::default(),
        }
    }

    /// Sets the name of the runtime, which [`Handle::name`](crate::Handle::name) returns. Default:
    /// none.
    ///
    /// # Panics
    ///
    /// If the name is empty or blank.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = wakeful::Builder::new().name("metrics").build()?;
    /// assert_eq!(runtime.handle().name(), Some("metrics"));
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn name(mut self, name: impl Into<String>) -> Builder {
        let name = name.into();
        assert!(
            !name.trim().is_empty(),
            "the name of a runtime is {name:?}: give one that can be read"
        );
        self.name = Some(name.into_boxed_str());
        self
    }

    /// Sets a function that [`block_on`](crate::Runtime::block_on) calls each time when no task is
    /// ready and it is about to wait for events. Default: none. A second call replaces the first
    /// function.
    ///
    /// The function runs inside of the runtime: if it spawns or wakes a task, the loop does not
    /// wait, but runs that task. It is not called by [`turn`](crate::Runtime::turn), which never
    /// waits, nor before a [spin](Self::spin). A panic of the function is caught.
    ///
    /// ```
    /// use std::cell::Cell;
    /// use std::rc::Rc;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let waits = Rc::new(Cell::new(0));
    /// let count = waits.clone();
    /// let builder = wakeful::Builder::new().on_thread_park(move || count.set(count.get() + 1));
    /// builder.build()?.block_on(async {
    ///     while waits.get() < 3 {
    ///         wakeful::time::sleep(std::time::Duration::from_millis(1)).await;
    ///     }
    /// });
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_thread_park(mut self, f: impl Fn() + 'static) -> Builder {
        self.hooks.park = Some(Rc::new(f));
        self
    }

    /// Sets a function that [`block_on`](crate::Runtime::block_on) calls each time when it has
    /// waited for events, before it runs tasks: once for each call of the function of
    /// [`on_thread_park`](Self::on_thread_park). Default: none. A panic of the function is caught.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let builder = wakeful::Builder::new().on_thread_unpark(|| println!("awake"));
    /// builder.build()?.block_on(async { wakeful::spawn_blocking(|| ()).await.unwrap() });
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_thread_unpark(mut self, f: impl Fn() + 'static) -> Builder {
        self.hooks.unpark = Some(Rc::new(f));
        self
    }

    /// Sets how many events of descriptors the reactor takes from the system at a time. The next
    /// turn takes the others. Default: 1024.
    ///
    /// # Panics
    ///
    /// If `capacity` is 0: no event could be received.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = wakeful::Builder::new().max_io_events_per_tick(64).build()?;
    /// # drop(runtime);
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn max_io_events_per_tick(mut self, capacity: usize) -> Builder {
        let Some(capacity) = NonZeroUsize::new(capacity) else {
            panic!("max_io_events_per_tick is 0: give at least 1, or no event could be received")
        };
        self.io_events = capacity;
        self
    }

    /// Sets how the reactor waits. Default: [`Backend::Auto`], the best that the system has.
    pub fn backend(mut self, backend: Backend) -> Builder {
        self.backend = backend;
        self
    }

    /// Sets how files are read and written. Default: [`fs::Backend::Auto`], the ring if the system
    /// has one.
    pub fn fs_backend(mut self, backend: fs::Backend) -> Builder {
        self.fs_backend = backend;
        self
    }

    /// Sets whether the clock is stopped from the beginning, as after
    /// [`time::pause`](crate::time::pause). Default: `false`.
    pub fn start_paused(mut self, paused: bool) -> Builder {
        self.start_paused = paused;
        self
    }

    /// Sets how long a loop without ready tasks spins for work before it sleeps. Default: zero, it
    /// sleeps immediately.
    ///
    /// A wake from another thread during the spin costs neither thread a system call, and a round
    /// trip between two threads takes a fraction of the time; but the spinning thread keeps its
    /// core busy. The option is meant for threads with a core of their own, and for times of 10 to
    /// 100 µs. With a stopped clock the loop does not spin.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// use std::time::Duration;
    /// let runtime = wakeful::Builder::new().spin(Duration::from_micros(50)).build()?;
    /// # drop(runtime);
    /// # Ok(())
    /// # }
    /// ```
    pub fn spin(mut self, duration: Duration) -> Builder {
        self.spin = duration;
        self
    }

    /// Sets how long the loop spins before sleeps in which a reply of another thread is likely.
    pub(crate) fn reply_spin(mut self, duration: Duration) -> Builder {
        self.reply_spin = duration;
        self
    }

    /// Sets after how many polls a loop that always has ready tasks checks the reactor and the
    /// timers. Default: by the clock, every 100 µs, and sooner where tasks yield.
    ///
    /// With a fixed number, every run does the same work, whatever the machine's speed. This is for
    /// counts of instructions and of system calls.
    ///
    /// # Panics
    ///
    /// If `polls` is 0: the loop would never check.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = wakeful::Builder::new().event_interval(61).build()?;
    /// # drop(runtime);
    /// # Ok(())
    /// # }
    /// ```
    pub fn event_interval(mut self, polls: u32) -> Builder {
        assert!(polls > 0, "event_interval must be greater than 0");
        self.event_interval = polls;
        self
    }

    /// Sets the order in which ready tasks of the default class run; `make` is called once for each
    /// runtime. Default: first in, first out. For other classes see
    /// [`class::Builder::order`](crate::class::Builder::order).
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// use wakeful::class::Random;
    /// // A test that must not depend on the order, repeatable by its seed.
    /// let runtime = wakeful::Builder::new().order(|| Random::new(7)).build()?;
    /// # drop(runtime);
    /// # Ok(())
    /// # }
    /// ```
    pub fn order<O: Order>(mut self, make: impl Fn() -> O + 'static) -> Builder {
        self.order = Some(MakeOrder(Rc::new(move || Box::new(make()))));
        self
    }

    /// Sets the seed of the numbers that choose the branch which `select!` polls first. Default: a
    /// random one.
    ///
    /// Two runtimes with the same seed, whose futures are polled in the same order, make the same
    /// choices.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let choices = || -> std::io::Result<Vec<u8>> {
    ///     let runtime = wakeful::Builder::new().rng_seed(7).build()?;
    ///     Ok(runtime.block_on(async {
    ///         let mut choices = Vec::new();
    ///         for _ in 0..100 {
    ///             choices.push(wakeful::select! {
    ///                 one = async { 1 } => one,
    ///                 two = async { 2 } => two,
    ///             });
    ///         }
    ///         choices
    ///     }))
    /// };
    /// assert_eq!(choices()?, choices()?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn rng_seed(mut self, seed: u64) -> Builder {
        self.rng_seed = Some(seed);
        self
    }

    /// Sets how many [`spawn_blocking`](crate::spawn_blocking) closures may run at a time. Default:
    /// 512. Threads are started as they are needed.
    ///
    /// # Panics
    ///
    /// If `threads` is 0: no closure could run.
    #[track_caller]
    pub fn max_blocking_threads(mut self, threads: usize) -> Builder {
        assert!(
            threads > 0,
            "max_blocking_threads is 0: give at least 1, or no closure could run"
        );
        self.blocking.max_threads = threads;
        self
    }

    /// Sets how long an idle thread of the blocking pool is kept. Default: 10 seconds.
    pub fn thread_keep_alive(mut self, keep_alive: Duration) -> Builder {
        self.blocking.keep_alive = keep_alive;
        self
    }

    /// Sets the name of the threads of the blocking pool; a number is appended. Default:
    /// `wakeful-blocking`.
    pub fn thread_name(mut self, name: impl Into<String>) -> Builder {
        self.blocking.thread_name = name.into();
        self
    }

    /// Sets how long dropping the runtime waits for running
    /// [`spawn_blocking`](crate::spawn_blocking) closures and file operations before it prints a
    /// line to standard error and stops waiting. Default: 10 seconds. Zero: it does not wait and
    /// prints nothing.
    pub fn blocking_shutdown_timeout(mut self, timeout: Duration) -> Builder {
        self.blocking_shutdown_timeout = timeout;
        self
    }

    fn observer(&self) -> io::Result<Option<Box<Observer>>> {
        let times = self.metrics_level == MetricsLevel::Times;
        let needed = self.detect_stalls.is_some() || self.max_poll.is_some();
        if !times && !needed && !self.detect_deadlocks {
            return Ok(None);
        }
        let marker = Arc::new(PollMarker::new());
        if let Some(threshold) = self.detect_stalls {
            stall::watch(&marker, threshold, self.on_stall.clone())?;
        }
        let limit = self.max_poll.map(Limit::new);
        Ok(Some(Box::new(Observer::new(marker, times, limit))))
    }

    /// Makes the runtime, which belongs to this thread.
    ///
    /// # Errors
    ///
    /// If the system gives no descriptors for the reactor, does not have the requested backend, or
    /// starts no thread for the watchdog. With the feature `trace`, if an environment variable of
    /// the trace has a bad value.
    pub fn build(mut self) -> io::Result<Runtime> {
        self.trace = self.trace.with_environment()?;
        let trace = Recorder::new(&self.trace);
        let faults = Injector::new(&self.faults);
        let reactor = Reactor::new(
            self.backend,
            self.simulated,
            self.io_events,
            trace.clone(),
            faults,
        )?;
        if self.simulated.is_some() {
            reactor.timers().stop_at(Duration::ZERO);
        } else if self.start_paused {
            reactor.pause_clock();
        }
        let silence_limit = Cell::new(self.detect_stalls);
        let executor = Executor::new(
            reactor.notifier(),
            self.observer()?,
            trace.clone(),
            Identity::new(self.name.clone()),
        );
        let blocking = Rc::new(Blocking::new(self.blocking, trace.clone()));
        let files = Rc::new(Files::new(self.fs_backend));
        let context = Context::new(
            executor.clone(),
            reactor.clone(),
            blocking.clone(),
            files.clone(),
        );
        executor.set_context(&context);
        let watches_sleep = Cell::new(
            self.detect_deadlocks || silence_limit.get().is_some() || self.hooks.is_set(),
        );
        // From here on, an error or a panic drops it, which takes the parts apart.
        let runtime = Runtime {
            drop_timeout: Some(self.blocking_shutdown_timeout),
            parts: Parts {
                context,
                executor,
                reactor,
                blocking,
                files,
                foreign_wait_reported: Cell::new(false),
                unreachable_timer_reported: Cell::new(false),
                silence_limit,
                hooks: self.hooks,
                watches_sleep,
                asleep_between_turns: Cell::new(false),
                is_driven: Cell::new(false),
                inspector: self
                    .detect_deadlocks
                    .then(|| Box::new(Inspector::new(self.on_deadlock.clone()))),
                adaptive_spin: Rc::new(AdaptiveSpin::new(self.spin, self.reply_spin)),
                event_interval: self.event_interval,
            },
        };
        let Parts {
            executor, files, ..
        } = &runtime.parts;
        if let Some(seed) = self.rng_seed {
            executor.set_seed(seed);
        }
        if let Some(MakeOrder(make)) = &self.order {
            executor.set_order(make());
        }
        runtime.enter(|| files.prepare())?;
        trace_signal::listen(&runtime, &trace)?;
        Ok(runtime)
    }
}

impl Runtime {
    /// Makes a runtime with the defaults of [`Builder`].
    ///
    /// # Errors
    ///
    /// If the system gives no descriptors for the reactor.
    pub fn new() -> io::Result<Runtime> {
        Builder::new().build()
    }

    /// Returns a builder with the defaults, as [`Builder::new`] does.
    pub fn builder() -> Builder {
        Builder::new()
    }
}

impl Default for Builder {
    fn default() -> Builder {
        Builder::new()
    }
}
