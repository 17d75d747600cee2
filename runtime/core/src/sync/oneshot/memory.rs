//! Memory of the channels. A channel lives shortly, and the allocator would take most of its time.
//! So each thread keeps a few freed blocks for its next channels.
//!
//! No user code runs here.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::Cell;
use std::ptr::NonNull;

/// Layout of the blocks that are kept. It is enough for a value of about 40 bytes.
const BLOCK: Layout = match Layout::from_size_align(128, 16) {
    Ok(layout) => layout,
    Err(_) => panic!("16 is a power of two"),
};

/// Number of blocks that a thread keeps at most.
const KEPT: u32 = 64;

/// A block that is kept.
struct Free {
    next: Option<NonNull<Free>>,
}

/// The blocks that a thread keeps: a list through the blocks themselves.
struct Kept {
    first: Cell<Option<NonNull<Free>>>,
    count: Cell<u32>,
}

thread_local! {
    static KEPT_BLOCKS: Kept = const {
        Kept {
            first: Cell::new(None),
            count: Cell::new(0),
        }
    };
}

impl Kept {
    #[inline]
    fn pop(&self) -> Option<NonNull<Free>> {
        let block = self.first.get()?;
        // SAFETY: a block in the list has a `Free`, and belongs to the list.
        self.first.set(unsafe { block.as_ref() }.next);
        self.count.set(self.count.get() - 1);
        Some(block)
    }

    /// Keeps a block. Returns whether there was a place for it.
    ///
    /// # Safety
    /// The block is of the layout `BLOCK`, and is not used any more.
    #[inline]
    unsafe fn push(&self, block: NonNull<Free>) -> bool {
        if self.count.get() == KEPT {
            return false;
        }
        let next = self.first.replace(Some(block));
        // SAFETY: the block is large enough and belongs to the caller.
        unsafe { block.write(Free { next }) };
        self.count.set(self.count.get() + 1);
        true
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        while let Some(block) = self.pop() {
            // SAFETY: `push` got it with this layout.
            unsafe { dealloc(block.as_ptr().cast(), BLOCK) };
        }
    }
}

/// Whether memory for a `T` is kept. Not under the address sanitizer, which is to see each channel.
const fn is_kept<T>() -> bool {
    let layout = Layout::new::<T>();
    !cfg!(wakeful_plain_alloc) && layout.size() <= BLOCK.size() && layout.align() <= BLOCK.align()
}

/// Allocates memory for a `T`, which is not a zero-sized type.
#[inline]
pub(super) fn allocate<T>() -> NonNull<T> {
    if is_kept::<T>()
        && let Ok(Some(block)) = KEPT_BLOCKS.try_with(Kept::pop)
    {
        return block.cast();
    }
    allocate_new(if is_kept::<T>() {
        BLOCK
    } else {
        Layout::new::<T>()
    })
    .cast()
}

#[cold]
#[inline(never)]
fn allocate_new(layout: Layout) -> NonNull<u8> {
    // SAFETY: neither layout is of size zero.
    let memory = unsafe { alloc(layout) };
    NonNull::new(memory).unwrap_or_else(|| handle_alloc_error(layout))
}

/// Frees memory of a `T`.
///
/// # Safety
/// It came from `allocate::<T>`, and is not used any more.
#[inline]
pub(super) unsafe fn free<T>(memory: NonNull<T>) {
    // SAFETY: the caller's promise; `allocate` has chosen the layout in the same way.
    unsafe {
        if !is_kept::<T>() {
            return dealloc(memory.as_ptr().cast(), Layout::new::<T>());
        }
        let block = memory.cast();
        if !KEPT_BLOCKS
            .try_with(|kept| kept.push(block))
            .unwrap_or(false)
        {
            dealloc(block.as_ptr().cast(), BLOCK);
        }
    }
}
