//! What a task waits for at a descriptor.

use std::fmt;
use std::ops::{BitOr, BitOrAssign};

use super::ready::Ready;

/// The events that a task waits for at a descriptor: one of the constants, or several of them.
///
/// ```
/// use wakeful::reactor::Interest;
///
/// let both = Interest::READABLE | Interest::WRITABLE;
/// assert!(both.is_readable() && both.is_writable());
/// assert_eq!(both.remove(Interest::WRITABLE), Some(Interest::READABLE));
/// assert_eq!(both.remove(both), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Interest(u8);

impl Interest {
    /// Interest in reading: data can be read, the peer has closed, or an error is pending.
    pub const READABLE: Interest = Interest(1);
    /// Interest in writing: data can be written, the peer has closed, or an error is pending.
    pub const WRITABLE: Interest = Interest(2);
    /// Interest in priority events, such as urgent data of TCP, and in the end of the stream.
    ///
    /// ```
    /// use wakeful::reactor::Interest;
    ///
    /// let either = Interest::READABLE | Interest::PRIORITY;
    /// assert!(either.is_priority() && !either.is_writable());
    /// ```
    pub const PRIORITY: Interest = Interest(4);
    /// Interest in errors. The system reports them to every registration.
    ///
    /// ```
    /// use wakeful::reactor::Interest;
    ///
    /// assert!(Interest::ERROR.is_error() && !Interest::ERROR.is_readable());
    /// ```
    pub const ERROR: Interest = Interest(8);

    pub(super) const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);

    /// Whether the interest includes reading.
    pub const fn is_readable(self) -> bool {
        self.0 & Interest::READABLE.0 != 0
    }

    /// Whether the interest includes writing.
    pub const fn is_writable(self) -> bool {
        self.0 & Interest::WRITABLE.0 != 0
    }

    /// Whether the interest includes priority events.
    pub const fn is_priority(self) -> bool {
        self.0 & Interest::PRIORITY.0 != 0
    }

    /// Whether the interest includes errors.
    pub const fn is_error(self) -> bool {
        self.0 & Interest::ERROR.0 != 0
    }

    /// Returns the union of two interests, usable in a `const`.
    ///
    /// ```
    /// use wakeful::reactor::Interest;
    ///
    /// const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);
    /// assert_eq!(BOTH, Interest::READABLE | Interest::WRITABLE);
    /// ```
    #[must_use = "this returns the union and does not change the interest"]
    pub const fn add(self, other: Interest) -> Interest {
        Interest(self.0 | other.0)
    }

    /// Returns the interest without the events of `other`; `None` if nothing is left.
    #[must_use = "this returns what is left and does not change the interest"]
    pub const fn remove(self, other: Interest) -> Option<Interest> {
        match self.0 & !other.0 {
            0 => None,
            left => Some(Interest(left)),
        }
    }

    /// Returns the states of readiness that end a wait, as the bits of a [`Ready`].
    #[inline(always)]
    pub(super) const fn mask(self) -> u8 {
        let mut mask = 0;
        if self.is_readable() {
            mask |= Ready::READABLE.bits() | Ready::READ_CLOSED.bits();
        }
        if self.is_writable() {
            mask |= Ready::WRITABLE.bits() | Ready::WRITE_CLOSED.bits();
        }
        if self.is_priority() {
            mask |= Ready::PRIORITY.bits() | Ready::READ_CLOSED.bits();
        }
        if self.is_error() {
            mask |= Ready::ERROR.bits();
        }
        mask
    }
}

impl BitOr for Interest {
    type Output = Interest;

    fn bitor(self, other: Interest) -> Interest {
        self.add(other)
    }
}

impl BitOrAssign for Interest {
    fn bitor_assign(&mut self, other: Interest) {
        *self = self.add(other);
    }
}

impl fmt::Debug for Interest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = "";
        for (interest, name) in [
            (Interest::READABLE, "READABLE"),
            (Interest::WRITABLE, "WRITABLE"),
            (Interest::PRIORITY, "PRIORITY"),
            (Interest::ERROR, "ERROR"),
        ] {
            if self.0 & interest.0 != 0 {
                write!(f, "{before}{name}")?;
                before = " | ";
            }
        }
        Ok(())
    }
}
