//! Options that observe a runtime: metrics, stalls, deadlocks, the length of polls.

use std::time::Duration;

use super::super::deadlock::{self, DeadlockReport};
use super::super::inspector::OnDeadlock;
use super::super::metrics::MetricsLevel;
use super::Builder;
use crate::stall::{Hook, StallReport};

impl Builder {
    /// Sets what the [`Metrics`](crate::Metrics) measure. Default: [`MetricsLevel::Counts`], which
    /// costs next to nothing.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let level = wakeful::MetricsLevel::Times;
    /// let runtime = wakeful::Builder::new().metrics_level(level).build()?;
    /// assert!(runtime.metrics().poll_time.is_some());
    /// # Ok(())
    /// # }
    /// ```
    pub fn metrics_level(mut self, level: MetricsLevel) -> Builder {
        self.metrics_level = level;
        self
    }

    /// Reports polls that take longer than `threshold`, while they are still running. Default: off.
    /// `#[wakeful::test]` turns it on with a threshold of one second.
    ///
    /// One thread for all such loops of the process, the watchdog, checks them eight times in a
    /// threshold, but at most once in a millisecond, so a report is up to a quarter of the
    /// threshold late. It names the task, where it was spawned, how long it has been stuck, and
    /// whether it computes, is blocked, or waits for memory; see [`StallReport`]. With
    /// [`detect_deadlocks`](Self::detect_deadlocks) it names the locks of [`sync`](crate::sync)
    /// that the task holds and others wait for. With the feature `backtrace` it shows the stack as
    /// well, for which the loop's thread receives a signal, `SIGURG`. Stacks need glibc 2.35 and
    /// libgcc 12, or newer: older versions can't walk a stack safely in a signal handler. With
    /// these, reports have no stack, and one line on standard error says so.
    ///
    /// The loop stores one word a poll, which takes about 7 ns; it reads no clock and makes no
    /// system call. A poll that is shorter than the threshold is never reported. Time in which the
    /// process is stopped does not count.
    ///
    /// A [`block_on`](crate::Runtime::block_on) that can't end is also reported on standard error:
    /// when nothing has happened for `threshold`, and there is no timer, no descriptor and no
    /// closure to wait for, no waker of any of its tasks and no [`Handle`](crate::Handle) of the
    /// runtime. The report names up to ten of the tasks, and is made once for each runtime.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # fn main() -> std::io::Result<()> {
    /// let (sender, receiver) = std::sync::mpsc::channel();
    /// let runtime = wakeful::Builder::new()
    ///     .detect_stalls(Duration::from_millis(20))
    ///     .on_stall(move |report| _ = sender.send(report.clone()))
    ///     .build()?;
    /// let report = runtime.block_on(async {
    ///     let waits = wakeful::task::Builder::new().name("waits");
    ///     // A channel that blocks: the loop can do nothing else until the report comes.
    ///     waits.spawn(async move { receiver.recv().unwrap() }).await.unwrap()
    /// });
    /// assert_eq!(report.name.as_deref(), Some("waits"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If `threshold` is zero: every poll would be a stall.
    #[track_caller]
    pub fn detect_stalls(mut self, threshold: Duration) -> Builder {
        assert!(
            !threshold.is_zero(),
            "detect_stalls(0): give the time that a poll may take, such as 100 ms"
        );
        self.detect_stalls = Some(threshold);
        self
    }

    /// Turns [`detect_stalls`](Self::detect_stalls) off again.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// # let builder = wakeful::Builder::new();
    /// let runtime = builder.ignore_stalls().build()?;
    /// # drop(runtime);
    /// # Ok(())
    /// # }
    /// ```
    pub fn ignore_stalls(mut self) -> Builder {
        self.detect_stalls = None;
        self
    }

    /// Sets the hook that is called for each stall, on the watchdog's thread, while the loop is
    /// stuck. Default: the report is printed to standard error, on one line.
    ///
    /// The watchdog checks no loop while the hook runs, so the hook should not take long. A panic
    /// of the hook is caught. For an example see [`StallReport`].
    pub fn on_stall(mut self, hook: impl Fn(&StallReport) + Send + Sync + 'static) -> Builder {
        self.on_stall = Hook::new(hook);
        self
    }

    /// Makes [`block_on`](crate::Runtime::block_on) panic after a poll that took longer than this,
    /// with a message that names the task. This is for tests, and reads the clock twice a poll.
    /// Default: no limit.
    ///
    /// ```should_panic
    /// # use std::time::Duration;
    /// let runtime = wakeful::Builder::new().max_poll(Duration::ZERO).build().unwrap();
    /// runtime.block_on(async { wakeful::spawn(async {}).await.unwrap() });
    /// ```
    pub fn max_poll(mut self, limit: Duration) -> Builder {
        self.max_poll = Some(limit);
        self
    }

    /// Reports deadlocks, and tasks that nothing can wake any more. Default: `false`.
    /// `#[wakeful::test]` turns it on, and fails a test with a certain deadlock.
    ///
    /// The runtime then records what the tasks of this thread wait for in [`sync`](crate::sync) and
    /// which tasks hold a lock. It compares that with the wakers that exist, before it sleeps:
    ///
    /// - If the loop has no timer, no descriptor, no closure and no [`Handle`](crate::Handle) to
    ///   wait for, and every waker is in one of these waits, no task can ever run again: a certain
    ///   deadlock. If wakers are held elsewhere, by a thread or another future, and nothing happens
    ///   for 10 s, it is suspected.
    /// - While the loop goes on, at most once a second: tasks that wait for each other's locks or
    ///   ends, and tasks of which no waker exists. They are reported if two searches find them.
    ///
    /// Each report is made once, by the [hook](Self::on_deadlock).
    ///
    /// The record costs about 25 ns for each wait, and the loop wakes up once a second while it has
    /// new tasks to check. When it is off, a wait costs one test of a thread-local flag.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = wakeful::Builder::new()
    ///     .detect_deadlocks(true)
    ///     .on_deadlock(|report| panic!("{report}"))
    ///     .build()?;
    /// let stuck = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
    ///     runtime.block_on(async {
    ///         let lock = wakeful::sync::Mutex::new(());
    ///         let _guard = lock.lock().await;
    ///         // The task waits for itself.
    ///         let _again = lock.lock().await;
    ///     });
    /// }));
    /// let text = *stuck.unwrap_err().downcast::<String>().unwrap();
    /// assert!(text.starts_with("deadlock: no task of this loop can run any more"), "{text}");
    /// # Ok(())
    /// # }
    /// ```
    pub fn detect_deadlocks(mut self, on: bool) -> Builder {
        self.detect_deadlocks = on;
        self
    }

    /// Sets the hook that is called with each report of
    /// [`detect_deadlocks`](Self::detect_deadlocks), on the loop's thread, before the loop sleeps.
    /// Default: the report is printed to standard error.
    ///
    /// A panic of the hook leaves `block_on`; the runtime stays usable.
    pub fn on_deadlock(mut self, hook: impl Fn(&DeadlockReport) + 'static) -> Builder {
        self.on_deadlock = OnDeadlock::new(hook);
        self
    }

    /// Makes a certain deadlock a panic of [`block_on`](crate::Runtime::block_on). For
    /// `#[wakeful::test]`.
    #[doc(hidden)]
    pub fn fail_on_deadlock(self) -> Builder {
        self.detect_deadlocks(true).on_deadlock(deadlock::fail)
    }
}
