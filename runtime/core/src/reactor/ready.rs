//! What is known of the readiness of a descriptor.

use std::fmt;
use std::ops::{BitAnd, BitOr, BitOrAssign, Sub};

/// A set of states of readiness, as events reported them.
///
/// After an error or a hang-up the set also contains `READABLE` and `WRITABLE`, as the next
/// operation returns at once.
///
/// ```
/// use wakeful::reactor::Ready;
///
/// let ready = Ready::READABLE | Ready::READ_CLOSED;
/// assert!(ready.is_readable() && ready.is_read_closed() && !ready.is_writable());
/// assert_eq!(ready - Ready::READABLE, Ready::READ_CLOSED);
/// assert!((ready & Ready::WRITABLE).is_empty());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ready(u8);

impl Ready {
    /// The empty set.
    pub const EMPTY: Ready = Ready(0);
    /// A read is likely to succeed.
    pub const READABLE: Ready = Ready(1);
    /// A write is likely to succeed.
    pub const WRITABLE: Ready = Ready(2);
    /// The peer will send nothing more. The backend that is built on `polling` reports this only
    /// when both directions are closed.
    pub const READ_CLOSED: Ready = Ready(4);
    /// Nothing more can be sent.
    pub const WRITE_CLOSED: Ready = Ready(8);
    /// There is a priority event, such as urgent data of TCP.
    pub const PRIORITY: Ready = Ready(16);
    /// An error is pending.
    pub const ERROR: Ready = Ready(32);
    /// The full set.
    pub const ALL: Ready = Ready(63);

    /// Whether the set is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether a read is likely to return at once: with data, the end of the stream, or an error.
    pub const fn is_readable(self) -> bool {
        self.0 & (Ready::READABLE.0 | Ready::READ_CLOSED.0) != 0
    }

    /// Whether a write is likely to return at once: with data, or an error.
    pub const fn is_writable(self) -> bool {
        self.0 & (Ready::WRITABLE.0 | Ready::WRITE_CLOSED.0) != 0
    }

    /// Whether the peer will send nothing more.
    pub const fn is_read_closed(self) -> bool {
        self.0 & Ready::READ_CLOSED.0 != 0
    }

    /// Whether nothing more can be sent.
    pub const fn is_write_closed(self) -> bool {
        self.0 & Ready::WRITE_CLOSED.0 != 0
    }

    /// Whether there is a priority event.
    pub const fn is_priority(self) -> bool {
        self.0 & Ready::PRIORITY.0 != 0
    }

    /// Whether an error is pending.
    pub const fn is_error(self) -> bool {
        self.0 & Ready::ERROR.0 != 0
    }

    pub(super) const fn bits(self) -> u8 {
        self.0
    }

    /// Returns the states with these bits.
    pub(super) const fn of(bits: u8) -> Ready {
        Ready(bits & Ready::ALL.0)
    }
}

impl BitOr for Ready {
    type Output = Ready;

    fn bitor(self, other: Ready) -> Ready {
        Ready(self.0 | other.0)
    }
}

impl BitOrAssign for Ready {
    fn bitor_assign(&mut self, other: Ready) {
        self.0 |= other.0;
    }
}

impl BitAnd for Ready {
    type Output = Ready;

    fn bitand(self, other: Ready) -> Ready {
        Ready(self.0 & other.0)
    }
}

impl Sub for Ready {
    type Output = Ready;

    fn sub(self, other: Ready) -> Ready {
        Ready(self.0 & !other.0)
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("EMPTY");
        }
        let mut before = "";
        for (state, name) in [
            (Ready::READABLE, "READABLE"),
            (Ready::WRITABLE, "WRITABLE"),
            (Ready::READ_CLOSED, "READ_CLOSED"),
            (Ready::WRITE_CLOSED, "WRITE_CLOSED"),
            (Ready::PRIORITY, "PRIORITY"),
            (Ready::ERROR, "ERROR"),
        ] {
            if self.0 & state.0 != 0 {
                write!(f, "{before}{name}")?;
                before = " | ";
            }
        }
        Ok(())
    }
}
