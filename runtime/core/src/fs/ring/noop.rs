//! Empty twin of the ring, for builds without io_uring: making it fails.

use std::convert::Infallible;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::fs::request::{Ended, Request};

pub(super) struct Ring(Infallible);

impl Ring {
    pub(super) fn new() -> io::Result<Ring> {
        Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "a completion ring needs Linux on x86_64, aarch64, riscv64, loongarch64 or powerpc64, and \
             the feature `io-uring` of the crate `wakeful`; or use fs::Backend::Auto",
        ))
    }

    pub(super) fn listen(&self, _: &Waker) {
        match self.0 {}
    }

    pub(super) fn start(self: &Rc<Self>, _: Request, _: bool) -> Ticket {
        match self.0 {}
    }

    pub(super) fn is_retired(&self) -> bool {
        match self.0 {}
    }

    pub(super) fn is_idle(&self) -> bool {
        match self.0 {}
    }

    pub(super) fn flush(&self) -> bool {
        match self.0 {}
    }

    pub(super) fn reap(&self) -> bool {
        match self.0 {}
    }

    pub(super) fn shut_down(&self, _: Duration) -> usize {
        match self.0 {}
    }
}

pub(super) struct Ticket(Infallible);

impl Ticket {
    pub(super) fn poll(&mut self, _: &mut Context<'_>) -> Poll<Ended> {
        match self.0 {}
    }
}
