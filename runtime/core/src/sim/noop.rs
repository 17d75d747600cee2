//! The module `sim` in builds without the feature: types without values, so that the compiler
//! removes what is done with them.

use std::convert::Infallible;
use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use crate::sys::{Event, Wanted};

#[derive(Clone, Copy, Debug)]
pub(crate) struct Mode(Infallible);

impl Mode {
    pub(crate) fn notify(self) {
        match self.0 {}
    }
}

pub(crate) struct Backend(Infallible);

impl Backend {
    pub(crate) fn new(mode: Mode) -> Backend {
        match mode.0 {}
    }

    pub(crate) fn notifier(&self) -> Mode {
        match self.0 {}
    }

    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        match self.0 {}
    }

    pub(crate) fn add(&self, _: BorrowedFd<'_>, _: usize, _: Wanted) -> io::Result<()> {
        match self.0 {}
    }

    pub(crate) fn remove(&self, _: BorrowedFd<'_>) -> io::Result<()> {
        match self.0 {}
    }

    pub(crate) fn wait(&self, _: Option<Duration>, _: &mut Vec<Event>) -> io::Result<()> {
        match self.0 {}
    }
}
