//! Numbers of threads and ids of runtimes, which are never reused.

use std::cell::Cell;
use std::fmt;
use std::num::NonZeroU64;
use std::sync::atomic::Ordering;

use crate::sys::AtomicU64;

/// Number of a thread, unique in the process. Unlike a `ThreadId` it is read without a reference
/// count, and unlike an address it is never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ThreadNumber(u64);

#[cfg(not(any(loom, shuttle)))]
thread_local! {
    // Zero: no number was assigned yet. It has no destructor, so it can be read while a thread
    // ends.
    static NUMBER: Cell<u64> = const { Cell::new(0) };
}

#[cfg(any(loom, shuttle))]
loom::thread_local! {
    static NUMBER: Cell<u64> = Cell::new(0);
}

impl ThreadNumber {
    /// Returns the number of the calling thread.
    #[inline(always)]
    pub(crate) fn current() -> ThreadNumber {
        let number = NUMBER.with(Cell::get);
        if number != 0 {
            ThreadNumber(number)
        } else {
            Self::assign()
        }
    }

    /// Whether this is the number of the calling thread. A thread without a number owns nothing.
    #[inline(always)]
    pub(crate) fn is_current(self) -> bool {
        NUMBER.with(Cell::get) == self.0
    }

    #[cold]
    fn assign() -> ThreadNumber {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        NUMBER.with(|cell| cell.set(number));
        ThreadNumber(number)
    }
}

/// Id of a runtime: unique in the process, never reused. See [`Handle::id`](crate::Handle::id).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Id(NonZeroU64);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Id and name of a runtime. Neither changes, so any thread may read them.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) id: Id,
    pub(crate) name: Option<Box<str>>,
}

impl Identity {
    /// Creates the identity of a new runtime.
    pub(crate) fn new(name: Option<Box<str>>) -> Identity {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let id = Id(NonZeroU64::new(number).expect("numbers begin at one"));
        Identity { id, name }
    }
}
