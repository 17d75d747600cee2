//! The flight recorder: each poll, wake, clone and drop of a waker in this runtime, with its cause.
//!
//! A loop keeps its newest events in a ring, and each other thread has a small ring of its own. A
//! [`snapshot`](crate::executor::trace::snapshot) merges them by time. It prints as a story, and
//! can be written as [a page](Snapshot::write_html) or as a [Perfetto
//! trace](Snapshot::write_perfetto).
//!
//! Nothing is recorded until a [`Level`] is set: by
//! [`Builder::trace_level`](crate::Builder::trace_level), or at any time by
//! [`set_level`](crate::executor::trace::set_level).
//!
//! ```
//! use wakeful::trace::{self, Level};
//!
//! wakeful::block_on(async {
//!     trace::set_level(Level::Wakes);
//!     let worker = wakeful::task::Builder::new().name("worker").spawn(async {
//!         trace::mark("at work");
//!     });
//!     worker.await.unwrap();
//!     let story = trace::snapshot().to_string();
//!     assert!(story.contains("worker marks \"at work\""));
//!     assert!(story.contains("worker wakes main: queued"));
//! });
//! ```
//!
//! # Without a line of code
//!
//! With the feature compiled in, environment variables make a program write its trace, from its
//! first event on. [`Builder::build`](crate::Builder::build) reads them, and returns an error for a
//! value that it does not understand.
//!
//! - `WAKEFUL_TRACE`: the file that each runtime writes when it ends. A page if it ends with
//!   `.html`, for Perfetto with `.json`, a text with `.txt`. The second runtime of a program with
//!   `run.html` writes `run-2.html`.
//! - `WAKEFUL_TRACE_LEVEL`: `polls`, `wakes` or `clones`. By default the level of the builder, or
//!   `clones` if that is `Off`.
//! - `WAKEFUL_TRACE_RATE`: the [largest number of events](crate::Builder::trace_rate) in a second.
//!   By default that of the builder.
//! - `WAKEFUL_TRACE_SIGNAL`: `SIGUSR1`, `SIGUSR2`, `SIGHUP` or `SIGWINCH`. At this signal the trace
//!   is written as well, to `run-signal-1.html` and so on. It needs the feature `signal`.
//!
//! A process that a signal or `std::process::exit` ends writes nothing at its end.
//!
//! # Cost
//!
//! An event costs 32 bytes and a read of the processor's time stamp counter; where that counter is
//! not reliable, a read of the system clock. With the level `Off`, a hook is a load and a branch.
//! Without the feature `trace`, this module does not exist, and the hooks compile to nothing.
//!
//! # What to know
//!
//! - Events that were overwritten are counted, see [`Snapshot::lost`]. The data of a task, such as
//!   its name, is kept as long as there is an event of the task.
//! - A poll is one event, recorded at its end, with the time of its start. A poll that is still
//!   running when a snapshot is taken appears as [`End::Running`].
//! - What each task has done in all is counted when it happens, see [`Counts`] and
//!   [`Snapshot::totals`]. These counts miss nothing, also where events were overwritten.
//! - A busy loop makes millions of events a second. With
//!   [`Builder::trace_rate`](crate::Builder::trace_rate) the recorder leaves some of them out, says
//!   where, and sums them up for each task.
//! - To follow a program while it runs, read its trace in parts with
//!   [`snapshot_since`](crate::executor::trace::snapshot_since). The package
//!   `wakeful-observatory` shows a program that way.
//! - Times are real, also while the clock of the runtime is paused.

mod config;
mod counts;
mod cursor;
mod environment;
mod event;
mod json;
mod level;
mod limit;
mod output;
mod page;
mod perfetto;
mod primitive;
mod reader;
mod record;
mod recorder;
mod shared;
mod snapshot;
mod states;
mod story;
mod table;
mod tag;
mod tally;
mod thread_rings;
mod trouble;
mod words;

pub(crate) use config::{Config, Hook};
pub use counts::{Counts, Place, Times, Totals};
pub use cursor::Cursor;
pub use event::{Event, Kind, Origin, Primitive, Readiness, Task};
pub use level::{Level, Trouble};
#[doc(hidden)]
pub use page::page_script;
pub(crate) use primitive::through;
pub(crate) use recorder::{Recorder, Started};
pub use snapshot::Snapshot;
pub(crate) use tag::Tag;
pub use words::{Effect, End, Ended};

/// Whether waits are recorded.
pub(crate) const RECORDS: bool = true;

/// Whether a runtime can listen for signals.
const CAN_LISTEN: bool = cfg!(feature = "signal");
