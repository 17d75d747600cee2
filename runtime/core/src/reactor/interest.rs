//! The directions in which a task waits for a descriptor.

use std::fmt;
use std::ops::BitOr;

/// The directions in which a descriptor should be ready: reading, writing, or both.
///
/// ```
/// use wakeful::reactor::Interest;
///
/// let both = Interest::READABLE | Interest::WRITABLE;
/// assert!(both.is_readable() && both.is_writable());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Interest(u8);

impl Interest {
    /// Interest in reading: data can be read, the peer has closed, or an error is pending.
    pub const READABLE: Interest = Interest(1);
    /// Interest in writing: data can be written, the peer has closed, or an error is pending.
    pub const WRITABLE: Interest = Interest(2);

    /// Whether the interest includes reading.
    pub const fn is_readable(self) -> bool {
        self.0 & 1 != 0
    }

    /// Whether the interest includes writing.
    pub const fn is_writable(self) -> bool {
        self.0 & 2 != 0
    }

    /// Returns the union of two interests, usable in a `const`.
    pub const fn or(self, other: Interest) -> Interest {
        Interest(self.0 | other.0)
    }

    pub(super) const fn bits(self) -> u8 {
        self.0
    }
}

impl BitOr for Interest {
    type Output = Interest;

    fn bitor(self, other: Interest) -> Interest {
        self.or(other)
    }
}

impl fmt::Debug for Interest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.is_readable(), self.is_writable()) {
            (true, true) => "READABLE | WRITABLE",
            (true, false) => "READABLE",
            _ => "WRITABLE",
        })
    }
}
