//! The module `faults` in builds without the feature: the signatures of `inject.rs` that are called
//! outside of `reactor/device/faulty.rs`. No fault happens.

#![allow(
    clippy::unused_self,
    reason = "the signatures are those of `inject.rs`"
)]

use std::io;

#[derive(Clone, Debug, Default)]
pub(crate) struct Config {}

#[derive(Clone, Debug)]
pub(crate) struct Injector;

impl Injector {
    #[inline(always)]
    pub(crate) fn new(_: &Config) -> Injector {
        Injector
    }

    #[inline(always)]
    pub(crate) fn granted(&self, len: usize) -> usize {
        len
    }

    #[inline(always)]
    pub(crate) fn accepting<T>(&self, accept: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        accept()
    }

    #[inline(always)]
    pub(crate) fn clock(&self, now: u64) -> u64 {
        now
    }
}
