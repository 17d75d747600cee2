//! Empty twin of the raw backend of the reactor: making it fails.

use std::convert::Infallible;
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use crate::sys::{Event, Wanted};

#[derive(Clone)]
pub(crate) struct RawNotifier(Infallible);

impl RawNotifier {
    pub(crate) fn notify(&self) {
        match self.0 {}
    }
}

pub(crate) struct Raw(Infallible);

impl Raw {
    pub(crate) fn new(_: NonZeroUsize) -> io::Result<Raw> {
        Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "the raw backend needs Linux; use Backend::Auto",
        ))
    }

    pub(crate) fn notifier(&self) -> RawNotifier {
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
