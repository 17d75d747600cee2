//! The memory of the tasks: chunks of places, and in one chunk all places have one size.
//!
//! A server spawns the same few futures over and over, so a place is nearly always taken from a
//! list and put back there, nothing is rounded up to the allocator's sizes, and tasks spawned
//! together lie together. The chunks also say which tasks there are, see [`Slab::task`].
//!
//! All of it is the owner's. A task that outlives its runtime keeps the executor, and so its chunk.

use std::alloc::Layout;
use std::array;
use std::cell::{Cell, RefCell};
use std::mem::offset_of;
use std::ptr::NonNull;

use crate::primitives;
use crate::task::header::{Header, TaskPtr};

/// Sizes are multiples of this, as a task begins with pointers.
const STEP: usize = 8;
/// Larger tasks are the allocator's.
const LARGEST: usize = 1024;
const CLASSES: usize = LARGEST / STEP + 1;

/// Chunks are aligned to this, so that an address tells its chunk.
const CHUNK: usize = 32 << 10;
/// Where the places end: the allocator's own words go into the rest, so that chunks can lie side by
/// side.
const END: usize = CHUNK - 64;

/// Where they begin: behind the head of the chunk, at a cache line.
const FIRST: usize = size_of::<Chunk>().next_multiple_of(64);

/// No more empty chunks than this are kept once the loop has nothing to do: a burst of tasks must not
/// hold its memory for ever. While bursts follow each other, the system need not clear pages for each.
const SPARE: usize = (1 << 20) / CHUNK;

/// A place without a task.
#[repr(C)]
struct Free {
    next: Option<NonNull<Free>>,
    /// Zero, where a task has the address of its vtable.
    no_vtable: usize,
}

const _: () = assert!(offset_of!(Header, vtable) == offset_of!(Free, no_vtable));

/// The head of a chunk.
struct Chunk {
    free: Cell<Option<NonNull<Free>>>,
    /// So many places have to come back until [`Slab::turn`] looks at the chunk.
    left: Cell<u32>,
    /// The first place that was never used, from the start of the chunk.
    fresh: Cell<u32>,
    class: u32,
    /// The chunk's number in `Slab::all`.
    number: Cell<u32>,
    /// In the list of those with vacant places?
    listed: Cell<bool>,
    before: Cell<Option<NonNull<Chunk>>>,
    after: Cell<Option<NonNull<Chunk>>>,
}

/// While a chunk is the current one, nobody counts what it holds.
const UNCOUNTED: u32 = u32::MAX;

/// Owner only.
pub(super) struct Slab {
    /// The chunk that places are taken from, for each size.
    current: [Cell<Option<NonNull<Chunk>>>; CLASSES],
    /// Others that have vacant places.
    vacant: [Cell<Option<NonNull<Chunk>>>; CLASSES],
    all: RefCell<Vec<NonNull<Chunk>>>,
    /// Chunks in `vacant` that are empty.
    spare: Cell<usize>,
    /// Chunks keep their numbers.
    pinned: Cell<bool>,
}

/// Where a walk over the tasks is.
#[derive(Default)]
pub(super) struct Cursor {
    chunk: usize,
    place: usize,
}

/// The size class of memory that is kept in chunks. Known at compile time where it is used.
#[inline(always)]
const fn class(layout: Layout) -> Option<usize> {
    // An address sanitizer sees a use after free only if the memory is really freed.
    let keep = !cfg!(wakeful_plain_alloc)
        && layout.size() >= size_of::<Free>()
        && layout.size() <= LARGEST
        && layout.size().is_multiple_of(STEP)
        && layout.align() == STEP;
    if keep {
        Some(layout.size() / STEP)
    } else {
        None
    }
}

/// Do tasks of this kind live in chunks?
#[inline(always)]
pub(super) const fn holds(layout: Layout) -> bool {
    class(layout).is_some()
}

fn chunk_layout() -> Layout {
    Layout::from_size_align(END, CHUNK).expect("a power of two")
}

/// The chunk that a place lies in.
#[inline(always)]
fn chunk_of(place: NonNull<u8>) -> NonNull<Chunk> {
    let chunk = place.as_ptr().map_addr(|address| address & !(CHUNK - 1));
    // SAFETY: a chunk is never at address zero, and the place is in one.
    unsafe { NonNull::new_unchecked(chunk) }.cast()
}

/// A view of a chunk's head. The lifetime is the caller's to keep within that of the chunk.
#[inline(always)]
fn head<'a>(chunk: NonNull<Chunk>) -> &'a Chunk {
    // SAFETY: every chunk that is in `current`, `vacant` or `all`, or holds a place in use, is
    // alive; its head is only ever shared, on one thread.
    unsafe { NonNull::as_ref(&chunk) }
}

impl Chunk {
    fn size(&self) -> usize {
        self.class as usize * STEP
    }

    fn capacity(&self) -> u32 {
        ((END - FIRST) / self.size()) as u32
    }
}

