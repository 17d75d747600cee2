//! The runtime of a simulated host: the simulation moves its clock and runs its turns.

use std::io;
use std::time::Duration;

use super::turn::Turn;
use super::{Builder, Runtime};
use crate::context;
use crate::fs;
use crate::reactor::Wait;
use crate::sim::Mode;

/// Polls between two turns of the reactor: a number, as the real clock may decide nothing.
const EVENT_INTERVAL: u32 = 64;

impl Builder {
    /// Makes runtimes of simulated hosts: without descriptors and threads, with a stopped clock,
    /// and with closures of the pool run where they are spawned. For `wakeful-sim`.
    #[doc(hidden)]
    pub fn simulated(mut self) -> Builder {
        self.simulated = Some(Mode);
        self.blocking.in_line = Some(Mode);
        self.fs_backend(fs::Backend::Pool)
            .event_interval(EVENT_INTERVAL)
    }
}

impl Runtime {
    /// Runs one turn of a simulated host, at this time since the beginning: dispatches the events
    /// that were raised, fires the timers that are due, then polls ready tasks. Returns whether
    /// tasks are still ready.
    ///
    /// # Errors
    ///
    /// Returns no error at present.
    ///
    /// # Panics
    ///
    /// If a loop runs on this thread.
    #[doc(hidden)]
    #[track_caller]
    pub fn simulated_turn(&self, at: Duration) -> io::Result<bool> {
        let parts = &self.parts;
        parts.check_not_driven("simulated_turn");
        context::run("simulated_turn", &parts.context, || {
            parts.enter(|| {
                parts.leave_sleep();
                parts.reactor.timers().stop_at(at);
                let turned = parts
                    .executor
                    .with_wake_order(|| parts.reactor.turn(Wait::Poll));
                turned.0?;
                let turn = Turn {
                    has_events: false,
                    ..Turn::default()
                };
                Ok(parts.run_turn(&turn, &mut || false)?.is_busy)
            })
        })
    }

    /// Whether a simulated host has something to do before its next timer.
    #[doc(hidden)]
    pub fn simulated_is_ready(&self) -> bool {
        let parts = &self.parts;
        let backend = parts.reactor.simulated();
        backend.is_some_and(crate::sim::Backend::has_events)
            || parts.executor.has_ready()
            || parts.executor.is_pending()
    }

    /// Returns when the next timer of a simulated host is due, or a little earlier, since the
    /// beginning.
    #[doc(hidden)]
    pub fn simulated_next(&self) -> Option<Duration> {
        self.parts.reactor.timers().next_since()
    }
}
