//! What a wait is for, in words: the kind of the primitive, where it was made, its number in the
//! thread's record of waits, and its resource in the console.

use std::cell::Cell;
use std::fmt;
use std::panic::Location;

use crate::console::{Primitive, Resource};

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

impl Kind {
    /// Whether tasks hold it.
    pub(super) fn is_lock(self) -> bool {
        matches!(self, Kind::Mutex | Kind::RwLock | Kind::Semaphore)
    }

    /// Returns the name of the type or module of the kind, for the console.
    fn type_name(self) -> &'static str {
        match self {
            Kind::Channel => "mpsc",
            Kind::Oneshot => "oneshot",
            Kind::Watch => "watch",
            Kind::Broadcast => "broadcast",
            Kind::Notify => "Notify",
            Kind::Semaphore => "Semaphore",
            Kind::Mutex => "Mutex",
            Kind::RwLock => "RwLock",
            Kind::Barrier => "Barrier",
            Kind::OnceCell => "OnceCell",
            Kind::SetOnce => "SetOnce",
            Kind::CancellationToken => "CancellationToken",
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
    /// Resource in the console.
    resource: Primitive,
}

impl Label {
    #[inline(always)]
    #[track_caller]
    pub(crate) const fn new(kind: Kind) -> Label {
        Label {
            kind,
            location: Location::caller(),
            number: Cell::new(0),
            resource: Primitive::new(),
        }
    }

    /// Returns the resource in the console, which is made by this if a subscriber wants it. Then it
    /// runs user code.
    #[inline(always)]
    pub(super) fn resource(&self) -> &Resource {
        self.resource.get(self.kind.type_name(), self.location)
    }

    /// Returns the resource in the console, if it has been made.
    #[inline(always)]
    pub(super) fn resource_if_made(&self) -> &Resource {
        self.resource.made()
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
