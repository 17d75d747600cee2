//! The timer wheel: arming and cancelling in constant time, without allocating.
//!
//! Eight levels of 64 slots. A slot of level 0 spans 2^16 ns (65 µs), a slot of each higher level
//! 64 times as much as one below, so the top reaches past any `u64` of nanoseconds. An entry lies in
//! the level at which its tick first differs from the wheel's present tick; as time goes on, the
//! entries of a slot whose time has come move down.
//!
//! Entries keep their exact deadline. Each slot keeps a lower bound of the deadlines in it, so that
//! [`Wheel::next`] is exact or early without looking at entries: removing one leaves the bound as it
//! is, and a wait that ends too early for that reason puts it right.
//!
//! The entries are linked to each other and live inside the pinned `Sleep`s.

use std::cell::Cell;
use std::marker::PhantomPinned;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::ptr;
use std::task::Waker;

const TICK_BITS: u32 = 16;
const SLOT_BITS: u32 = 6;
const SLOTS: usize = 1 << SLOT_BITS;
const LEVELS: usize = 8;
/// A timer that fires so many nanoseconds after its deadline is late.
const LATE: u64 = 1_000_000;
/// The list of entries that are due and not fired yet.
const FIRING: u16 = (LEVELS * SLOTS) as u16;
/// Not in any list.
const NOWHERE: u16 = u16::MAX;

/// A timer, part of a `Sleep`. Times are nanoseconds of the clock.
// In this order a new one is written in its place; in the compiler's it is made aside and moved, in pieces
// that the processor has to wait for.
#[repr(C)]
pub(crate) struct Entry {
    prev: Cell<*const Entry>,
    next: Cell<*const Entry>,
    deadline: Cell<u64>,
    /// Armed as the how-manyeth: ties fire in this order.
    order: Cell<u64>,
    place: Cell<u16>,
    waker: Cell<Option<Waker>>,
    _pinned: PhantomPinned,
}

impl Entry {
    pub(crate) const fn new() -> Entry {
        Entry {
            prev: Cell::new(ptr::null()),
            next: Cell::new(ptr::null()),
            deadline: Cell::new(0),
            order: Cell::new(0),
            place: Cell::new(NOWHERE),
            waker: Cell::new(None),
            _pinned: PhantomPinned,
        }
    }

    /// The number of its arming, unique in its wheel.
    #[inline]
    pub(crate) fn order(&self) -> u64 {
        self.order.get()
    }

    /// Is it in the wheel, or due and about to fire?
    #[inline]
    pub(crate) fn is_armed(&self) -> bool {
        self.place.get() != NOWHERE
    }

    /// The newest waker is the one that counts. Returns the one before, to be dropped by the caller
    /// when nothing is borrowed.
    #[inline]
    pub(crate) fn set_waker(&self, waker: &Waker) -> Option<Waker> {
        match self.waker.take() {
            Some(known) if known.will_wake(waker) => {
                self.waker.set(Some(known));
                None
            }
            known => {
                self.waker.set(Some(waker.clone()));
                known
            }
        }
    }

    pub(crate) fn take_waker(&self) -> Option<Waker> {
        self.waker.take()
    }
}

/// A timer that fires.
pub(crate) struct Due {
    pub(crate) order: u64,
    pub(crate) deadline: u64,
    pub(crate) waker: Option<Waker>,
}

#[derive(Clone, Copy)]
struct List {
    head: *const Entry,
    tail: *const Entry,
    /// No deadline in the list is below this.
    bound: u64,
}

const EMPTY: List = List {
    head: ptr::null(),
    tail: ptr::null(),
    bound: u64::MAX,
};

pub(crate) struct Wheel {
    lists: Box<[List; LEVELS * SLOTS + 1]>,
    /// A bit for each slot that is not empty.
    occupied: [u64; LEVELS],
    /// The tick up to which everything has been looked at.
    tick: u64,
    armed: usize,
    order: u64,
    due: Vec<*const Entry>,
    fired: u64,
    late: u64,
}

/// What the wheel has done so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stats {
    /// Armed and not fired.
    pub(crate) now: usize,
    pub(crate) armed: u64,
    pub(crate) fired: u64,
    /// Fired more than [`LATE`] after the deadline.
    pub(crate) late: u64,
}

