//! The module `console` in builds without the feature: the signatures of `task.rs` and
//! `resource.rs`, with empty bodies.

#![allow(clippy::unused_self, reason = "the signatures are those of `task.rs`")]

use std::marker::PhantomData;
use std::panic::Location;
use std::time::Duration;

/// Whether a subscriber, which is user code, learns of what is done to a waker.
pub(crate) const TELLS: bool = false;

#[derive(Clone, Copy)]
pub(crate) struct About<'a>(PhantomData<&'a ()>);

impl<'a> About<'a> {
    #[inline(always)]
    pub(crate) fn task() -> About<'a> {
        About(PhantomData)
    }

    #[inline(always)]
    pub(crate) fn named(_: &'a str) -> About<'a> {
        About(PhantomData)
    }

    #[inline(always)]
    pub(crate) fn hidden() -> About<'a> {
        About(PhantomData)
    }
}

pub(crate) struct Task;

impl Task {
    #[inline(always)]
    pub(crate) fn new() -> Task {
        Task
    }

    #[inline(always)]
    pub(crate) fn spawned(_: About<'_>, _: u64, _: usize, _: &'static Location<'static>) -> Task {
        Task
    }

    #[inline(always)]
    pub(crate) fn main_begins(
        &self,
        _: impl FnOnce() -> u64,
        _: usize,
        _: &'static Location<'static>,
    ) -> Main<'_> {
        Main(PhantomData)
    }

    #[inline(always)]
    pub(crate) fn enter(&self) -> Entered {
        Entered
    }

    #[inline(always)]
    pub(crate) fn exit(&self, _: Entered) {}

    #[inline(always)]
    pub(crate) fn closed(&self) {}

    #[inline(always)]
    pub(crate) fn cloned(&self) {}

    #[inline(always)]
    pub(crate) fn dropped(&self) {}

    #[inline(always)]
    pub(crate) fn woken(&self, _: bool) {}
}

#[must_use]
pub(crate) struct Entered;

#[must_use]
pub(crate) struct Main<'a>(#[allow(dead_code, reason = "as in `task.rs`")] PhantomData<&'a ()>);

pub(crate) struct Closure;

impl Closure {
    #[inline(always)]
    pub(crate) fn hidden() -> Closure {
        Closure
    }

    #[inline(always)]
    pub(crate) fn new(_: u64, _: usize, _: &'static Location<'static>) -> Closure {
        Closure
    }

    #[inline(always)]
    pub(crate) fn enter(self) -> Work {
        Work
    }
}

#[must_use]
pub(crate) struct Work;

#[derive(Clone, Copy)]
pub(crate) enum Timer {
    Sleep,
    Timeout,
    Interval,
}

#[derive(Clone, Copy)]
pub(crate) enum What {
    Elapsed,
    Readable,
    Writable,
    Either,
    Served,
}

#[derive(Debug)]
pub(crate) struct Resource;

impl Resource {
    #[inline(always)]
    pub(crate) fn timer(
        _: Timer,
        _: &'static Location<'static>,
        _: impl FnOnce() -> Duration,
    ) -> Resource {
        Resource
    }

    #[inline(always)]
    pub(crate) fn descriptor(_: &'static str, _: &'static Location<'static>, _: i32) -> Resource {
        Resource
    }

    #[inline(always)]
    pub(crate) fn moved(&self, _: impl FnOnce() -> Duration) {}

    #[inline(always)]
    pub(crate) fn readiness(&self, _: impl FnOnce() -> (bool, bool)) {}
}

#[derive(Debug)]
pub(crate) struct Primitive(Resource);

impl Primitive {
    #[inline(always)]
    pub(crate) const fn new() -> Primitive {
        Primitive(Resource)
    }

    #[inline(always)]
    pub(crate) fn get(&self, _: &'static str, _: &'static Location<'static>) -> &Resource {
        &self.0
    }

    #[inline(always)]
    pub(crate) fn made(&self) -> &Resource {
        &self.0
    }
}

pub(crate) struct Op;

impl Op {
    #[inline(always)]
    pub(crate) const fn new() -> Op {
        Op
    }

    #[inline(always)]
    pub(crate) fn waits<R>(&self, _: &Resource, _: What, wait: impl FnOnce() -> R) -> R {
        wait()
    }

    #[inline(always)]
    pub(crate) fn ready(&self, _: &Resource, _: What) {}

    #[inline(always)]
    pub(crate) fn end(&self) {}
}

const _: () = {
    assert!(size_of::<About<'_>>() + size_of::<Task>() + size_of::<Entered>() == 0);
    assert!(size_of::<Main<'_>>() + size_of::<Closure>() + size_of::<Work>() == 0);
    assert!(size_of::<Resource>() + size_of::<Primitive>() + size_of::<Op>() == 0);
};
