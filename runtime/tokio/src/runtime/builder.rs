//! The builder of runtimes.

use std::io;
use std::mem::take;
use std::time::Duration;

use super::{LocalOptions, LocalRuntime, Runtime};

/// Builder of a [`Runtime`], with tokio's methods.
///
/// Those that choose a flavor, a number of workers or a driver mean nothing here and are accepted:
/// a runtime always has one loop, I/O and time.
///
/// ```
/// # use wakeful_tokio as tokio;
/// # fn main() -> std::io::Result<()> {
/// let runtime = tokio::runtime::Builder::new_multi_thread()
///     .worker_threads(4)
///     .enable_all()
///     .build()?;
/// runtime.block_on(async { tokio::time::sleep(std::time::Duration::from_millis(1)).await });
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Builder(wakeful::Builder);

/// Methods that set an option of Wakeful's builder.
macro_rules! set {
    ($($(#[$doc:meta])* $name:ident($value:ident: $type:ty);)*) => {$(
        $(#[$doc])*
        pub fn $name(&mut self, $value: $type) -> &mut Builder {
            self.0 = take(&mut self.0).$name($value);
            self
        }
    )*};
}

/// Methods that are accepted and change nothing.
macro_rules! accept {
    ($($(#[$doc:meta])* $name:ident($($value:ident: $type:ty)?);)*) => {$(
        $(#[$doc])*
        ///
        /// Accepted, and changes nothing.
        pub fn $name(&mut self $(, $value: $type)?) -> &mut Builder {
            $(let _ = $value;)?
            self
        }
    )*};
}

impl Builder {
    /// Makes a builder with the defaults.
    pub fn new_current_thread() -> Builder {
        Builder(wakeful::Builder::new())
    }

    /// Makes a builder with the defaults, as [`new_current_thread`](Self::new_current_thread) does.
    /// The runtime has one loop on one thread.
    pub fn new_multi_thread() -> Builder {
        Builder::new_current_thread()
    }

    accept! {
        /// Enables I/O and time, which are always enabled.
        enable_all();
        /// Enables I/O, which is always enabled.
        enable_io();
        /// Enables time, which is always enabled.
        enable_time();
        /// The number of worker threads. There are none: the loop runs on the thread that calls
        /// `block_on`.
        worker_threads(count: usize);
        /// The stack size of threads. The loop runs on the thread that calls `block_on`, and
        /// threads of the pool have the default of std.
        thread_stack_size(bytes: usize);
        /// How often a worker checks the global queue. There is none.
        global_queue_interval(polls: u32);
    }

    set! {
        /// Limits the threads of the pool for blocking closures.
        max_blocking_threads(count: usize);
        /// Sets how long a thread of the pool waits for the next closure before it ends.
        thread_keep_alive(duration: Duration);
        /// Names the threads of the pool: a number is appended to it.
        thread_name(name: impl Into<String>);
        /// Sets the name of the runtime.
        name(name: impl Into<String>);
        /// Sets the largest number of events of one wait.
        max_io_events_per_tick(count: usize);
        /// Makes the loop check descriptors and timers after this number of polls. Without it the
        /// loop checks at the latest after 100 µs.
        event_interval(polls: u32);
        /// Whether the clock is stopped, and jumps to the next timer when no task is ready.
        start_paused(paused: bool);
        /// Calls a function before the loop sleeps.
        on_thread_park(f: impl Fn() + Send + Sync + 'static);
        /// Calls a function after the loop has slept.
        on_thread_unpark(f: impl Fn() + Send + Sync + 'static);
    }

    /// Makes the runtime.
    ///
    /// # Errors
    ///
    /// Returns the error of the system, such as that the process has no descriptor left.
    pub fn build(&mut self) -> io::Result<Runtime> {
        self.0.clone().build().map(Runtime::from_ours)
    }

    /// Makes the runtime, as [`build`](Self::build) does: every runtime belongs to its thread.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn build_local(&mut self, _options: LocalOptions) -> io::Result<LocalRuntime> {
        self.build()
    }
}
