//! Exercise 24: `select` forgets a descriptor.
//!
//! What it should do: `Watcher::ready` returns the positions of all descriptors that are readable
//! now, at each call. A descriptor stays readable until its counter is read.
//!
//! Repair `Watcher`; `main` is right. It needs a change of a few lines.
//!
//! The question, to answer before you run it: what does this program print, before your repair?
//!
//! - a: `[1]`, then `[0, 1]`
//! - b: `[1]`, then `[0]`
//! - c: `[1]`, then `[1]`
//! - d: `[1]`, then `[]`
//!
//! Run it: `cargo run --example exercise_24`. Check it: `cargo run --example lab -- check 24`.

use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use rustix::event::{EventfdFlags, FdSetElement, FdSetIter, Timespec, eventfd};
use rustix::event::{fd_set_insert, select};

pub const ANSWER: char = '?';

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
        let mut set = vec![FdSetElement::default(); 16];
        for descriptor in &descriptors {
            fd_set_insert(&mut set, descriptor.as_raw_fd());
        }
        Watcher { descriptors, set }
    }

    pub fn ready(&mut self) -> Vec<usize> {
        let numbers = || self.descriptors.iter().map(AsRawFd::as_raw_fd);
        let end = numbers().max().unwrap_or(0) + 1;
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
