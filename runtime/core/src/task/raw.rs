//! A task in memory: header and body in one allocation. This is the only file that knows the types
//! of the body: future, output or panic payload, by the stage in the header.

use std::alloc::Layout;
use std::any::Any;
use std::cell::{Cell, UnsafeCell};
use std::future::Future;
use std::mem::{self, ManuallyDrop};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker};

use super::attribution::attribute_to;
use super::header::{Header, TaskPtr, VTable};
use super::refs::Refs;
use super::remote_requests::{self, RemoteRequests};
use super::schedule::{Schedule, is_here};
use super::state::{DONE, State};
use super::{Id, JoinError, Stage, lifecycle, waker};
use crate::console;
use crate::trace::Tag;
use crate::unwind::catch_panic;

/// Memory of a task.
#[repr(C)]
struct TaskCell<F: Future> {
    header: Header,
    body: UnsafeCell<Body<F>>,
}

/// Body of a task. `Header::stage` determines the field that is alive.
union Body<F: Future> {
    future: ManuallyDrop<F>,
    output: ManuallyDrop<F::Output>,
    panic: ManuallyDrop<Box<dyn Any + Send>>,
}

/// Returns the layout of a task with this future.
pub(crate) const fn layout<F: Future>() -> Layout {
    Layout::new::<TaskCell<F>>()
}

/// Returns the functions of a task.
const fn vtable<F: Future + 'static, S: Schedule>() -> VTable {
    VTable {
        poll: poll::<F, S>,
        cancel: cancel::<F>,
        take: take::<F>,
        failure: failure::<F>,
        discard: discard::<F>,
        free: free::<F, S>,
        abort: abort::<S>,
        wait: wait::<S>,
        waker: waker::owned::<S>,
        send: send::<S>,
    }
}

/// Returns the functions of a task that belongs to a group.
const fn member_vtable<F: Future + 'static, S: Schedule>() -> VTable {
    VTable {
        poll: poll_member::<F, S>,
        cancel: cancel_member::<F, S>,
        ..vtable::<F, S>()
    }
}

/// Allocates a task with `refs` references, all held by the caller, on the owner thread.
/// `is_member`: it belongs to a group.
///
/// # Safety
/// - `scheduler` points to an `S` that stays alive until the task has been merged or freed.
/// - The caller is on the owner thread of that scheduler.
#[inline(always)]
pub(crate) unsafe fn allocate<F, S>(
    future: F,
    scheduler: NonNull<S>,
    id: Id,
    state: State,
    refs: u32,
    is_member: bool,
    console: console::Task,
) -> TaskPtr
where
    F: Future + 'static,
    S: Schedule,
{
    // SAFETY: by the contract, the scheduler is alive and this is its thread.
    let cell = unsafe { scheduler.as_ref() }
        .allocate(layout::<F>())
        .cast::<TaskCell<F>>();
    let task = TaskCell {
        header: Header {
            next: Cell::new(None),
            vtable: match is_member {
                false => const { &vtable::<F, S>() },
                true => const { &member_vtable::<F, S>() },
            },
            scheduler: scheduler.cast(),
            id,
            join_waker: Cell::new(None),
            refs: Refs::new(refs),
            slot: Cell::new(0),
            state,
            stage: Cell::new(Stage::Future),
            remote_requests: RemoteRequests::new(),
            trace: Tag::new(),
            console,
        },
        body: UnsafeCell::new(Body {
            future: ManuallyDrop::new(future),
        }),
    };
    // SAFETY: just allocated with this layout.
    unsafe { cell.write(task) };
    // `repr(C)`: the header is at the start of the cell, and the pointer reaches all of it.
    cell.cast()
}

/// Returns the body of a task, for the owner thread.
fn body<F: Future>(task: TaskPtr) -> *mut Body<F> {
    let cell = task.cast::<TaskCell<F>>().as_ptr();
    // SAFETY: the task is alive, as every caller in this file holds a reference, itself or by its
    // contract; computing the address of a field reads nothing.
    unsafe { UnsafeCell::raw_get(&raw const (*cell).body) }
}

/// Drops the future in place. A panic of the drop is caught and returned.
///
/// # Safety
/// The stage was `Future`, has been changed by the caller, and this is the owner thread.
unsafe fn drop_future<F: Future>(task: TaskPtr) -> Result<(), Box<dyn Any + Send>> {
    // SAFETY: the field is alive until here, and not accessed again as the stage has changed.
    catch_unwind(AssertUnwindSafe(|| unsafe {
        ManuallyDrop::drop(&mut (*body::<F>(task)).future);
    }))
}

