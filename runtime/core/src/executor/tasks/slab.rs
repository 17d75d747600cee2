//! Slab of tasks: chunks of 32 KiB, each with slots of one size.
//!
//! A server spawns the same few futures over and over. So a slot is nearly always taken from a free
//! list and returned to it, sizes are not rounded up to those of the allocator, and tasks that are
//! spawned together are next to each other. A chunk is found from a task's address by a mask, and
//! only examined when it was full or becomes empty, so nothing is counted on the hot path.
//!
//! The chunks also tell which tasks exist, see [`Slab::task`]: in a free slot, the word where a
//! task has its vtable is zero. So a small task needs no entry in a table.
//!
//! This slab hands out memory of many sizes, whose address is the key; `crate::slab` has the tables
//! of values of one type.
//!
//! A slab belongs to the owner thread. A task that outlives its runtime keeps the executor alive,
//! and so its chunk. Under the address sanitizer (`--cfg wakeful_plain_alloc`) every task comes
//! from the allocator.

mod blocks;

use std::alloc::Layout;
use std::array;
use std::cell::{Cell, RefCell};
use std::mem::offset_of;
use std::ptr::NonNull;

use crate::primitives;
use crate::task::header::{Header, TaskPtr};
use blocks::Blocks;

/// Slot sizes are multiples of this. On 64 bits those of tasks are so too, as a task begins with
/// pointers.
const STEP: usize = 8;
/// The first slot of a chunk is aligned to this. So are the others of a size that is a multiple of
/// it, and correspondingly for smaller alignments.
const ALIGN: usize = 64;
/// Larger tasks come from the allocator.
const LARGEST: usize = 1024;
const CLASSES: usize = LARGEST / STEP + 1;

/// Size and alignment of a chunk, so that the chunk is found from the address of a slot.
const CHUNK: usize = 32 << 10;
/// End of the slots. The rest is left to the allocator's own data, so that the first chunks can be
/// adjacent.
const END: usize = CHUNK - 64;

/// Start of the slots: a cache line, behind the head of the chunk.
const FIRST: usize = size_of::<Chunk>().next_multiple_of(ALIGN);

/// Number of empty chunks that are kept when the loop is idle. The rest of a burst's memory is
/// freed; with these, a system with many bursts need not clear pages for each.
const SPARE: usize = (1 << 20) / CHUNK;

/// A free slot.
#[repr(C)]
struct Free {
    next: Option<NonNull<Free>>,
    /// Zero. A task has the address of its vtable here.
    no_vtable: usize,
}

const _: () = assert!(offset_of!(Header, vtable) == offset_of!(Free, no_vtable));

/// The head of a chunk.
struct Chunk {
    free: Cell<Option<NonNull<Free>>>,
    /// Number of slots to be freed until [`Slab::update`] examines the chunk.
    left: Cell<u32>,
    /// Offset of the first slot that was never used.
    fresh: Cell<u32>,
    class: u32,
    /// The chunk's number in `Slab::all`.
    number: Cell<u32>,
    /// Whether the chunk is in the list of chunks with free slots.
    listed: Cell<bool>,
    before: Cell<Option<NonNull<Chunk>>>,
    after: Cell<Option<NonNull<Chunk>>>,
}

/// Value of `left` for the current chunk, whose slots are not counted.
const UNCOUNTED: u32 = u32::MAX;

/// Allocator of tasks.
pub(super) struct Slab {
    /// The chunk to allocate from, for each size.
    current: [Cell<Option<NonNull<Chunk>>>; CLASSES],
    /// Lists of the other chunks with free slots, for each size.
    vacant: [Cell<Option<NonNull<Chunk>>>; CLASSES],
    all: RefCell<Vec<NonNull<Chunk>>>,
    blocks: Blocks,
    /// Number of empty chunks in `vacant`.
    spare: Cell<usize>,
    /// Whether no chunk is freed or renumbered.
    pinned: Cell<bool>,
}

/// Position of an iteration over the tasks.
#[derive(Default)]
pub(super) struct Cursor {
    chunk: usize,
    slot: usize,
}

/// Returns the size class of memory that is allocated in chunks. Constant at compile time where it
/// is used.
#[inline(always)]
const fn class(layout: Layout) -> Option<usize> {
    // The address sanitizer finds a use after free only if the memory is really freed.
    let keep = !cfg!(wakeful_plain_alloc)
        && layout.size() >= size_of::<Free>()
        && layout.size() <= LARGEST
        // So every slot of the chunk is aligned.
        && layout.align() <= ALIGN
        && layout.size().next_multiple_of(STEP).is_multiple_of(layout.align());
    if keep {
        Some(layout.size().div_ceil(STEP))
    } else {
        None
    }
}

