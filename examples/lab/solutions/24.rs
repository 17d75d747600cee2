//! The solution of exercise 24.
//!
//! `select` gets the set of descriptors to check, and overwrites it with the set of those that are
//! ready. The second call got only what the first had left. So the set must be built before each
//! call, from all descriptors: that is a part of its cost. `poll` has a separate field for results,
//! and `epoll` keeps its list in the kernel.

use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use rustix::event::{EventfdFlags, FdSetElement, FdSetIter, Timespec, eventfd};
use rustix::event::{fd_set_insert, select};

pub const ANSWER: char = 'c';

const NO_WAIT: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};

/// Finds the readable ones of its descriptors.
pub struct Watcher {
    descriptors: Vec<OwnedFd>,
    set: Vec<FdSetElement>,
}

impl Watcher {
    pub fn new(descriptors: Vec<OwnedFd>) -> Watcher {
        let set = vec![FdSetElement::default(); 16];
        Watcher { descriptors, set }
    }

    pub fn ready(&mut self) -> Vec<usize> {
        let numbers = || self.descriptors.iter().map(AsRawFd::as_raw_fd);
        let end = numbers().max().unwrap_or(0) + 1;
        self.set.fill(FdSetElement::default());
        for number in numbers() {
            fd_set_insert(&mut self.set, number);
        }
        // SAFETY: all descriptors in the set are open.
        unsafe { select(end, Some(&mut self.set), None, None, Some(&NO_WAIT)) }.unwrap();
        let ready: Vec<RawFd> = FdSetIter::new(&self.set).collect();
        let positions = numbers().enumerate();
        let found = positions.filter(|(_, number)| ready.contains(number));
        found.map(|(position, _)| position).collect()
    }

    /// Makes a descriptor readable.
    pub fn raise(&self, position: usize) {
        rustix::io::write(&self.descriptors[position], &1_u64.to_ne_bytes()).unwrap();
    }
}

pub fn counters(count: usize) -> Vec<OwnedFd> {
    let counters = (0..count).map(|_| eventfd(0, EventfdFlags::CLOEXEC));
    counters.collect::<Result<_, _>>().unwrap()
}

pub fn main() {
    let mut watcher = Watcher::new(counters(2));
    watcher.raise(1);
    println!("{:?}", watcher.ready());
    watcher.raise(0);
    println!("{:?}", watcher.ready());
}
