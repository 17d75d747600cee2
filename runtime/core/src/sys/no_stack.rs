//! The stack of a blocked thread: not recorded without the feature `backtrace`, or on systems other
//! than Linux.

use super::Thread;

pub(crate) enum Stack {}

impl Stack {
    pub(crate) fn describe(&self) -> String {
        match *self {}
    }
}

pub(crate) fn prepare() {}

pub(crate) fn capture(_thread: Thread) -> Option<Stack> {
    None
}
