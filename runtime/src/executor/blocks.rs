//! Memory of tasks that have ended, kept for tasks to come: a server spawns the same few futures
//! over and over.
//!
//! A list for each size, so nothing is rounded up and nothing is searched. Memory of tasks that
//! outlive their runtime never comes here, so all of it is the owner's.

use std::alloc::Layout;
use std::array;
use std::cell::Cell;
use std::ptr::NonNull;

use crate::sync;

/// Sizes are multiples of this, as a task begins with pointers.
const STEP: usize = 8;
/// Larger ones are not kept.
const LARGEST: usize = 1024;
/// No more than this is kept, in bytes: a burst of tasks must not hold its memory for ever.
const ROOM: usize = 1 << 20;

/// The memory itself says which is the next.
struct Free {
    next: Option<NonNull<Free>>,
}

/// Owner only.
pub(super) struct Blocks {
    lists: [Cell<Option<NonNull<Free>>>; LARGEST / STEP + 1],
    /// Bytes that may still be kept.
    room: Cell<usize>,
}

/// The list for memory of this kind, if it may be kept. Known at compile time where it is used.
#[inline(always)]
const fn list(layout: Layout) -> Option<usize> {
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

impl Blocks {
    pub(super) fn new() -> Blocks {
        Blocks {
            lists: array::from_fn(|_| Cell::new(None)),
            room: Cell::new(ROOM),
        }
    }

    /// Memory for a task.
    #[inline(always)]
    pub(super) fn allocate(&self, layout: Layout) -> NonNull<u8> {
        if let Some(list) = list(layout)
            && let Some(block) = self.lists[list].get()
        {
            // SAFETY: what is in a list is ours and says what comes next.
            self.lists[list].set(unsafe { block.as_ref() }.next);
            self.room.set(self.room.get() + layout.size());
            return block.cast();
        }
        sync::allocate(layout)
    }

    /// Takes the memory of a task back.
    ///
    /// # Safety
    /// It came from `allocate` with this layout, perhaps of other `Blocks`, and nobody uses it.
    #[inline(always)]
    pub(super) unsafe fn deallocate(&self, memory: NonNull<u8>, layout: Layout) {
        if let Some(list) = list(layout)
            && let Some(room) = self.room.get().checked_sub(layout.size())
        {
            self.room.set(room);
            let block = memory.cast::<Free>();
            // SAFETY: nobody uses it; `list` has seen that it is large enough and aligned.
            unsafe {
                block.write(Free {
                    next: self.lists[list].get(),
                })
            };
            self.lists[list].set(Some(block));
            return;
        }
        // SAFETY: by the contract.
        unsafe { sync::deallocate(memory, layout) };
    }

    /// Gives everything back that is kept.
    pub(super) fn clear(&self) {
        for (index, list) in self.lists.iter().enumerate() {
            let layout = Layout::from_size_align(index * STEP, STEP).expect("a small layout");
            while let Some(block) = list.get() {
                // SAFETY: what is in a list is ours and says what comes next.
                list.set(unsafe { block.as_ref() }.next);
                // SAFETY: it came from `allocate`, with the layout of its list.
                unsafe { sync::deallocate(block.cast(), layout) };
            }
        }
        self.room.set(ROOM);
    }
}

impl Drop for Blocks {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(all(test, not(loom), not(wakeful_plain_alloc)))]
mod tests {
    use super::*;

    const SMALL: Layout = Layout::new::<[u64; 9]>();

    #[test]
    fn the_last_one_freed_is_the_next_one_given() {
        let blocks = Blocks::new();
        let (one, two) = (blocks.allocate(SMALL), blocks.allocate(SMALL));
        assert_ne!(one, two);
        // SAFETY: allocated above with this layout, and unused.
        unsafe {
            blocks.deallocate(one, SMALL);
            blocks.deallocate(two, SMALL);
        }
        assert_eq!(blocks.allocate(SMALL), two);
        assert_eq!(blocks.allocate(SMALL), one);
        // SAFETY: as above.
        unsafe {
            blocks.deallocate(one, SMALL);
            blocks.deallocate(two, SMALL);
        }
        blocks.clear();
        assert!(blocks.lists.iter().all(|list| list.get().is_none()));
        assert_eq!(blocks.room.get(), ROOM);
    }

    #[test]
    fn a_size_has_a_list_of_its_own() {
        let other = Layout::new::<[u64; 10]>();
        let blocks = Blocks::new();
        let one = blocks.allocate(SMALL);
        // SAFETY: allocated above with this layout, and unused.
        unsafe { blocks.deallocate(one, SMALL) };
        let two = blocks.allocate(other);
        assert_ne!(one, two);
        // SAFETY: as above.
        unsafe { blocks.deallocate(two, other) };
    }

    #[test]
    fn what_is_kept_has_a_limit() {
        let layout = Layout::new::<[u64; LARGEST / 8]>();
        let blocks = Blocks::new();
        let all: Vec<_> = (0..ROOM / LARGEST + 10)
            .map(|_| blocks.allocate(layout))
            .collect();
        for block in all {
            // SAFETY: allocated above with this layout, and unused.
            unsafe { blocks.deallocate(block, layout) };
        }
        assert_eq!(blocks.room.get(), 0);
        blocks.clear();
        assert_eq!(blocks.room.get(), ROOM);
    }

    #[test]
    fn the_large_and_the_oddly_aligned_are_not_kept() {
        #[repr(align(64))]
        struct Wide([u8; 64]);
        let blocks = Blocks::new();
        for layout in [Layout::new::<Wide>(), Layout::new::<[u64; 200]>()] {
            let block = blocks.allocate(layout);
            // SAFETY: allocated above with this layout, and unused.
            unsafe { blocks.deallocate(block, layout) };
            assert_eq!(blocks.room.get(), ROOM);
        }
        assert_eq!(Wide([0; 64]).0[0], 0);
    }
}
