//! Rings of links, which are parts of nodes.

use std::cell::Cell;
use std::ptr::NonNull;

/// Links of a ring. A ring of one is linked to itself.
pub(super) struct Links {
    previous: Cell<NonNull<Links>>,
    next: Cell<NonNull<Links>>,
}

impl Links {
    /// Returns links that have to be [closed](Self::close) at the place where they stay.
    pub(super) const fn new() -> Links {
        Links {
            previous: Cell::new(NonNull::dangling()),
            next: Cell::new(NonNull::dangling()),
        }
    }

    /// Makes a ring of one.
    ///
    /// # Safety
    /// `this` is alive.
    pub(super) unsafe fn close(this: NonNull<Links>) {
        // SAFETY: the caller's promise.
        let links = unsafe { this.as_ref() };
        links.previous.set(this);
        links.next.set(this);
    }

    /// Returns the next member of the ring.
    pub(super) fn next(&self) -> NonNull<Links> {
        self.next.get()
    }

    /// Links two members.
    ///
    /// # Safety
    /// Both are alive.
    unsafe fn join(left: NonNull<Links>, right: NonNull<Links>) {
        // SAFETY: the caller's promise.
        unsafe {
            left.as_ref().next.set(right);
            right.as_ref().previous.set(left);
        }
    }

    /// Puts `this`, which is alone in its ring, in front of `place`.
    ///
    /// # Safety
    /// Both are in rings, whose members are alive.
    pub(super) unsafe fn insert(this: NonNull<Links>, place: NonNull<Links>) {
        // SAFETY: the caller's promise.
        unsafe {
            Links::join(place.as_ref().previous.get(), this);
            Links::join(this, place);
        }
    }

    /// Removes `this` from its ring.
    ///
    /// # Safety
    /// `this` is in a ring, whose members are alive.
    pub(super) unsafe fn unlink(this: NonNull<Links>) {
        // SAFETY: the caller's promise.
        unsafe {
            Links::join(this.as_ref().previous.get(), this.as_ref().next.get());
            Links::close(this);
        }
    }

    /// Moves all others of the ring of `start` in front of `place`, which is in another ring.
    ///
    /// # Safety
    /// Both are in rings, whose members are alive.
    pub(super) unsafe fn move_others(start: NonNull<Links>, place: NonNull<Links>) {
        // SAFETY: the caller's promise.
        unsafe {
            let first = start.as_ref().next.get();
            if first == start {
                return;
            }
            let last = start.as_ref().previous.get();
            Links::close(start);
            Links::join(place.as_ref().previous.get(), first);
            Links::join(last, place);
        }
    }
}