/// The task in the place that begins so far behind the start of the chunk, if one is there.
fn task_at(chunk: NonNull<Chunk>, offset: usize) -> Option<TaskPtr> {
    debug_assert!(offset < head(chunk).fresh.get() as usize);
    // SAFETY: the place is inside of the chunk.
    let place = unsafe { chunk.cast::<u8>().add(offset) }.cast::<Free>();
    // SAFETY: a place that was ever used is a `Free` or begins with a `Header`, and both have a
    // word there that is written before anyone walks, and not by another thread.
    let vtable = unsafe { (&raw const (*place.as_ptr()).no_vtable).read() };
    (vtable != 0).then_some(place.cast())
}

fn tasks_in(chunk: NonNull<Chunk>) -> impl Iterator<Item = TaskPtr> {
    (FIRST..head(chunk).fresh.get() as usize)
        .step_by(head(chunk).size())
        .filter_map(move |offset| task_at(chunk, offset))
}

impl Slab {
    pub(super) fn new() -> Slab {
        Slab {
            current: array::from_fn(|_| Cell::new(None)),
            vacant: array::from_fn(|_| Cell::new(None)),
            all: RefCell::default(),
            spare: Cell::new(0),
            pinned: Cell::new(false),
        }
    }

    /// Memory for a task, which has to be written before anything else is asked of the slab.
    #[inline(always)]
    pub(super) fn allocate(&self, layout: Layout) -> NonNull<u8> {
        let Some(class) = class(layout) else {
            return primitives::allocate(layout);
        };
        if let Some(chunk) = self.current[class].get()
            && let Some(place) = head(chunk).free.get()
        {
            // SAFETY: what is in the list is a `Free`.
            head(chunk).free.set(unsafe { place.as_ref() }.next);
            return place.cast();
        }
        self.allocate_slow(class)
    }

    #[cold]
    #[inline(never)]
    fn allocate_slow(&self, class: usize) -> NonNull<u8> {
        if let Some(chunk) = self.current[class].get() {
            if let Some(place) = take(chunk) {
                return place;
            }
            // Full. The first place that comes back is to be noticed.
            head(chunk).left.set(1);
        }
        let chunk = match self.vacant[class].get() {
            Some(chunk) => self.reuse(chunk),
            None => self.add(class),
        };
        head(chunk).left.set(UNCOUNTED);
        self.current[class].set(Some(chunk));
        take(chunk).expect("a vacant chunk has a place")
    }

    /// Takes a chunk out of the list of vacant ones.
    fn reuse(&self, chunk: NonNull<Chunk>) -> NonNull<Chunk> {
        self.unlink(chunk);
        let head = head(chunk);
        if head.left.get() == 0 {
            self.spare.set(self.spare.get() - 1);
            // From the front again, so that tasks spawned together lie together.
            head.free.set(None);
            head.fresh.set(FIRST as u32);
        }
        chunk
    }

    fn add(&self, class: usize) -> NonNull<Chunk> {
        let chunk = primitives::allocate(chunk_layout()).cast::<Chunk>();
        let mut all = self.all.borrow_mut();
        // SAFETY: nobody uses it yet; it is large enough and aligned.
        unsafe {
            chunk.write(Chunk {
                free: Cell::new(None),
                left: Cell::new(UNCOUNTED),
                fresh: Cell::new(FIRST as u32),
                class: class as u32,
                number: Cell::new(u32::try_from(all.len()).expect("fewer than 2^32 chunks")),
                listed: Cell::new(false),
                before: Cell::new(None),
                after: Cell::new(None),
            });
        }
        all.push(chunk);
        chunk
    }

    /// Takes the memory of a task back.
    ///
    /// # Safety
    /// It came from `allocate` of this slab with this layout, and nobody uses it.
    #[inline(always)]
    pub(super) unsafe fn deallocate(&self, memory: NonNull<u8>, layout: Layout) {
        if !holds(layout) {
            // SAFETY: by the contract.
            return unsafe { primitives::deallocate(memory, layout) };
        }
        let chunk = chunk_of(memory);
        let head = head(chunk);
        let place = memory.cast::<Free>();
        // SAFETY: nobody uses it; `class` has seen that it is large enough and aligned.
        unsafe {
            place.write(Free {
                next: head.free.get(),
                no_vtable: 0,
            });
        }
        head.free.set(Some(place));
        let left = head.left.get() - 1;
        head.left.set(left);
        if left == 0 {
            self.turn(chunk);
        }
    }

    /// A chunk that was full has a vacant place, or one that had vacant places is empty.
    #[cold]
    #[inline(never)]
    fn turn(&self, chunk: NonNull<Chunk>) {
        let head = head(chunk);
        if self.current[head.class as usize].get() == Some(chunk) {
            head.left.set(UNCOUNTED);
        } else if !head.listed.get() {
            head.left.set(head.capacity() - 1);
            self.link(chunk);
        } else {
            self.spare.set(self.spare.get() + 1);
        }
    }

    /// Gives empty chunks back, but for a few.
    #[inline(always)]
    pub(super) fn trim(&self) {
        if self.spare.get() > SPARE {
            self.trim_slow();
        }
    }

