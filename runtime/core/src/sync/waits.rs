//! Record of the waits of this thread: which wakers the primitives hold, and which tasks hold a
//! lock.
//!
//! Waits are recorded only while a runtime of this thread [watches](watch) them. Otherwise a wait
//! costs one test of a thread-local flag. An entry points to the waker of a [`WakerSlot`], and is
//! removed when the slot's waker is taken, so that pointer never dangles: the slot is part of a
//! pinned future or of an allocation, which stay in place until the slot is dropped. The slot of a
//! forgotten future stays in memory for ever.
//!
//! No user code runs while the record is borrowed.
//!
//! [`WakerSlot`]: super::waker_slot::WakerSlot

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::marker::PhantomData;
use std::panic::Location;
use std::ptr::NonNull;
use std::task::Waker;

use super::label::{Kind, Label};
use crate::executor::try_id;
use crate::task::Id;

/// A recorded wait.
struct Entry {
    /// The waker of a slot, which holds one for as long as the entry exists.
    waker: NonNull<Cell<Option<Waker>>>,
    kind: Kind,
    made_at: &'static Location<'static>,
    /// Number of the primitive.
    number: u32,
}

/// A recorded wait, for a reader.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wait<'a> {
    pub(crate) waker: &'a Waker,
    pub(crate) kind: Kind,
    /// Where the primitive was made.
    pub(crate) made_at: &'static Location<'static>,
    /// Number of the primitive, for [`holders`].
    pub(crate) number: u32,
}

/// The record of one thread.
struct Waits {
    entries: Vec<Option<Entry>>,
    vacant: Vec<u32>,
    /// By the number of a lock, the tasks that hold it.
    holders: HashMap<u32, Vec<Id>>,
}

thread_local! {
    /// Number of runtimes of this thread that watch the waits.
    static WATCHERS: Cell<u32> = const { Cell::new(0) };
    static WAITS: RefCell<Waits> = RefCell::new(Waits {
        entries: Vec::new(),
        vacant: Vec::new(),
        holders: HashMap::new(),
    });
}

/// Guard of the time during which waits are recorded.
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
    };
    let inserted = WAITS.try_with(|waits| {
        let waits = &mut *waits.borrow_mut();
        let index = waits.vacant.pop().unwrap_or_else(|| {
            waits.entries.push(None);
            waits.entries.len() as u32 - 1
        });
        waits.entries[index as usize] = Some(entry);
        index + 1
    });
    inserted.unwrap_or(0)
}

/// Removes the entry that [`insert`] has returned.
#[cold]
#[inline(never)]
pub(super) fn remove(place: u32) {
    let _ = WAITS.try_with(|waits| {
        let waits = &mut *waits.borrow_mut();
        waits.entries[place as usize - 1] = None;
        waits.vacant.push(place - 1);
    });
}

/// Calls `f` with each recorded wait. `f` runs no user code, and does not change a primitive.
pub(crate) fn each(mut f: impl FnMut(Wait<'_>)) {
    let _ = WAITS.try_with(|waits| {
        for entry in waits.borrow().entries.iter().flatten() {
            // SAFETY: the slot is alive and in place, as its entry exists; see the top of this
            // file. Nothing takes or replaces the waker meanwhile, as `f` changes no primitive.
            let waker = unsafe { &*entry.waker.as_ref().as_ptr() };
            if let Some(waker) = waker {
                f(Wait {
                    waker,
                    kind: entry.kind,
                    made_at: entry.made_at,
                    number: entry.number,
                });
            }
        }
    });
}

/// Records that a task holds a lock, or one more permit of it.
#[cold]
#[inline(never)]
fn held(label: &Label, task: Id) {
    let _ = WAITS.try_with(|waits| {
        let holders = &mut waits.borrow_mut().holders;
        holders.entry(label.number()).or_default().push(task);
    });
}

/// Records that a task no longer holds a lock.
#[cold]
#[inline(never)]
fn released(label: &Label, task: Id) {
    let _ = WAITS.try_with(|waits| {
        let holders = &mut waits.borrow_mut().holders;
        if let Some(tasks) = holders.get_mut(&label.number()) {
            if let Some(at) = tasks.iter().position(|&it| it == task) {
                tasks.swap_remove(at);
            }
            if tasks.is_empty() {
                holders.remove(&label.number());
            }
        }
    });
}

/// Returns the tasks that hold the lock with that number, as far as they were recorded.
pub(crate) fn holders(number: u32) -> Vec<Id> {
    WAITS
        .try_with(|waits| waits.borrow().holders.get(&number).cloned())
        .ok()
        .flatten()
        .unwrap_or_default()
}

/// Record of who holds a lock, as part of a guard. Nothing, unless the waits are watched.
#[derive(Debug)]
pub(crate) struct Hold(Option<Id>);

impl Hold {
    /// Records that the running task holds a lock, or one more permit of it.
    #[inline]
    pub(crate) fn new(label: &Label) -> Hold {
        if !is_watched() {
            return Hold(None);
        }
        let task = try_id();
        if let Some(task) = task {
            held(label, task);
        }
        Hold(task)
    }

    /// Returns a record of nothing.
    #[inline]
    pub(crate) fn none() -> Hold {
        Hold(None)
    }

    /// Records that the lock is no longer held.
    #[inline]
    pub(crate) fn end(&mut self, label: &Label) {
        if let Some(task) = self.0.take() {
            released(label, task);
        }
    }
}
