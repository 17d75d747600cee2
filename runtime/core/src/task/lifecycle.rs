//! What the loop does with a task: it runs, cancels, ends and merges it. Owner thread only.

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

/// Runs a task: polls it once, or cancels it, or, if it is done already, only drops the scheduler's
/// reference.
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
    // inside a poll, and a task that is being dropped has `ABORT` set, which `start` has checked.
    let over = unsafe { (header.vtable.poll)(task) };
    header.console.exit(entered);
    let result = poll_outcome(header);
    if over {
        // SAFETY: by the result of the poll, the future is gone.
        unsafe { finish::<S>(task) };
    }
    // This may call the trace's hook, which is user code. The scheduler still points to this task
    // as the running one, so its reference is dropped after that.
    poll.end(result);
    if over {
        // SAFETY: `finish` was called for it just now.
        unsafe { drop_scheduler_ref(task) };
    }
}

/// Ends a task that was taken out of the queue and is not polled: it is cancelled, or done already.
///
/// # Safety
/// On the owner thread; the task is not queued, and done or to be aborted.
#[cold]
unsafe fn end<S: Schedule>(task: TaskPtr) {
    if header(task).state.is(DONE) {
        // SAFETY: done and no longer queued, so the scheduler's reference is dropped here.
        unsafe { drop_here(task) };
    } else if is_whole(task) {
        // SAFETY: owner thread; the future is alive, and not running.
        unsafe { cancel::<S>(task) };
    }
    // Otherwise its future is being dropped further up the stack, by a `cancel` that drops the
    // reference as the task is no longer queued.
}

/// Whether the future is alive, and its drop has not begun.
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
    // The record ends before the reference is dropped, as that of a poll does.
    std::mem::drop(drop);
    // SAFETY: `finish` was called for it just now.
    unsafe { drop_scheduler_ref(task) };
}

/// Completes the end of a task whose future is gone: records it, and wakes the joining task or
/// drops the output that no handle can take. The scheduler's reference is left to
/// [`drop_scheduler_ref`].
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
        // A waker of this runtime does not panic.
        if let Err(waker) = waker::wake_own::<S>(waker) {
            wake_foreign(waker);
        }
    }
    // The subscriber is user code, so it is called when the end is complete.
    header.console.closed();
}

/// Drops the scheduler's reference, as the last step of the end of a task. From here on the
/// scheduler must not access it.
///
/// # Safety
/// On the owner thread, right after `finish`.
#[inline(always)]
unsafe fn drop_scheduler_ref(task: TaskPtr) {
    // A task that was woken during its last poll is still linked; then the loop drops the reference
    // when it takes the task out. Nothing queues a task that is done.
    if !header(task).state.is(QUEUED) {
        // SAFETY: the scheduler's reference is dropped once: the task is done and not queued.
        unsafe { drop_here(task) };
    }
}

/// Wakes a foreign waker. Its panic must neither be attributed to this task nor unwind into the
/// loop. Not inlined, as most wakers belong to this runtime.
#[cold]
#[inline(never)]
fn wake_foreign(waker: Waker) {
    waker::wake_catching_panics(waker);
}

/// Aborts a task on the owner thread.
pub(crate) fn abort_here<S: Schedule>(task: TaskPtr) {
    let header = header(task);
    if header.state.abort() == Queue::Push {
        // SAFETY: `S` is the type of the scheduler, by the caller's contract.
        let scheduler = unsafe { header.scheduler::<S>() };
        scheduler.on_event(SchedEvent::Abort, header);
        // SAFETY: owner thread; `QUEUED` has just been set.
        scheduler.schedule(unsafe { Runnable::new(task) });
    }
}

/// Receives a task that another thread has sent, with the reference in the message.
///
/// # Safety
/// - On the owner thread, with the task's scheduler being of type `S`.
/// - The caller holds a reference and gives it up.
pub(crate) unsafe fn receive<S: Schedule>(task: TaskPtr) {
    let requests = header(task).remote_requests.take();
    if requests & remote_requests::ABORT != 0 {
        abort_here::<S>(task);
    } else if requests & remote_requests::WAKE != 0 {
        // SAFETY: `S` is the type of the scheduler, by the caller's contract.
        unsafe { header(task).scheduler::<S>() }.on_event(SchedEvent::Remote, header(task));
        header(task).trace.received(|| waker::effect(header(task)));
        waker::queue_here::<S>(task);
    }
    // SAFETY: the reference came with the message.
    unsafe { drop_here(task) };
}

/// Leaves a task to the holders of its references, as the runtime is about to end.
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

/// Returns the outcome of a poll, for the trace.
#[inline(always)]
fn poll_outcome(header: &Header) -> End {
    match header.stage.get() {
        Stage::Panicked => End::Panicked,
        Stage::Cancelled => End::Cancelled,
        Stage::Output | Stage::Taken => End::Ready,
        Stage::Future => End::Pending,
    }
}

/// Returns the header. The caller keeps the lifetime within that of the task.
fn header<'a>(task: TaskPtr) -> &'a Header {
    // SAFETY: by their contracts, the functions in this file hold a reference during the call.
    unsafe { NonNull::as_ref(&task) }
}
