//! How much is recorded, and when one is told.

/// How much is recorded. Each level has what is below it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Level {
    /// Nothing.
    #[default]
    Off = 0,
    /// Tasks, polls, waits, stalls, marks and spans.
    Polls = 1,
    /// And wakes, descriptors, timers, the blocking pool, messages of other threads.
    Wakes = 2,
    /// And each clone and drop of a waker.
    Clones = 3,
}

impl Level {
    pub(super) fn from_code(code: u8) -> Level {
        match code {
            0 => Level::Off,
            1 => Level::Polls,
            2 => Level::Wakes,
            _ => Level::Clones,
        }
    }
}

/// Why [`Builder::trace_on_trouble`](crate::Builder::trace_on_trouble) calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Trouble {
    /// A task, or the future of `block_on`, has panicked.
    Panicked,
    /// A poll has kept the loop for too long.
    Stalled,
}
