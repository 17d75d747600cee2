//! Counts the allocated bytes, in the cases that measure memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering};

/// The system's allocator. Before the first call of [`in_use`] a call costs one load more.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static ASKED: AtomicBool = AtomicBool::new(false);
static IN_USE: AtomicIsize = AtomicIsize::new(0);

/// Returns the bytes allocated since the first call and not freed. The difference of two calls is
/// the memory that was allocated in between.
pub fn in_use() -> isize {
    ASKED.store(true, Ordering::Relaxed);
    IN_USE.load(Ordering::Relaxed)
}

fn count(bytes: isize) {
    if ASKED.load(Ordering::Relaxed) {
        IN_USE.fetch_add(bytes, Ordering::Relaxed);
    }
}

// SAFETY: every call is passed to `System` unchanged, which is a correct allocator; counting
// does not allocate and cannot unwind.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the size of the caller's layout is not zero, which `System` requires too.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: as in `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller got `at` from this allocator, so from `System`, with this layout.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as isize - layout.size() as isize);
        // SAFETY: as in `dealloc`, and the caller's size is not 0 and fits an `isize`.
        unsafe { System.realloc(at, layout, size) }
    }
}
