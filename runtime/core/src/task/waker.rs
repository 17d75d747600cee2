//! Waker of a task: a counted pointer to it, which is `Send + Sync`.
//!
//! On the owner thread a wake links the task into the run queue: it loads the thread's number,
//! compares it, tests the state bits, and links the task, without atomics, locks or syscalls. On
//! any other thread a wake sends a message, see `remote_requests.rs`.

use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::ptr::{self, NonNull};
use std::task::{RawWaker, RawWakerVTable, Waker};

use super::header::{Header, TaskPtr};
use super::release::{drop_here, drop_there};
use super::remote_requests;
use super::runnable::Runnable;
use super::schedule::{SchedEvent, Schedule, is_here};
use super::state::{DONE, JOIN, QUEUED, Queue, TIMED};
use crate::trace::Effect;
use crate::unwind::catch_panic;

/// Returns the waker functions of tasks on a scheduler of type `S`.
pub(crate) const fn vtable<S: Schedule>() -> RawWakerVTable {
    RawWakerVTable::new(clone::<S>, wake::<S>, wake_by_ref::<S>, drop::<S>)
}

/// Wakes a waker that may be foreign, and catches its panic.
///
/// A panic of a foreign waker never unwinds into the runtime. It is caught wherever the runtime
/// wakes, here or by [`catch_each`](crate::unwind::catch_each), and the other waiters are woken as
/// if it had not happened. When a future clones or drops a waker in its own poll, that is a part of
/// the poll: a panic there is passed to the poller. Wakers of this runtime do not panic; where
/// speed matters, [`wake_own`] is tried first.
pub(crate) fn wake_catching_panics(waker: Waker) {
    catch_panic(|| waker.wake());
}

/// Waker that borrows a reference of its creator instead of holding one.
pub(crate) struct Borrowed(ManuallyDrop<Waker>);

impl Deref for Borrowed {
    type Target = Waker;

    fn deref(&self) -> &Waker {
        &self.0
    }
}

/// Returns a waker for the time of a poll. The caller holds a reference for at least as long.
#[inline(always)]
pub(crate) fn borrowed<S: Schedule>(task: TaskPtr) -> Borrowed {
    let raw = RawWaker::new(task.as_ptr().cast_const().cast(), S::waker_vtable());
    // SAFETY: the vtable fulfils the contract of `RawWaker`: clone adds a reference, wake and drop
    // drop one, wake_by_ref none, all from any thread. `ManuallyDrop`: this waker drops none.
    Borrowed(ManuallyDrop::new(unsafe { Waker::from_raw(raw) }))
}

/// Returns a waker that owns a reference.
///
/// # Safety
/// The caller holds a reference to the task and gives it to the waker.
pub(crate) unsafe fn owned<S: Schedule>(task: TaskPtr) -> Waker {
    let raw = RawWaker::new(task.as_ptr().cast_const().cast(), S::waker_vtable());
    // SAFETY: as in `borrowed`; the caller gives the reference away.
    unsafe { Waker::from_raw(raw) }
}

/// Returns the task from the data of a waker that was created here.
#[inline(always)]
pub(crate) fn task(data: *const ()) -> TaskPtr {
    // SAFETY: every waker is created in this file, from the non-null pointer to a task.
    unsafe { NonNull::new_unchecked(data.cast::<Header>().cast_mut()) }
}

unsafe fn clone<S: Schedule>(data: *const ()) -> RawWaker {
    // SAFETY: the waker holds a reference, so the task is alive.
    let header = unsafe { task(data).as_ref() };
    let here = is_here::<S>(header);
    if here {
        header.refs.clone_here();
    } else {
        header.refs.clone_there();
    }
    header.trace.cloned(here, || count(header));
    header.console.cloned();
    RawWaker::new(data, S::waker_vtable())
}

/// Clones a waker of the [same scheduler](is_same_scheduler) as the task that it waits for.
#[inline(always)]
pub(crate) fn clone_to_join<S: Schedule>(waker: &Waker) -> Waker {
    let task = task(waker.data());
    // SAFETY: the waker was created here, and it holds a reference.
    let header = unsafe { task.as_ref() };
    header.refs.clone_here();
    header.trace.cloned(true, || count(header));
    header.console.cloned();
    // SAFETY: the reference was added for this.
    unsafe { owned::<S>(task) }
}

