//! What a wait is for, in words: the kind of the primitive, where it was made, and its number in
//! the thread's record of waits.

use std::cell::Cell;
use std::fmt;
use std::panic::Location;

thread_local! {
    /// Number of the last primitive of this thread that got one.
    static NUMBERS: Cell<u32> = const { Cell::new(0) };
}

/// Kind of a primitive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Channel,
    Oneshot,
    Watch,
    Broadcast,
    Notify,
    Semaphore,
    Mutex,
    RwLock,
    Barrier,
    OnceCell,
    SetOnce,
    CancellationToken,
}

impl Kind {
    /// Returns the name of the kind, as reports print it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Kind::Channel => "channel",
            Kind::Oneshot => "oneshot",
            Kind::Watch => "watch",
            Kind::Broadcast => "broadcast",
            Kind::Notify => "notify",
            Kind::Semaphore => "semaphore",
            Kind::Mutex => "mutex",
            Kind::RwLock => "rwlock",
            Kind::Barrier => "barrier",
            Kind::OnceCell => "once cell",
            Kind::SetOnce => "set once",
            Kind::CancellationToken => "cancellation token",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Label of a primitive. A part of it, so it moves with it.
#[derive(Debug)]
pub(crate) struct Label {
    pub(crate) kind: Kind,
    /// Where the primitive was made.
    pub(crate) location: &'static Location<'static>,
    /// Number in the thread's record of waits; 0 before the first recorded wait.
    number: Cell<u32>,
}

impl Label {
    #[inline(always)]
    #[track_caller]
    pub(crate) const fn new(kind: Kind) -> Label {
        Label {
            kind,
            location: Location::caller(),
            number: Cell::new(0),
        }
    }

    /// Returns the number in the thread's record of waits.
    pub(crate) fn number(&self) -> u32 {
        if self.number.get() == 0 {
            let number = NUMBERS.get().checked_add(1).unwrap_or(1);
            NUMBERS.set(number);
            self.number.set(number);
        }
        self.number.get()
    }
}