/// Stores the payload of a panic in the body, whose future is gone.
fn store_panic<F: Future>(task: TaskPtr, payload: Box<dyn Any + Send>) {
    // SAFETY: the future is gone, so the body can be overwritten.
    unsafe {
        *body::<F>(task) = Body {
            panic: ManuallyDrop::new(payload),
        }
    };
    header(task).stage.set(Stage::Panicked);
}

/// Returns the header. The caller keeps the lifetime within that of the task.
fn header<'a>(task: TaskPtr) -> &'a Header {
    // SAFETY: the task is alive, see `body`; the header is only ever shared.
    unsafe { task.as_ref() }
}

/// Guard that drops the future while a panic of its poll unwinds. So `thread::panicking()` is true
/// in the drops, and locks are poisoned, as for the locals of a function.
struct Unwinding(TaskPtr, fn(TaskPtr));

impl Drop for Unwinding {
    fn drop(&mut self) {
        (self.1)(self.0);
    }
}

/// Drops the future of a poll that panics. A second panic, of the drop, would abort the process if
/// it left this function, so it is caught; the first one is reported.
#[cold]
fn drop_panicked<F: Future>(task: TaskPtr) {
    header(task).stage.set(Stage::Taken);
    // SAFETY: `poll` calls this while it polls, so the stage was `Future`, and has just been
    // changed.
    if let Err(second) = unsafe { drop_future::<F>(task) } {
        discard_catching_panic(second);
    }
}

/// As `poll`. A second use of `poll`, and not of the poll of `F`, which stays inlined in it.
unsafe fn poll_member<F: Future, S: Schedule>(task: TaskPtr) -> bool {
    // SAFETY: the contract is that of `poll`, and `S` is the type of the scheduler.
    unsafe {
        header(task)
            .scheduler::<S>()
            .poll_member(task, poll::<F, S>)
    }
}

/// As `cancel`.
unsafe fn cancel_member<F: Future, S: Schedule>(task: TaskPtr) {
    // SAFETY: the contract is that of `cancel`, and `S` is the type of the scheduler.
    unsafe {
        header(task)
            .scheduler::<S>()
            .cancel_member(task, cancel::<F>)
    }
}

unsafe fn poll<F: Future, S: Schedule>(task: TaskPtr) -> bool {
    // Borrowed from the reference that the scheduler holds, so it is neither counted nor dropped.
    let waker = waker::borrowed::<S>(task);
    let mut cx = Context::from_waker(&waker);
    let result = catch_unwind(AssertUnwindSafe(|| {
        let unwinding = Unwinding(task, drop_panicked::<F>);
        // SAFETY: the stage is `Future`. The task never moves and the future is dropped in place,
        // as pinning requires. It is not being polled, by the contract of `poll`.
        let future = unsafe { Pin::new_unchecked(&mut *(*body::<F>(task)).future) };
        let result = future.poll(&mut cx);
        mem::forget(unwinding);
        result
    }));
    let stage = &header(task).stage;
    match result {
        Ok(Poll::Pending) => return false,
        Ok(Poll::Ready(output)) => {
            stage.set(Stage::Taken);
            // SAFETY: the stage was `Future` and has just been changed.
            match unsafe { drop_future::<F>(task) } {
                Ok(()) => {
                    // SAFETY: the future is gone, so the body can be overwritten.
                    unsafe {
                        *body::<F>(task) = Body {
                            output: ManuallyDrop::new(output),
                        }
                    };
                    stage.set(Stage::Output);
                }
                Err(payload) => {
                    discard_catching_panic(output);
                    store_panic::<F>(task, payload);
                }
            }
        }
        // The future was dropped during the unwinding.
        Err(payload) => store_panic::<F>(task, payload),
    }
    true
}

unsafe fn cancel<F: Future>(task: TaskPtr) {
    let _attribution = attribute_to(Some(header(task).id));
    header(task).stage.set(Stage::Cancelled);
    // SAFETY: the stage was `Future`, by the contract of `cancel`, and has just been changed.
    if let Err(payload) = unsafe { drop_future::<F>(task) } {
        store_panic::<F>(task, payload);
    }
}

unsafe fn take<F: Future>(task: TaskPtr, to: NonNull<()>) -> bool {
    let stage = &header(task).stage;
    if !matches!(stage.get(), Stage::Output) {
        return false;
    }
    stage.set(Stage::Taken);
    // SAFETY: by the stage this field was alive; it is read once, as the stage has changed.
    let output = unsafe { ManuallyDrop::take(&mut (*body::<F>(task)).output) };
    // SAFETY: by the contract, `to` is valid for a write of this type.
    unsafe { to.cast::<F::Output>().write(output) };
    true
}