/// Whether the waker wakes a task of the same scheduler as `joined`.
#[inline(always)]
pub(crate) fn is_same_scheduler<S: Schedule>(waker: &Waker, joined: &Header) -> bool {
    // SAFETY: by its vtable the waker was created here for `S`, and it holds a reference.
    ptr::eq(waker.vtable(), S::waker_vtable())
        && unsafe { task(waker.data()).as_ref() }.scheduler == joined.scheduler
}

/// Clones a waker that may be foreign and waits for the task `joined`. On the owner thread.
pub(crate) fn clone_from_elsewhere<S: Schedule>(waker: &Waker, joined: &Header) -> Waker {
    if !is_same_scheduler::<S>(waker, joined) {
        // SAFETY: `S` is the type of the scheduler, by the caller's contract.
        unsafe { joined.scheduler::<S>() }.joined_elsewhere(joined);
    }
    waker.clone()
}

/// Wakes a waker of this type of scheduler, inlined. Returns any other waker.
#[inline(always)]
pub(crate) fn wake_own<S: Schedule>(waker: Waker) -> Result<(), Waker> {
    if !ptr::eq(waker.vtable(), S::waker_vtable()) {
        return Err(waker);
    }
    let waker = ManuallyDrop::new(waker);
    // SAFETY: by its vtable the waker was created here for `S`, and it is not used again.
    unsafe { wake::<S>(waker.data()) };
    Ok(())
}

#[inline(always)]
unsafe fn wake<S: Schedule>(data: *const ()) {
    let task = task(data);
    // SAFETY: the waker holds a reference, so the task is alive.
    let header = unsafe { task.as_ref() };
    header.console.woken(false);
    if is_here::<S>(header) {
        header.trace.woken(false, || effect(header));
        if header.state.is(QUEUED | DONE | TIMED) {
            // SAFETY: as below.
            return unsafe { wake_slow_and_drop::<S>(task) };
        }
        queue_here::<S>(task);
        // SAFETY: the reference was the waker's; this is the owner thread.
        unsafe { drop_here(task) };
    } else {
        // SAFETY: as for this function.
        unsafe { wake_there::<S>(task) };
    }
}

/// Wakes by value on a thread that is not the owner.
///
/// # Safety
/// The caller holds a reference and gives it up.
#[cold]
#[inline(never)]
unsafe fn wake_there<S: Schedule>(task: TaskPtr) {
    // SAFETY: the caller holds a reference, so the task is alive.
    let header = unsafe { task.as_ref() };
    if !header.refs.is_merged() && set_request(header, remote_requests::WAKE, false) {
        // SAFETY: the reference was the waker's, and is sent along.
        unsafe { (header.vtable.send)(task) };
    } else {
        coalesced_there::<S>(header, remote_requests::WAKE);
        // SAFETY: the reference was the waker's; this is not the owner thread.
        unsafe { drop_there(task) };
    }
}

unsafe fn wake_by_ref<S: Schedule>(data: *const ()) {
    let task = task(data);
    // SAFETY: the waker holds a reference, so the task is alive.
    let header = unsafe { task.as_ref() };
    header.console.woken(true);
    if is_here::<S>(header) {
        wake_here::<S>(task, true);
    } else {
        request::<S>(task, remote_requests::WAKE);
    }
}

unsafe fn drop<S: Schedule>(data: *const ()) {
    let task = task(data);
    // SAFETY: the waker holds a reference, so the task is alive.
    let header = unsafe { task.as_ref() };
    let here = is_here::<S>(header);
    header
        .trace
        .dropped(here, || Some(count(header)?.saturating_sub(1)));
    header.console.dropped();
    // SAFETY: the reference was the waker's.
    unsafe { drop_anywhere::<S>(task) };
}

/// Wakes a task on the owner thread.
#[inline(always)]
pub(crate) fn wake_here<S: Schedule>(task: TaskPtr, by_ref: bool) {
    // SAFETY: the caller holds a reference, so the task is alive.
    let header = unsafe { task.as_ref() };
    header.trace.woken(by_ref, || effect(header));
    queue_here::<S>(task);
}

