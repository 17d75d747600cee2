//! The module `trace` in builds without the feature: the signatures of `recorder.rs` and `tag.rs`,
//! with empty bodies.

#![allow(
    clippy::unused_self,
    reason = "the signatures are those of `recorder.rs`"
)]

use std::marker::PhantomData;
use std::panic::Location;
use std::time::{Duration, Instant};

/// Whether waits are recorded.
pub(crate) const RECORDS: bool = false;

#[derive(Clone, Debug, Default)]
pub(crate) struct Config {}

impl Config {
    #[inline(always)]
    pub(crate) fn with_environment(self) -> std::io::Result<Config> {
        Ok(self)
    }
}

pub(crate) enum End {
    Pending,
    Ready,
    Panicked,
    Cancelled,
}

pub(crate) enum Effect {
    Queued,
    Coalesced,
    AfterDone,
}

#[derive(Clone)]
pub(crate) struct Recorder;

impl Recorder {
    #[inline(always)]
    pub(crate) fn new(_: &Config) -> Recorder {
        Recorder
    }

    #[inline(always)]
    pub(crate) fn write_at_end(&self) {}

    #[inline(always)]
    pub(crate) fn drained(&self, _: u64) {}

    #[inline(always)]
    pub(crate) fn registered(&self, _: usize, _: i32) {}

    #[inline(always)]
    pub(crate) fn deregistered(&self, _: usize, _: i32) {}

    #[inline(always)]
    pub(crate) fn wait(&self, _: Option<Duration>) -> Wait<'_> {
        Wait(PhantomData)
    }

    #[inline(always)]
    pub(crate) fn dispatched(&self, _: usize, _: impl FnOnce() -> u8, _: usize) {}

    #[inline(always)]
    pub(crate) fn waking(&self) -> Waking<'_> {
        Waking(PhantomData)
    }

    #[inline(always)]
    pub(crate) fn timer_armed(&self, _: u64, _: impl FnOnce() -> Instant) {}

    #[inline(always)]
    pub(crate) fn timer_cancelled(&self, _: u64) {}

    #[inline(always)]
    pub(crate) fn timer_fires(&self, _: u64, _: u64) -> Firing<'_> {
        Firing(PhantomData)
    }

    #[inline(always)]
    pub(crate) fn waits(&self, _: &'static str, _: &'static Location<'static>) {}

    #[inline(always)]
    pub(crate) fn submitted(&self, _: impl FnOnce() -> usize) -> Job {
        Job
    }
}

#[must_use]
pub(crate) struct Wait<'a>(PhantomData<&'a ()>);

impl Wait<'_> {
    #[inline(always)]
    pub(crate) fn ended(self, _: usize, _: bool) {}
}

#[must_use]
pub(crate) struct Waking<'a>(PhantomData<&'a ()>);

impl Waking<'_> {
    #[inline(always)]
    pub(crate) fn next(&mut self) {}
}

#[must_use]
pub(crate) struct Firing<'a>(
    #[allow(dead_code, reason = "as in `recorder.rs`")] PhantomData<&'a ()>,
);

#[must_use]
pub(crate) struct Through;

#[inline(always)]
pub(crate) fn through(_: &'static str, _: &'static Location<'static>) -> Through {
    Through
}

pub(crate) struct Job;

impl Job {
    #[inline(always)]
    pub(crate) fn begin(self) -> Running {
        Running
    }
}

#[must_use]
pub(crate) struct Running;

impl Running {
    #[inline(always)]
    pub(crate) fn returned(&self, _: bool) {}
}

pub(crate) struct Tag;

impl Tag {
    #[inline(always)]
    pub(crate) fn new() -> Tag {
        Tag
    }

    #[inline(always)]
    pub(crate) fn spawned(
        &self,
        _: &Recorder,
        _: u64,
        _: usize,
        _: Option<&Tag>,
        _: &'static Location<'static>,
    ) {
    }

    #[inline(always)]
    pub(crate) fn named(&self, _: &str) {}

    #[inline(always)]
    pub(crate) fn located(&self, _: &'static Location<'static>) {}

    #[inline(always)]
    pub(crate) fn poll(&self) -> Poll {
        Poll
    }

    #[inline(always)]
    pub(crate) fn cancelling(&self) -> Cancelling {
        Cancelling
    }

    #[inline(always)]
    pub(crate) fn done(&self, _: impl FnOnce() -> End, _: impl FnOnce() -> Option<u64>) {}

    #[inline(always)]
    pub(crate) fn freed(&self) {}

    #[inline(always)]
    pub(crate) fn woken(&self, _: bool, _: impl FnOnce() -> Effect) {}

    #[inline(always)]
    pub(crate) fn sent(&self, _: bool, _: bool, _: bool) {}

    #[inline(always)]
    pub(crate) fn received(&self, _: impl FnOnce() -> Effect) {}

    #[inline(always)]
    pub(crate) fn cloned(&self, _: bool, _: impl FnOnce() -> Option<u64>) {}

    #[inline(always)]
    pub(crate) fn dropped(&self, _: bool, _: impl FnOnce() -> Option<u64>) {}
}

#[must_use]
pub(crate) struct Poll;

impl Poll {
    #[inline(always)]
    pub(crate) fn end(self, _: End) {}

    #[inline(always)]
    pub(crate) fn may_panic(self) -> MayPanic {
        MayPanic
    }
}

#[must_use]
pub(crate) struct MayPanic;

impl MayPanic {
    #[inline(always)]
    pub(crate) fn end(self, _: End) {}
}

#[must_use]
pub(crate) struct Cancelling;