#[cold]
unsafe fn failure<F: Future>(task: TaskPtr) -> Option<JoinError> {
    let header = header(task);
    match header.stage.replace(Stage::Taken) {
        Stage::Panicked => {
            // SAFETY: by the stage this field was alive; it is read once, as the stage has changed.
            let payload = unsafe { ManuallyDrop::take(&mut (*body::<F>(task)).panic) };
            Some(JoinError::panicked(header.id, payload))
        }
        Stage::Cancelled => Some(JoinError::cancelled(header.id)),
        Stage::Taken => None,
        Stage::Future | Stage::Output => unreachable!("the caller has checked the stage"),
    }
}

unsafe fn discard<F: Future>(task: TaskPtr) {
    let _attribution = attribute_to(Some(header(task).id));
    if matches!(header(task).stage.get(), Stage::Output) {
        header(task).stage.set(Stage::Taken);
        catch_panic(|| {
            // SAFETY: by the stage this field was alive; it is not accessed again, as the stage has
            // changed.
            unsafe { ManuallyDrop::drop(&mut (*body::<F>(task)).output) }
        });
    } else {
        // SAFETY: the stage is not `Output`, nor `Future`, by the contract of `discard`.
        discard_catching_panic(unsafe { failure::<F>(task) });
    }
}

unsafe fn free<F: Future + 'static, S: Schedule>(task: TaskPtr, merged: bool) {
    let header = header(task);
    debug_assert!(!matches!(header.stage.get(), Stage::Future | Stage::Output));
    let scheduler = header.scheduler.cast::<S>();
    let layout = layout::<F>();
    if !merged {
        header.trace.freed();
        // SAFETY: not merged, so the runtime, which keeps the scheduler alive, has not ended.
        let scheduler = unsafe { scheduler.as_ref() };
        scheduler.forget(task);
        header.refs.gone();
        // SAFETY: no reference is left, and the scheduler allocated it. Nothing in it needs a drop:
        // the fields of the body were dropped before, and a task that is done has no join waker.
        unsafe { scheduler.deallocate(task.cast(), layout) };
    } else {
        header.refs.gone();
        // SAFETY: as above; the owner thread may have ended, so any thread may free the memory.
        unsafe {
            S::deallocate_merged(task.cast(), layout);
            // This undoes the `retain` of the merge, as the task is gone.
            S::release(scheduler);
        }
    }
}

unsafe fn abort<S: Schedule>(task: TaskPtr) {
    if is_here::<S>(header(task)) {
        lifecycle::abort_here::<S>(task);
    } else {
        waker::request::<S>(task, remote_requests::ABORT);
    }
}

unsafe fn wait<S: Schedule>(task: TaskPtr, waker: &Waker) {
    let header = header(task);
    let before = header.join_waker.take();
    if before.is_some() || console::TELLS || !waker::is_same_scheduler::<S>(waker, header) {
        return wait_slowly::<S>(header, before, waker);
    }
    let waker = waker::clone_to_join::<S>(waker);
    // The cell is still empty: cloning a waker of this runtime runs no user code.
    mem::forget(header.join_waker.replace(Some(waker)));
}

/// Slow path of [`wait`], where user code may run: a foreign waker is cloned, or the stored waker
/// is dropped.
#[cold]
#[inline(never)]
fn wait_slowly<S: Schedule>(header: &Header, before: Option<Waker>, waker: &Waker) {
    let place = &header.join_waker;
    if before.as_ref().is_some_and(|it| it.will_wake(waker)) {
        return place.set(before);
    }
    let waker = waker::clone_from_elsewhere::<S>(waker, header);
    // The cell is still empty: while a foreign waker is cloned, the only handle is borrowed.
    mem::forget(place.replace(Some(waker)));
    // Last, as the waker may be foreign, and its drop may run user code.
    drop(before);
    // The clone and the drop may have run the task to its end, which then woke no waker, or the
    // previous one.
    if header.state.is(DONE)
        && let Some(waker) = place.take()
    {
        waker::wake_catching_panics(waker);
    }
}

unsafe fn send<S: Schedule>(task: TaskPtr) {
    header(task).refs.look();
    let scheduler = header(task).scheduler.cast::<S>();
    // SAFETY: this is the task's scheduler, and the caller gives up the reference.
    unsafe { S::send(scheduler, task) };
}

/// Drops a value that no handle takes. A panic of its drop is caught.
fn discard_catching_panic<T>(value: T) {
    catch_panic(|| drop(value));
}