impl Wheel {
    pub(crate) fn new() -> Wheel {
        Wheel {
            lists: Box::new([EMPTY; LEVELS * SLOTS + 1]),
            occupied: [0; LEVELS],
            tick: 0,
            armed: 0,
            order: 0,
            due: Vec::new(),
            fired: 0,
            late: 0,
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        Stats {
            now: self.armed,
            // Each had a number.
            armed: self.order,
            fired: self.fired,
            late: self.late,
        }
    }

    /// Arms a timer.
    ///
    /// # Safety
    /// - The entry is removed, or fired, before its memory is used for anything else.
    /// - It is in no list of any wheel.
    #[inline]
    pub(crate) unsafe fn insert(&mut self, entry: Pin<&Entry>, deadline: u64) {
        let entry = entry.get_ref();
        entry.deadline.set(deadline);
        entry.order.set(self.order);
        self.order += 1;
        self.armed += 1;
        self.place(entry);
    }

    /// Links an entry where its deadline belongs.
    #[inline]
    fn place(&mut self, entry: &Entry) {
        let tick = (entry.deadline.get() >> TICK_BITS).max(self.tick);
        let differs = tick ^ self.tick;
        let level = (63 - (differs | 1).leading_zeros()) / SLOT_BITS;
        let slot = (tick >> (level * SLOT_BITS)) as usize % SLOTS;
        self.occupied[level as usize] |= 1 << slot;
        self.link(level as usize * SLOTS + slot, entry);
    }

    #[inline]
    fn link(&mut self, place: usize, entry: &Entry) {
        let list = &mut self.lists[place];
        list.bound = list.bound.min(entry.deadline.get());
        entry.place.set(place as u16);
        entry.prev.set(list.tail);
        entry.next.set(ptr::null());
        let entry: *const Entry = entry;
        if list.tail.is_null() {
            list.head = entry;
        } else {
            // SAFETY: a linked entry is alive, by the contract of `insert`.
            unsafe { (*list.tail).next.set(entry) };
        }
        list.tail = entry;
    }

    #[inline]
    fn unlink(&mut self, entry: &Entry) {
        let place = usize::from(entry.place.replace(NOWHERE));
        let list = &mut self.lists[place];
        let (prev, next) = (entry.prev.get(), entry.next.get());
        if prev.is_null() {
            list.head = next;
        } else {
            // SAFETY: a linked entry is alive, by the contract of `insert`.
            unsafe { (*prev).next.set(next) };
        }
        if next.is_null() {
            list.tail = prev;
        } else {
            // SAFETY: as above.
            unsafe { (*next).prev.set(prev) };
        }
        if list.head.is_null() {
            self.emptied(place);
        }
    }

    #[inline]
    fn emptied(&mut self, place: usize) {
        self.lists[place].bound = u64::MAX;
        if place < LEVELS * SLOTS {
            self.occupied[place / SLOTS] &= !(1 << (place % SLOTS));
        }
    }

    /// Disarms a timer, if it is armed in this wheel.
    #[inline]
    pub(crate) fn remove(&mut self, entry: &Entry) {
        if entry.is_armed() {
            self.armed -= 1;
            self.unlink(entry);
        }
    }

    /// The first occupied place, and the tick at which its slot begins.
    fn first(&self) -> Option<(usize, u64)> {
        let level = self.occupied.iter().position(|&slots| slots != 0)?;
        // Every entry of a level lies ahead of the present tick and in the same turn of that level,
        // so the lowest bit is the earliest slot.
        let slot = u64::from(self.occupied[level].trailing_zeros());
        let shift = level as u32 * SLOT_BITS;
        let turn = self.tick >> shift >> SLOT_BITS << SLOT_BITS;
        Some((level * SLOTS + slot as usize, (turn | slot) << shift))
    }

    /// A time that is not after the next deadline; `None` if nothing is armed.
    pub(crate) fn next(&self) -> Option<u64> {
        if !self.lists[usize::from(FIRING)].head.is_null() {
            return Some(0);
        }
        self.first().map(|(place, _)| self.lists[place].bound)
    }

    /// Calls `f` with the waker of each entry, until it breaks. `f` runs no user code.
    pub(crate) fn each_waker(
        &self,
        f: &mut dyn FnMut(&Waker) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        for list in self.lists.iter() {
            let mut next = list.head;
            while !next.is_null() {
                // SAFETY: a linked entry is alive, by the contract of `insert`. Nothing is unlinked meanwhile,
                // as no user code runs.
                let entry = unsafe { &*next };
                next = entry.next.get();
                if let Some(waker) = entry.waker.take() {
                    let flow = f(&waker);
                    entry.waker.set(Some(waker));
                    flow?;
                }
            }
        }
        ControlFlow::Continue(())
    }

    /// Moves what is due at `now` to the firing list, in the order of deadlines, ties in the order
    /// of arming.
    pub(crate) fn advance(&mut self, now: u64) {
        let target = now >> TICK_BITS;
        while let Some((place, start)) = self.first() {
            if start > target || self.lists[place].bound > now && place < SLOTS {
                break;
            }
            self.tick = self.tick.max(start);
            let list = std::mem::replace(&mut self.lists[place], EMPTY);
            self.emptied(place);
            let mut next = list.head;
            while !next.is_null() {
                // SAFETY: a linked entry is alive, by the contract of `insert`. Nothing else runs
                // while the list is taken apart.
                let entry = unsafe { &*next };
                next = entry.next.get();
                if entry.deadline.get() <= now {
                    self.due.push(entry);
                } else {
                    self.place(entry);
                }
            }
        }
        self.tick = self.tick.max(target);
        self.fire_due();
    }

    fn fire_due(&mut self) {
        if self.due.is_empty() {
            return;
        }
        let mut due = std::mem::take(&mut self.due);
        // SAFETY: these entries were linked a moment ago, and nothing has run since.
        due.sort_by_key(|&entry| unsafe { ((*entry).deadline.get(), (*entry).order.get()) });
        for &entry in &due {
            // SAFETY: as above.
            self.link(usize::from(FIRING), unsafe { &*entry });
        }
        due.clear();
        self.due = due;
    }

    /// Takes the next entry off the firing list. The waker is for the caller to wake when nothing is
    /// borrowed.
    pub(crate) fn fire(&mut self) -> Option<Due> {
        let entry = self.lists[usize::from(FIRING)].head;
        if entry.is_null() {
            return None;
        }
        // SAFETY: a linked entry is alive, by the contract of `insert`.
        let entry = unsafe { &*entry };
        self.remove(entry);
        self.fired += 1;
        let now = self.tick << TICK_BITS;
        self.late += u64::from(now.saturating_sub(entry.deadline.get()) > LATE);
        Some(Due {
            order: entry.order.get(),
            deadline: entry.deadline.get(),
            waker: entry.take_waker(),
        })
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod properties;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
