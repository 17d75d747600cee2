//! Record of the waits of this thread: which wakers the primitives hold, and which tasks hold a
//! lock.
//!
//! Waits are recorded only while a runtime of this thread [watches](watch) them. Otherwise a wait
//! costs one test of a thread-local flag. An entry points to the waker of a [`WakerSlot`], and is
//! removed when the slot's waker is taken, so that pointer never dangles: the slot is part of a
//! pinned future or of an allocation, which stay in place until the slot is dropped. The slot of a
//! forgotten future is never freed.
//!
//! No user code runs while the record is borrowed.
//!
//! [`WakerSlot`]: super::waker_slot::WakerSlot

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::panic::Location;
use std::ptr::NonNull;
use std::task::Waker;

use super::label::{Kind, Label};
use super::locks::{Holder, Lock, Locks};
use crate::executor::{Executor, current};
use crate::slab::Slab;
use crate::time::clock::ticks;

/// A recorded wait.
struct Entry {
    /// The waker of a slot, which holds one for as long as the entry exists.
    waker: NonNull<Cell<Option<Waker>>>,
    kind: Kind,
    made_at: &'static Location<'static>,
    /// Number of the primitive.
    number: u32,
    /// Time at which the wait began, as [`ticks`] counts.
    since: u64,
}

/// A recorded wait, as [`each`] passes it to its caller.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wait<'a> {
    pub(crate) waker: &'a Waker,
    pub(crate) kind: Kind,
    /// Where the primitive was made.
    pub(crate) made_at: &'static Location<'static>,
    /// Number of the primitive, see [`Lock::number`].
    pub(crate) number: u32,
    /// Nanoseconds since the wait began.
    pub(crate) waited: u64,
}

/// The record of one thread.
struct Waits {
    entries: Slab<Option<Entry>>,
    locks: Locks,
}

thread_local! {
    /// Number of runtimes of this thread that watch the waits.
    static WATCHERS: Cell<u32> = const { Cell::new(0) };
    static WAITS: RefCell<Waits> = RefCell::new(Waits {
        entries: Slab::new(),
        locks: Locks::default(),
    });
}

/// Guard: waits are recorded until it is dropped.
#[derive(Debug)]
pub(crate) struct Watching(PhantomData<*const ()>);

/// Records the waits of this thread from here on, until the guard is dropped.
pub(crate) fn watch() -> Watching {
    WATCHERS.set(WATCHERS.get() + 1);
    Watching(PhantomData)
}

impl Drop for Watching {
    fn drop(&mut self) {
        WATCHERS.set(WATCHERS.get() - 1);
    }
}

/// Whether waits are recorded.
#[inline(always)]
pub(crate) fn is_watched() -> bool {
    WATCHERS.get() != 0
}

/// Adds an entry for a waker that has just been stored. Returns its index plus one; 0 if the
/// thread is ending.
#[cold]
#[inline(never)]
pub(super) fn insert(waker: NonNull<Cell<Option<Waker>>>, label: &Label) -> u32 {
    let entry = Entry {
        waker,
        kind: label.kind,
        made_at: label.location,
        number: label.number(),
        since: ticks(),
    };
    let inserted = WAITS.try_with(|waits| {
        let waits = &mut *waits.borrow_mut();
        let index = waits.entries.allocate();
        if entry.kind.is_lock() {
            waits.locks.waits(label);
        }
        waits.entries[index] = Some(entry);
        index as u32 + 1
    });
    inserted.unwrap_or(0)
}

/// Removes the entry that [`insert`] has returned.
#[cold]
#[inline(never)]
pub(super) fn remove(place: u32) {
    let _ = WAITS.try_with(|waits| {
        let waits = &mut *waits.borrow_mut();
        let entry = waits.entries[place as usize - 1].take();
        if let Some(entry) = entry.filter(|entry| entry.kind.is_lock()) {
            waits.locks.waited(entry.number);
        }
        waits.entries.release(place as usize - 1);
    });
}

/// Calls `f` with each recorded wait. `f` runs no user code, and does not change a primitive.
pub(crate) fn each(mut f: impl FnMut(Wait<'_>)) {
    let now = ticks();
    let _ = WAITS.try_with(|waits| {
        for entry in waits.borrow().entries.entries().iter().flatten() {
            // SAFETY: the slot is alive and in place, as its entry exists; see the top of this
            // file. Nothing takes or replaces the waker meanwhile, as `f` changes no primitive.
            let waker = unsafe { &*entry.waker.as_ref().as_ptr() };
            if let Some(waker) = waker {
                f(Wait {
                    waker,
                    kind: entry.kind,
                    made_at: entry.made_at,
                    number: entry.number,
                    waited: now.saturating_sub(entry.since),
                });
            }
        }
    });
}

/// Records that a task holds a lock, or one more permit of it.
#[cold]
#[inline(never)]
fn held(label: &Label, holder: Holder) {
    let _ = WAITS.try_with(|waits| {
        waits.borrow().locks.held(label, holder);
    });
}

/// Records that a task no longer holds a lock.
#[cold]
#[inline(never)]
fn released(label: &Label, holder: Holder) {
    let _ = WAITS.try_with(|waits| {
        waits.borrow().locks.released(label.number(), holder);
    });
}

/// Calls `f` with each lock that is held, and its number.
pub(crate) fn each_lock(f: impl FnMut(u32, &Lock)) {
    let _ = WAITS.try_with(|waits| waits.borrow().locks.each_held(f));
}

/// Returns the locks of this thread, for a reader on another thread.
pub(crate) fn locks() -> Locks {
    let locks = WAITS.try_with(|waits| waits.borrow().locks.clone());
    locks.unwrap_or_default()
}

/// Record of the task that holds a lock, as part of a guard. `None` unless waits are recorded.
#[derive(Debug)]
pub(crate) struct Hold(Option<Holder>);

impl Hold {
    /// Records that the running task holds a lock, or one more permit of it, with a guard that
    /// borrows the lock.
    #[inline]
    pub(crate) fn new(label: &Label) -> Hold {
        match is_watched() {
            true => Hold::record(label, false),
            false => Hold(None),
        }
    }

    /// As [`new`](Self::new), with a guard that may be moved to another task.
    #[inline]
    pub(crate) fn owned(label: &Label) -> Hold {
        match is_watched() {
            true => Hold::record(label, true),
            false => Hold(None),
        }
    }

    #[cold]
    fn record(label: &Label, may_move: bool) -> Hold {
        let task = current::try_with(Executor::running_or_main).flatten();
        let holder = task.map(|task| Holder { task, may_move });
        if let Some(holder) = holder {
            held(label, holder);
        }
        Hold(holder)
    }

    /// Returns a record of nothing.
    #[inline]
    pub(crate) fn none() -> Hold {
        Hold(None)
    }

    /// Records that the lock is no longer held.
    #[inline]
    pub(crate) fn end(&mut self, label: &Label) {
        if let Some(holder) = self.0.take() {
            released(label, holder);
        }
    }
}
