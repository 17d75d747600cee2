//! A hierarchical timer wheel: arms and disarms in constant time, without allocating.
//!
//! It has eight levels of 64 slots. A slot of level 0 spans 2^16 ns (65 µs), and a slot of each
//! higher level spans 64 slots of the level below, so the top level covers all `u64` nanoseconds.
//! An entry is in the level of the highest digit in which its tick differs from the wheel's present
//! tick. When the time of a slot comes, its entries move down.
//!
//! Entries keep their exact deadline. Each slot keeps a lower bound of its deadlines, so
//! [`Wheel::next`] is exact or early without a scan of the entries, and no wait ends only to move
//! entries down. Removing an entry does not change the bound; a wait that ends too early for that
//! reason corrects it.
//!
//! Due entries are sorted by deadline and arming order, then fired one by one with nothing
//! borrowed. The entries are linked to each other and live inside the pinned `Sleep`s.

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
/// Nanoseconds after the deadline from which a fired timer counts as late.
const LATE: u64 = 1_000_000;
/// Place of the list of entries that are due and not fired yet.
const FIRING: u16 = (LEVELS * SLOTS) as u16;
/// Place of an entry that is in no list.
const NOWHERE: u16 = u16::MAX;

/// A timer, part of a `Sleep`. Times are nanoseconds of the clock.
// The field order is fixed so that the compiler constructs an entry in place. With its own order it
// builds a temporary and copies it in pieces, which causes store-forwarding stalls.
#[repr(C)]
pub(crate) struct Entry {
    prev: Cell<*const Entry>,
    next: Cell<*const Entry>,
    deadline: Cell<u64>,
    /// Arming sequence number; breaks ties.
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

    /// Returns the arming sequence number, which is unique in the wheel.
    #[inline]
    pub(crate) fn order(&self) -> u64 {
        self.order.get()
    }

    /// Whether the entry is in the wheel, or due and not fired yet.
    #[inline]
    pub(crate) fn is_armed(&self) -> bool {
        self.place.get() != NOWHERE
    }

    /// Replaces the waker. Returns the former waker, to be dropped by the caller with nothing
    /// borrowed.
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

/// A timer that is firing.
pub(crate) struct Due {
    pub(crate) order: u64,
    pub(crate) deadline: u64,
    pub(crate) waker: Option<Waker>,
}

/// Doubly linked list of the entries of one slot.
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

/// The armed timers of one loop.
pub(crate) struct Wheel {
    lists: Box<[List; LEVELS * SLOTS + 1]>,
    /// A bit for each slot that is not empty.
    occupied: [u64; LEVELS],
    /// The present tick: all earlier slots are empty.
    tick: u64,
    armed: usize,
    order: u64,
    due: Vec<*const Entry>,
    fired: u64,
    late: u64,
}

/// Figures of a wheel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimerStats {
    /// Timers armed now.
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

    pub(crate) fn stats(&self) -> TimerStats {
        TimerStats {
            now: self.armed,
            // Each arming takes the next number.
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

    /// Links an entry into the slot of its deadline.
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

    /// Marks a list as empty.
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

    /// Returns the earliest occupied slot, and the tick at which it begins.
    fn first(&self) -> Option<(usize, u64)> {
        let level = self.occupied.iter().position(|&slots| slots != 0)?;
        // Every entry of a level is after the present tick and in the present turn of that level,
        // so the lowest bit is the earliest slot.
        let slot = u64::from(self.occupied[level].trailing_zeros());
        let shift = level as u32 * SLOT_BITS;
        let turn = self.tick >> shift >> SLOT_BITS << SLOT_BITS;
        Some((level * SLOTS + slot as usize, (turn | slot) << shift))
    }

    /// Returns a time that is not after the next deadline; `None` if no timer is armed.
    pub(crate) fn next(&self) -> Option<u64> {
        if !self.lists[usize::from(FIRING)].head.is_null() {
            return Some(0);
        }
        self.first().map(|(place, _)| self.lists[place].bound)
    }

    /// Calls `f` with the waker of each entry, until `f` breaks. `f` runs no user code.
    pub(crate) fn each_waker(
        &self,
        f: &mut dyn FnMut(&Waker) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        for list in self.lists.iter() {
            let mut next = list.head;
            while !next.is_null() {
                // SAFETY: a linked entry is alive, by the contract of `insert`. No user code runs
                // here, so no entry is unlinked meanwhile.
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

    /// Moves the entries that are due at `now` to the firing list, ordered by deadline, then by
    /// arming.
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
                // SAFETY: a linked entry is alive, by the contract of `insert`. No other code runs
                // while the list is traversed.
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
        // SAFETY: these entries were linked until `advance` took their lists, and no other code has
        // run since, so they are alive.
        due.sort_by_key(|&entry| unsafe { ((*entry).deadline.get(), (*entry).order.get()) });
        for &entry in &due {
            // SAFETY: as above.
            self.link(usize::from(FIRING), unsafe { &*entry });
        }
        due.clear();
        self.due = due;
    }

    /// Removes the next entry from the firing list. The caller wakes its waker with nothing
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
