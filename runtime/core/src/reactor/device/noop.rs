//! Device for builds without the feature `faults`: passes everything on to the backend.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use super::backend::Driver;
use super::interest::Interest;
use super::notifier::Notifier;
use crate::faults::Injector;
use crate::sim;
use crate::sys::Event;

/// The backend of a reactor, without faults.
pub(super) struct Device {
    driver: Driver,
    pub(super) faults: Injector,
}

impl Device {
    #[inline(always)]
    pub(super) fn new(driver: Driver, faults: Injector) -> Device {
        Device { driver, faults }
    }

    #[inline(always)]
    pub(super) fn notifier(&self) -> Notifier {
        self.driver.notifier()
    }

    #[inline(always)]
    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.driver.as_fd()
    }

    /// Returns the backend, if it is that of a simulated host.
    #[allow(dead_code, reason = "for the feature `sim`")]
    pub(super) fn simulated(&self) -> Option<&sim::Backend> {
        self.driver.simulated()
    }

    #[inline(always)]
    pub(super) fn add(&self, fd: BorrowedFd<'_>, key: usize, what: Interest) -> io::Result<()> {
        self.driver.add(fd, key, what)
    }

    #[inline(always)]
    pub(super) fn remove(&self, fd: Option<BorrowedFd<'_>>, _: usize) -> io::Result<()> {
        fd.map_or(Ok(()), |fd| self.driver.remove(fd))
    }

    #[inline(always)]
    pub(super) fn wait(&self, timeout: Option<Duration>, out: &mut Vec<Event>) -> io::Result<()> {
        self.driver.wait(timeout, out)
    }

    #[inline(always)]
    pub(super) fn reports_hangup(&self) -> bool {
        self.driver.reports_hangup()
    }

    #[inline(always)]
    pub(super) fn call<R>(
        &self,
        _: usize,
        _: Interest,
        op: &mut impl FnMut() -> io::Result<R>,
    ) -> io::Result<R> {
        op()
    }
}
