//! What the loop does with a task: run it, cancel it, end it, give it up. Owner thread only.

use std::ptr::NonNull;
use std::task::Waker;

use super::header::{Header, TaskPtr};
use super::release::drop_here;
use super::remote_requests;
use super::runnable::Runnable;
use super::schedule::{SchedEvent, Schedule};
use super::state::{ABORT, DONE, JOIN, QUEUED, Queue, WATCHED};
use super::{Stage, waker};
use crate::trace::End;

/// Runs a task: one poll, or its cancellation, or, if it is done already, nothing but giving up the
/// scheduler's reference.
///
/// # Safety
/// - The task's scheduler is of type `S`.
/// - No task of that scheduler is being polled.
#[inline]
pub(crate) unsafe fn run<S: Schedule>(task: Runnable) {
    let task = task.into_task();
    let header = header(task);
    if !header.state.start() {
        // SAFETY: owner thread, as it was a `Runnable`; no longer queued, and not to be polled.
        return unsafe { end::<S>(task) };
    }
    let poll = header.trace.poll();
    let entered = header.console.enter();
    // SAFETY: owner thread, not done, and not inside another call: the loop never runs a task from
    // inside a poll, and a task that is being dropped is to be aborted, which `start` has seen.
    let over = unsafe { (header.vtable.poll)(task) };
    header.console.exit(entered);
    let result = poll_outcome(header);
    if over {
        // SAFETY: the poll says that the future is gone.
        unsafe { finish::<S>(task) };
    }
    // May call the trace's hook, which is user code: the scheduler still names this task as the one
    // that runs, so its reference is given up after that.
    poll.end(result);
    if over {
        // SAFETY: `finish` was called for it just now.
        unsafe { give_up(task) };
    }
}

/// A task that was taken out of the queue, not to be polled but to be given up or cancelled.
///
/// # Safety
/// On the owner thread; the task is not queued, and done or to be aborted.
#[cold]
unsafe fn end<S: Schedule>(task: TaskPtr) {
    if header(task).state.is(DONE) {
        // SAFETY: done and no longer queued, so the scheduler's reference is given up here.
        unsafe { drop_here(task) };
    } else if is_whole(task) {
        // SAFETY: owner thread; the future is there, and not running.
        unsafe { cancel::<S>(task) };
    }
    // Else its future is being dropped further up the stack, by a `cancel` that gives the reference
    // up as the task is no longer queued.
}

/// Is the future still there? Not from the moment on at which it is done, or begins to be dropped.
///
/// The caller holds a reference, on the owner thread.
pub(crate) fn is_whole(task: TaskPtr) -> bool {
    header(task).stage.get() == Stage::Future
}

/// Drops the future of a task now.
///
/// # Safety
/// - On the owner thread, and the task [is whole](is_whole) and not running.
pub(crate) unsafe fn cancel<S: Schedule>(task: TaskPtr) {
    let header = header(task);
    // While the future is dropped, wakes queue the task and aborts do nothing new.
    header.state.set(ABORT);
    let drop = header.trace.cancelling();
    // SAFETY: owner thread; not done, so the stage is `Future`; not running until just now.
    unsafe { (header.vtable.cancel)(task) };
    // SAFETY: the future is gone.
    unsafe { finish::<S>(task) };
    // The record ends before the reference is given up, as that of a poll does.
    std::mem::drop(drop);
    // SAFETY: `finish` was called for it just now.
    unsafe { give_up(task) };
}

/// The future is gone: records the end, wakes the joining task, drops an output that no handle can
/// take. The scheduler's reference stays, for [`give_up`].
///
/// # Safety
/// On the owner thread, not done yet, and the stage is past `Future`.
#[inline(never)]
unsafe fn finish<S: Schedule>(task: TaskPtr) {
    let header = header(task);
    let trace = &header.trace;
    trace.done(|| poll_outcome(header), || waker::count(header));
    header.state.set(DONE);
    let bits = header.state.bits();
    if bits & WATCHED != 0 {
        header.remote_requests.finish();
    }
    if bits & JOIN == 0 {
        // SAFETY: owner thread, past `Future`.
        unsafe { (header.vtable.discard)(task) };
    } else if let Some(waker) = header.join_waker.take() {
        // One of ours does not panic.
        if let Err(waker) = waker::wake_ours::<S>(waker) {
            wake_another(waker);
        }
    }
    // The subscriber is user code, so it comes when the end is complete.
    header.console.closed();
}

/// The last step of the end of a task. From here on nothing may reach it through the scheduler.
///
/// # Safety
/// On the owner thread, right after `finish`.
#[inline(always)]
unsafe fn give_up(task: TaskPtr) {
    // A task woken during its last poll is still linked; then the loop gives the reference up
    // when it comes to it. Nothing queues a task that is done.
    if !header(task).state.is(QUEUED) {
        // SAFETY: the scheduler's reference, given up once: done and not queued.
        unsafe { drop_here(task) };
    }
}

/// Out of line, as most wakers are ours.
#[cold]
#[inline(never)]
fn wake_another(waker: Waker) {
    waker::wake_catching_panics(waker);
}

/// An abort on the owner thread.
pub(crate) fn abort_here<S: Schedule>(task: TaskPtr) {
    let header = header(task);
    if header.state.abort() == Queue::Push {
        // SAFETY: `S` is the type of the scheduler, as the caller says.
        let scheduler = unsafe { header.scheduler::<S>() };
        scheduler.on_event(SchedEvent::Abort, header);
        // SAFETY: owner thread; `QUEUED` has just been set.
        scheduler.schedule(unsafe { Runnable::new(task) });
    }
}

/// Takes in a task that another thread sent, with the reference that came along.
///
/// # Safety
/// - On the owner thread, with the task's scheduler being of type `S`.
/// - The caller holds a reference and gives it up.
pub(crate) unsafe fn receive<S: Schedule>(task: TaskPtr) {
    let requests = header(task).remote_requests.take();
    if requests & remote_requests::ABORT != 0 {
        abort_here::<S>(task);
    } else if requests & remote_requests::WAKE != 0 {
        // SAFETY: `S` is the type of the scheduler, as the caller says.
        unsafe { header(task).scheduler::<S>() }.on_event(SchedEvent::Remote, header(task));
        header(task).trace.received(|| waker::effect(header(task)));
        waker::queue_here::<S>(task);
    }
    // SAFETY: the reference came with the message.
    unsafe { drop_here(task) };
}

/// Gives the task over to whoever still holds references: the runtime is about to end.
///
/// # Safety
/// - On the owner thread, with the scheduler of type `S` alive.
/// - The task is done or being cancelled, not queued, not merged, and still referenced.
pub(crate) unsafe fn merge<S: Schedule>(task: TaskPtr) {
    let header = header(task);
    // SAFETY: the scheduler is alive. The matching `release` is in `free`.
    unsafe { S::retain(header.scheduler.cast::<S>()) };
    // Other threads stop sending once they see this.
    header.remote_requests.finish();
    header.refs.merge();
}

/// What became of a poll, or of the task.
#[inline(always)]
fn poll_outcome(header: &Header) -> End {
    match header.stage.get() {
        Stage::Panicked => End::Panicked,
        Stage::Cancelled => End::Cancelled,
        Stage::Output | Stage::Taken => End::Ready,
        Stage::Future => End::Pending,
    }
}

/// A view of the header. The lifetime is the caller's to keep within that of the task.
fn header<'a>(task: TaskPtr) -> &'a Header {
    // SAFETY: every caller in this file was promised a reference that lives through the call.
    unsafe { NonNull::as_ref(&task) }
}
