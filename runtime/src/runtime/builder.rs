//! What can be said about a runtime before it is made.

use std::io;
use std::time::Duration;

use super::{Parts, Runtime};
use crate::blocking::{self, Blocking};
use crate::executor::Executor;
use crate::reactor::{Backend, Reactor};
use crate::trace::{self, Recorder};

/// Makes a [`Runtime`].
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
    start_paused: bool,
    spin: Duration,
    blocking: blocking::Config,
    blocking_shutdown_timeout: Duration,
    pub(super) trace: trace::Config,
}

impl Builder {
    /// The defaults, which each method states.
    pub fn new() -> Builder {
        Builder {
            backend: Backend::Auto,
            start_paused: false,
            spin: Duration::ZERO,
            blocking: blocking::Config {
                max_threads: 512,
                keep_alive: Duration::from_secs(10),
                thread_name: "wakeful-blocking".to_owned(),
            },
            blocking_shutdown_timeout: Duration::from_secs(10),
            trace: trace::Config::default(),
        }
    }

    /// How the reactor waits. Default: [`Backend::Auto`], the best that the system has.
    pub fn backend(mut self, backend: Backend) -> Builder {
        self.backend = backend;
        self
    }

    /// Begins with the clock stopped, as after [`time::pause`](crate::time::pause). Default: no.
    pub fn start_paused(mut self, paused: bool) -> Builder {
        self.start_paused = paused;
        self
    }

    /// How long a loop with nothing to do keeps looking before it sleeps. Default: zero, it sleeps
    /// at once.
    ///
    /// A wake from another thread then costs neither side a syscall, and a round trip between two
    /// threads takes a fraction of the time; but the thread keeps its core busy meanwhile. It is
    /// meant for threads that have a core to themselves, and for times of some 10 to 100 µs. With
    /// a stopped clock the loop does not spin.
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

    /// How many [`spawn_blocking`](crate::spawn_blocking) closures may run at a time. Default: 512.
    /// Threads are started as they are needed.
    ///
    /// # Panics
    ///
    /// If zero: nothing could ever run.
    #[track_caller]
    pub fn max_blocking_threads(mut self, threads: usize) -> Builder {
        assert!(
            threads > 0,
            "max_blocking_threads is 0: give at least 1, or no closure could run"
        );
        self.blocking.max_threads = threads;
        self
    }

    /// How long an idle thread of the blocking pool stays. Default: 10 seconds.
    pub fn thread_keep_alive(mut self, keep_alive: Duration) -> Builder {
        self.blocking.keep_alive = keep_alive;
        self
    }

    /// The name of the threads of the blocking pool, which a number follows. Default:
    /// `wakeful-blocking`.
    pub fn thread_name(mut self, name: impl Into<String>) -> Builder {
        self.blocking.thread_name = name.into();
        self
    }

    /// How long dropping the runtime waits for running
    /// [`spawn_blocking`](crate::spawn_blocking) closures before it prints a line to standard error
    /// and leaves them alone. Default: 10 seconds. Zero: it does not wait and prints nothing.
    pub fn blocking_shutdown_timeout(mut self, timeout: Duration) -> Builder {
        self.blocking_shutdown_timeout = timeout;
        self
    }

    /// Makes the runtime, on and for this thread.
    ///
    /// # Errors
    ///
    /// If the system gives no descriptors for the reactor, or does not have the backend asked for.
    pub fn build(self) -> io::Result<Runtime> {
        let trace = Recorder::new(&self.trace);
        let reactor = Reactor::new(self.backend, trace.clone())?;
        if self.start_paused {
            reactor.pause_clock();
        }
        let executor = Executor::new(reactor.notifier(), trace.clone());
        let blocking = Blocking::new(self.blocking, trace);
        Ok(Runtime {
            parts: Parts {
                executor,
                reactor,
                blocking,
                spin: self.spin,
            },
            patience: Some(self.blocking_shutdown_timeout),
        })
    }
}

impl Default for Builder {
    fn default() -> Builder {
        Builder::new()
    }
}