/// Whether memory of this layout is allocated in chunks.
#[inline(always)]
pub(super) const fn holds(layout: Layout) -> bool {
    class(layout).is_some()
}

/// Returns the chunk that contains a slot.
#[inline(always)]
fn chunk_of(slot: NonNull<u8>) -> NonNull<Chunk> {
    let chunk = slot.as_ptr().map_addr(|address| address & !(CHUNK - 1));
    // SAFETY: a chunk is never at address zero, and the slot is in one.
    unsafe { NonNull::new_unchecked(chunk) }.cast()
}

/// Returns the head of a chunk. The caller keeps the lifetime within that of the chunk.
#[inline(always)]
fn head<'a>(chunk: NonNull<Chunk>) -> &'a Chunk {
    // SAFETY: every chunk that is in `current`, `vacant` or `all`, or holds a used slot, is alive;
    // its head is only ever shared, on one thread.
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

/// Returns the task in the slot at this offset of the chunk, if there is one.
fn task_at(chunk: NonNull<Chunk>, offset: usize) -> Option<TaskPtr> {
    debug_assert!(offset < head(chunk).fresh.get() as usize);
    // SAFETY: the slot is inside of the chunk.
    let slot = unsafe { chunk.cast::<u8>().add(offset) }.cast::<Free>();
    // SAFETY: a slot that was ever used is a `Free` or begins with a `Header`. Both have a word
    // there that is initialized before an iteration, and not written by another thread.
    let vtable = unsafe { (&raw const (*slot.as_ptr()).no_vtable).read() };
    (vtable != 0).then_some(slot.cast())
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
            blocks: Blocks::default(),
            spare: Cell::new(0),
            pinned: Cell::new(false),
        }
    }

    /// Allocates memory for a task. It has to be initialized before any other method is called.
    #[inline(always)]
    pub(super) fn allocate(&self, layout: Layout) -> NonNull<u8> {
        let Some(class) = class(layout) else {
            return primitives::allocate(layout);
        };
        if let Some(chunk) = self.current[class].get()
            && let Some(slot) = head(chunk).free.get()
        {
            // SAFETY: the slots in the free list are `Free`s.
            head(chunk).free.set(unsafe { slot.as_ref() }.next);
            return slot.cast();
        }
        self.allocate_slow(class)
    }

    #[cold]
    #[inline(never)]
    fn allocate_slow(&self, class: usize) -> NonNull<u8> {
        if let Some(chunk) = self.current[class].get() {
            if let Some(slot) = take(chunk) {
                return slot;
            }
            // The chunk is full: it is examined when the next slot is freed.
            head(chunk).left.set(1);
        }
        let chunk = match self.vacant[class].get() {
            Some(chunk) => self.reuse(chunk),
            None => self.add(class),
        };
        head(chunk).left.set(UNCOUNTED);
        self.current[class].set(Some(chunk));
        take(chunk).expect("a vacant chunk has a free slot")
    }

    /// Takes a chunk out of the list of chunks with free slots.
    fn reuse(&self, chunk: NonNull<Chunk>) -> NonNull<Chunk> {
        self.unlink(chunk);
        let head = head(chunk);
        if head.left.get() == 0 {
            self.spare.set(self.spare.get() - 1);
            // Slots are used from the front again, so that tasks that are spawned together are
            // adjacent.
            head.free.set(None);
            head.fresh.set(FIRST as u32);
        }
        chunk
    }

    /// Allocates a chunk.
    fn add(&self, class: usize) -> NonNull<Chunk> {
        let chunk = self.blocks.allocate().cast::<Chunk>();
        let mut all = self.all.borrow_mut();
        // SAFETY: just allocated; it is large enough and aligned.
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

    /// Frees the memory of a task.
    ///
    /// # Safety
    /// It came from `allocate` of this slab with this layout, and is not used any more.
    #[inline(always)]
    pub(super) unsafe fn deallocate(&self, memory: NonNull<u8>, layout: Layout) {
        if !holds(layout) {
            // SAFETY: by the contract.
            return unsafe { primitives::deallocate(memory, layout) };
        }
        let chunk = chunk_of(memory);
        let head = head(chunk);
        let slot = memory.cast::<Free>();
        // SAFETY: not used any more; `class` has checked that it is large enough. Slots are aligned
        // to `STEP`.
        unsafe {
            slot.write(Free {
                next: head.free.get(),
                no_vtable: 0,
            });
        }
        head.free.set(Some(slot));
        let left = head.left.get() - 1;
        head.left.set(left);
        if left == 0 {
            self.update(chunk);
        }
    }

    /// Updates the lists for a chunk that was full and has a free slot, or that has become empty.
    #[cold]
    #[inline(never)]
    fn update(&self, chunk: NonNull<Chunk>) {
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

    /// Frees empty chunks, except for a few.
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
        // From the back: the chunk that takes the number of a freed one was examined before.
        let chunks = self.all.borrow().len();
        for number in (0..chunks).rev() {
            let chunk = self.all.borrow()[number];
            if head(chunk).listed.get() && head(chunk).left.get() == 0 {
                self.unlink(chunk);
                self.free(chunk);
                self.spare.set(self.spare.get() - 1);
                if self.spare.get() == SPARE {
                    break;
                }
            }
        }
        self.all.borrow_mut().shrink_to_fit();
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

    /// Frees a chunk that holds no task and is in no list but `all`.
    fn free(&self, chunk: NonNull<Chunk>) {
        let mut all = self.all.borrow_mut();
        let number = head(chunk).number.get();
        all.swap_remove(number as usize);
        if let Some(&moved) = all.get(number as usize) {
            head(moved).number.set(number);
        }
        // SAFETY: none of its slots is in use and nothing points to it.
        unsafe { self.blocks.free(chunk.cast()) };
    }

    /// Keeps all chunks from here on, so that tasks may be freed during an iteration with
    /// [`task`](Self::task).
    pub(super) fn pin(&self) {
        self.pinned.set(true);
    }

    /// Returns the next task of an iteration. It may miss tasks that are spawned meanwhile. Between
    /// two calls tasks may only be freed once the slab is [pinned](Self::pin).
    pub(super) fn task(&self, cursor: &mut Cursor) -> Option<TaskPtr> {
        let all = self.all.borrow();
        while let Some(&chunk) = all.get(cursor.chunk) {
            let head = head(chunk);
            let mut offset = FIRST + cursor.slot * head.size();
            while offset < head.fresh.get() as usize {
                cursor.slot += 1;
                if let Some(task) = task_at(chunk, offset) {
                    return Some(task);
                }
                offset += head.size();
            }
            cursor.chunk += 1;
            cursor.slot = 0;
        }
        None
    }

    /// Returns the number of tasks.
    pub(super) fn len(&self) -> usize {
        self.all
            .borrow()
            .iter()
            .map(|&chunk| self.held(chunk))
            .sum()
    }

    /// Returns the number of tasks in a chunk.
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

    /// Frees every chunk without a task.
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
                // SAFETY: none of its slots is in use, and it is in no list any more.
                unsafe { self.blocks.free(chunk.cast()) };
            }
            held
        });
        for (number, &chunk) in all.iter().enumerate() {
            head(chunk).number.set(number as u32);
        }
    }
}

/// Takes a free slot of a chunk, if it has one.
fn take(chunk: NonNull<Chunk>) -> Option<NonNull<u8>> {
    let head = head(chunk);
    if let Some(slot) = head.free.get() {
        // SAFETY: the slots in the free list are `Free`s.
        head.free.set(unsafe { slot.as_ref() }.next);
        return Some(slot.cast());
    }
    let fresh = head.fresh.get() as usize;
    if fresh + head.size() > END {
        return None;
    }
    head.fresh.set((fresh + head.size()) as u32);
    // SAFETY: the slot is inside of the chunk, as it ends before `END`.
    Some(unsafe { chunk.cast::<u8>().add(fresh) })
}

impl Drop for Slab {
    /// Frees all chunks. Tasks that outlived the runtime have kept the executor alive until here.
    fn drop(&mut self) {
        for chunk in self.all.take() {
            // SAFETY: each task in it held the executor, so all of them have been freed.
            unsafe { self.blocks.free(chunk.cast()) };
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle)), not(wakeful_plain_alloc)))]
mod properties;

#[cfg(all(test, not(any(loom, shuttle)), not(wakeful_plain_alloc)))]
mod tests;
