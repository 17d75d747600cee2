//! The flight recorder: every poll, wake, clone and drop of this runtime, with its cause.
//!
//! A loop keeps its newest events in a ring, other threads theirs in small rings of their own. A
//! [`snapshot`](crate::executor::trace::snapshot) lays them on one time line. It prints as a story, and can be written as
//! [a page](Snapshot::write_html) or as a [Perfetto trace](Snapshot::write_perfetto).
//!
//! Nothing is recorded until a [`Level`] is set: by
//! [`Builder::trace_level`](crate::Builder::trace_level), or at any time by [`set_level`](crate::executor::trace::set_level).
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
//! An event is 32 bytes and a read of the processor's time stamp counter, where that can be trusted.
//! With the level at `Off` a hook is a load and a branch. Without the feature `trace` this module
//! does not exist, and a twin without size or code stands in for it inside the crate.
//!
//! # What to know
//!
//! - Events that were overwritten are counted, see [`Snapshot::lost`]. What is known of a task, such
//!   as its name, stays as long as there is an event of it.
//! - A poll is one event, written at its end, with the time of its beginning. A poll that still
//!   goes on when a snapshot is taken appears as [`End::Running`].
//! - Who follows a program while it runs reads on with [`snapshot_since`](crate::executor::trace::snapshot_since); the example `observatory`
//!   shows a server that way.
//! - Times are real also where the runtime's clock is stopped.

mod config;
mod cursor;
mod event;
mod json;
mod level;
mod page;
mod perfetto;
mod reader;
mod record;
mod recorder;
mod shared;
mod snapshot;
mod story;
mod table;
mod tag;
mod thread_rings;
mod trouble;
mod words;

pub(crate) use config::{Config, Hook};
pub use cursor::Cursor;
pub use event::{Event, Kind, Origin, Readiness, Task};
pub use level::{Level, Trouble};
pub(crate) use recorder::{Recorder, Started};
pub use snapshot::Snapshot;
pub(crate) use tag::Tag;
pub use words::{Effect, End, Ended};
