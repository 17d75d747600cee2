//! Drops references to a task, and frees the task with the last one.

use super::header::TaskPtr;
use super::refs::Release;

/// Drops a reference on the owner thread.
///
/// # Safety
/// The caller holds the reference, and is on the owner thread.
#[inline(always)]
pub(crate) unsafe fn drop_here(task: TaskPtr) {
    // SAFETY: the caller holds a reference, so the task is alive.
    let header = unsafe { task.as_ref() };
    match header.refs.drop_here() {
        Some(Release::Free) => {
            // SAFETY: that was the last reference, and the owner held it. A task whose future or
            // output is alive is kept by the scheduler or by the join handle. Owner thread.
            unsafe { (header.vtable.free)(task, false) };
        }
        Some(_) => {}
        // SAFETY: as for this function.
        None => unsafe { drop_last_here(task) },
    }
}

/// The slow path of [`drop_here`].
///
/// # Safety
/// As for `drop_here`.
#[cold]
#[inline(never)]
unsafe fn drop_last_here(task: TaskPtr) {
    // SAFETY: the caller holds a reference, so the task is alive.
    let header = unsafe { task.as_ref() };
    // Read before, since the task may be freed afterwards.
    let merged = header.refs.is_merged_here();
    if header.refs.drop_last_here() == Release::Free {
        // SAFETY: as in `drop_here`; merged or not, this is the owner thread.
        unsafe { (header.vtable.free)(task, merged) };
    }
}

/// Drops a reference on a thread that is not the owner.
///
/// # Safety
/// The caller holds the reference.
pub(crate) unsafe fn drop_there(task: TaskPtr) {
    // SAFETY: the caller holds a reference, so the task is alive.
    let header = unsafe { task.as_ref() };
    let vtable = header.vtable;
    match header.refs.drop_there() {
        Release::Keep => {}
        // SAFETY: that was the last reference, and only merged tasks are freed here.
        Release::Free => unsafe { (vtable.free)(task, true) },
        // SAFETY: the reference is still held, and is sent along.
        Release::SendToOwner => unsafe { (vtable.send)(task) },
    }
}