/// Returns what a wake on the owner thread is about to do, for the trace.
pub(crate) fn effect(header: &Header) -> Effect {
    match &header.state {
        state if state.is(DONE) => Effect::AfterDone,
        state if state.is(QUEUED) => Effect::Coalesced,
        _ => Effect::Queued,
    }
}

/// Returns the number of wakers, on the owner thread. It includes `AbortHandle`s, which are wakers.
pub(crate) fn count(header: &Header) -> Option<u64> {
    let state = &header.state;
    // The scheduler's reference is dropped when the task is done and no longer queued.
    let kept = !state.is(DONE) || state.is(QUEUED);
    let others = u32::from(kept) + u32::from(state.is(JOIN));
    Some(u64::from(header.refs.count()?.saturating_sub(others)))
}

/// Queues a task, if it is neither queued nor done. On the owner thread.
#[inline(always)]
pub(crate) fn queue_here<S: Schedule>(task: TaskPtr) {
    // SAFETY: the caller holds a reference, so the task is alive.
    let header = unsafe { task.as_ref() };
    if header.state.is(QUEUED | DONE | TIMED) {
        return wake_slow::<S>(task);
    }
    header.state.set(QUEUED);
    // SAFETY: `S` is the type of the scheduler, see `is_here`; this is the owner thread, and
    // `QUEUED` has just been set.
    unsafe { header.scheduler::<S>().schedule(Runnable::new(task)) };
}

/// The slow path of a wake: it has no effect, or is reported to the scheduler.
#[inline(never)]
fn wake_slow<S: Schedule>(task: TaskPtr) {
    // SAFETY: the caller holds a reference, so the task is alive.
    let header = unsafe { task.as_ref() };
    // SAFETY: `S` is the type of the scheduler, see `is_here`.
    let scheduler = unsafe { header.scheduler::<S>() };
    if header.state.queue() == Queue::Push {
        scheduler.on_event(SchedEvent::Timed, header);
        // SAFETY: owner thread; `QUEUED` has just been set.
        scheduler.schedule(unsafe { Runnable::new(task) });
    } else if !header.state.is(DONE) {
        scheduler.on_event(SchedEvent::Coalesced, header);
    }
}

/// The slow path of a wake by value.
///
/// # Safety
/// As for [`drop_here`].
#[inline(never)]
unsafe fn wake_slow_and_drop<S: Schedule>(task: TaskPtr) {
    wake_slow::<S>(task);
    // SAFETY: as for this function.
    unsafe { drop_here(task) };
}

/// Sends a request from a thread that is not the owner.
pub(crate) fn request<S: Schedule>(task: TaskPtr, request: u8) {
    // SAFETY: the caller holds a reference, so the task is alive.
    let header = unsafe { task.as_ref() };
    // A merged task belongs to a runtime that has ended, so no request has an effect.
    if header.refs.is_merged() {
        return;
    }
    if set_request(header, request, true) {
        header.refs.clone_there();
        // SAFETY: the reference was added for this.
        unsafe { (header.vtable.send)(task) };
    } else {
        coalesced_there::<S>(header, request);
    }
}

/// Counts a wake that is merged with an earlier request.
fn coalesced_there<S: Schedule>(header: &Header, request: u8) {
    if request == remote_requests::WAKE && !header.remote_requests.is_finished() {
        // SAFETY: `S` is the type of the scheduler, see `is_here`.
        unsafe { header.scheduler::<S>() }.coalesced_there();
    }
}

/// Adds a request. `true`: it is the first one, and the task has to be sent.
fn set_request(header: &Header, request: u8, by_ref: bool) -> bool {
    let first = header.remote_requests.set(request);
    header
        .trace
        .sent(request == remote_requests::WAKE, by_ref, first);
    first
}

/// Drops a reference on any thread.
///
/// # Safety
/// The caller holds the reference, and `S` is the type of the scheduler.
pub(crate) unsafe fn drop_anywhere<S: Schedule>(task: TaskPtr) {
    // SAFETY: the caller holds a reference, so the task is alive, and gives it up.
    unsafe {
        if is_here::<S>(task.as_ref()) {
            drop_here(task)
        } else {
            drop_there(task)
        }
    }
}
