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
//! - To follow a program while it runs, read its trace in parts with
//!   [`snapshot_since`](crate::executor::trace::snapshot_since). The example `observatory` shows a
//!   server that way.
//! - Times are real, also while the clock of the runtime is paused.

mod config;
mod cursor;
mod event;
mod json;
mod level;
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
mod thread_rings;
mod trouble;
mod words;

pub(crate) use config::{Config, Hook};
pub use cursor::Cursor;
pub use event::{Event, Kind, Origin, Primitive, Readiness, Task};
pub use level::{Level, Trouble};
pub(crate) use primitive::through;
pub(crate) use recorder::{Recorder, Started};
pub use snapshot::Snapshot;
pub(crate) use tag::Tag;
pub use words::{Effect, End, Ended};

/// Whether waits are recorded.
pub(crate) const RECORDS: bool = true;
