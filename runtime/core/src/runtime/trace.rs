//! Options of the builder for the trace, and snapshots from other threads.

use std::future::Future;
use std::time::Duration;

use super::builder::Builder;
use super::handle::Handle;
use crate::executor::trace::snapshot;
use crate::task::oneshot::oneshot;
use crate::trace::{Hook, Level, Snapshot, Trouble};

impl Builder {
    /// Sets the initial level of the trace. Default: [`Level::Off`]. See
    /// [`trace::set_level`](crate::executor::trace::set_level).
    ///
    /// ```
    /// use wakeful::trace::{self, Level};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = wakeful::Builder::new().trace_level(Level::Polls).build()?;
    /// assert_eq!(runtime.enter(trace::level), Level::Polls);
    /// # Ok(())
    /// # }
    /// ```
    pub fn trace_level(mut self, level: Level) -> Builder {
        self.trace.level = level;
        self
    }

    /// Sets how many events the loop keeps, rounded up to a power of two. Default: 65,536, which
    /// take 2 MiB; the memory is allocated when recording begins.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = wakeful::Builder::new().trace_capacity(1 << 20).build()?;
    /// # drop(runtime);
    /// # Ok(())
    /// # }
    /// ```
    pub fn trace_capacity(mut self, events: usize) -> Builder {
        self.trace.capacity = events;
        self
    }

    /// Sets the largest number of events that are recorded in a second, roughly; 0 for no limit.
    /// Default: 0. See [`trace::set_rate`](crate::executor::trace::set_rate).
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = wakeful::Builder::new().trace_rate(10_000).build()?;
    /// # drop(runtime);
    /// # Ok(())
    /// # }
    /// ```
    pub fn trace_rate(mut self, events_per_second: u32) -> Builder {
        self.trace.rate = events_per_second;
        self
    }

    /// Sets the longest time of a normal poll. A longer poll is a stall: the trace records an event
    /// for it, and calls the [hook for trouble](Self::trace_on_trouble). Default: 100 ms.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = wakeful::Builder::new().trace_stall(Duration::from_millis(5)).build()?;
    /// # drop(runtime);
    /// # Ok(())
    /// # }
    /// ```
    pub fn trace_stall(mut self, longest: Duration) -> Builder {
        self.trace.stall = longest;
        self
    }

    /// Calls `hook` with a snapshot after a poll that panicked or was a [stall](Self::trace_stall),
    /// unless the level is `Off`. The hook is called on the loop's thread, between polls; a panic
    /// of the hook is caught.
    ///
    /// ```no_run
    /// use wakeful::trace::Level;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = wakeful::Builder::new()
    ///     .trace_level(Level::Wakes)
    ///     .trace_on_trouble(|trouble, snapshot| {
    ///         eprintln!("{trouble:?}, see trouble.html");
    ///         let _ = snapshot.write_html("trouble.html");
    ///     })
    ///     .build()?;
    /// # drop(runtime);
    /// # Ok(())
    /// # }
    /// ```
    pub fn trace_on_trouble(
        mut self,
        hook: impl Fn(Trouble, &Snapshot) + Send + Sync + 'static,
    ) -> Builder {
        self.trace.hook = Some(Hook::new(hook));
        self
    }
}

impl Handle {
    /// Takes a snapshot of the trace, from any thread. The loop takes it when it receives the
    /// request. Returns `None` if the runtime ends first.
    ///
    /// The request is sent immediately; the future only waits for the reply.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: dropping the future discards the snapshot and nothing else.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = wakeful::Runtime::new()?;
    /// let handle = runtime.handle();
    /// let other = std::thread::spawn(move || wakeful::block_on(handle.trace_snapshot()));
    /// while !other.is_finished() {
    ///     runtime.block_on(wakeful::task::yield_now());
    /// }
    /// assert!(other.join().unwrap().is_some());
    /// # Ok(())
    /// # }
    /// ```
    pub fn trace_snapshot(&self) -> impl Future<Output = Option<Snapshot>> + Send + use<> {
        let (sender, receiver) = oneshot();
        self.executor
            .call(Box::new(move || sender.fill(Ok(snapshot()))));
        async move { receiver.await.ok() }
    }
}
