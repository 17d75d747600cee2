//! Levels of recording, and kinds of trouble.

/// Level of recording. Each level includes those below.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Level {
    /// Nothing is recorded.
    #[default]
    Off = 0,
    /// Tasks, polls, waits, stalls, marks and spans.
    Polls = 1,
    /// Also wakes, descriptors, timers, the blocking pool, messages of other threads.
    Wakes = 2,
    /// Also each clone and drop of a waker.
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

/// Reason for a call of the hook of
/// [`Builder::trace_on_trouble`](crate::Builder::trace_on_trouble).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Trouble {
    /// A task, or the future of `block_on`, has panicked.
    Panicked,
    /// A poll has held the loop for too long.
    Stalled,
}