    #[cold]
    #[inline(never)]
    fn trim_slow(&self) {
        if self.pinned.get() {
            return;
        }
        // From the back, where a chunk that was looked at takes the place of one that goes.
        let chunks = self.all.borrow().len();
        for number in (0..chunks).rev() {
            let chunk = self.all.borrow()[number];
            if head(chunk).listed.get() && head(chunk).left.get() == 0 {
                self.unlink(chunk);
                self.free(chunk);
                self.spare.set(self.spare.get() - 1);
                if self.spare.get() == SPARE {
                    return;
                }
            }
        }
    }

    fn link(&self, chunk: NonNull<Chunk>) {
        let this = head(chunk);
        let next = self.vacant[this.class as usize].replace(Some(chunk));
        this.listed.set(true);
        this.after.set(next);
        if let Some(next) = next {
            head(next).before.set(Some(chunk));
        }
    }

    fn unlink(&self, chunk: NonNull<Chunk>) {
        let this = head(chunk);
        let (before, after) = (this.before.take(), this.after.take());
        this.listed.set(false);
        match before {
            Some(before) => head(before).after.set(after),
            None => self.vacant[this.class as usize].set(after),
        }
        if let Some(after) = after {
            head(after).before.set(before);
        }
    }

    /// Gives a chunk back that holds no task and is in no list but `all`.
    fn free(&self, chunk: NonNull<Chunk>) {
        let mut all = self.all.borrow_mut();
        let number = head(chunk).number.get();
        all.swap_remove(number as usize);
        if let Some(&moved) = all.get(number as usize) {
            head(moved).number.set(number);
        }
        // SAFETY: no place of it is in use and nothing points to it.
        unsafe { Slab::give_back(chunk) };
    }

    /// # Safety
    /// The chunk is from `add`, and nobody uses it any more.
    unsafe fn give_back(chunk: NonNull<Chunk>) {
        // SAFETY: `add` allocated it with this layout, and nobody uses it.
        unsafe { primitives::deallocate(chunk.cast(), chunk_layout()) };
    }

    /// From here on chunks stay where they are, empty or not: [`task`](Self::task) may be called
    /// while tasks come and go.
    pub(super) fn pin(&self) {
        self.pinned.set(true);
    }

    /// The next task of a walk over all that are held here. What is spawned meanwhile may be met or
    /// not; between two calls tasks may only be freed once the slab is [pinned](Self::pin).
    pub(super) fn task(&self, cursor: &mut Cursor) -> Option<TaskPtr> {
        let all = self.all.borrow();
        while let Some(&chunk) = all.get(cursor.chunk) {
            let head = head(chunk);
            let mut offset = FIRST + cursor.place * head.size();
            while offset < head.fresh.get() as usize {
                cursor.place += 1;
                if let Some(task) = task_at(chunk, offset) {
                    return Some(task);
                }
                offset += head.size();
            }
            cursor.chunk += 1;
            cursor.place = 0;
        }
        None
    }

    /// How many tasks are held here.
    pub(super) fn len(&self) -> usize {
        self.all
            .borrow()
            .iter()
            .map(|&chunk| self.held(chunk))
            .sum()
    }

    fn held(&self, chunk: NonNull<Chunk>) -> usize {
        let head = head(chunk);
        if head.listed.get() {
            head.left.get() as usize
        } else if self.current[head.class as usize].get() == Some(chunk) {
            tasks_in(chunk).count()
        } else {
            head.capacity() as usize
        }
    }

    /// Gives back every chunk without a task.
    pub(super) fn clear(&self) {
        for (current, vacant) in self.current.iter().zip(&self.vacant) {
            current.set(None);
            vacant.set(None);
        }
        self.spare.set(0);
        let mut all = self.all.borrow_mut();
        all.retain(|&chunk| {
            let held = tasks_in(chunk).next().is_some();
            if !held {
                // SAFETY: no place of it is in use, and no list has it any more.
                unsafe { Slab::give_back(chunk) };
            }
            held
        });
        for (number, &chunk) in all.iter().enumerate() {
            head(chunk).number.set(number as u32);
        }
    }
}

/// A place of this chunk, if it has one.
fn take(chunk: NonNull<Chunk>) -> Option<NonNull<u8>> {
    let head = head(chunk);
    if let Some(place) = head.free.get() {
        // SAFETY: what is in the list is a `Free`.
        head.free.set(unsafe { place.as_ref() }.next);
        return Some(place.cast());
    }
    let fresh = head.fresh.get() as usize;
    if fresh + head.size() > END {
        return None;
    }
    head.fresh.set((fresh + head.size()) as u32);
    // SAFETY: inside of the chunk, as it ends before `END`.
    Some(unsafe { chunk.cast::<u8>().add(fresh) })
}

impl Drop for Slab {
    /// Tasks that outlived the runtime kept the executor until here; their memory goes with it.
    fn drop(&mut self) {
        for chunk in self.all.take() {
            // SAFETY: whoever used a place has given the executor up.
            unsafe { Slab::give_back(chunk) };
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle)), not(wakeful_plain_alloc)))]
mod properties;

#[cfg(all(test, not(any(loom, shuttle)), not(wakeful_plain_alloc)))]
mod tests;
