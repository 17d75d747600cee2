//! Counts what the allocator has given and not got back, in the cases that ask for it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering};

/// The system's allocator. Until someone asks, a call to it costs one load of a flag more.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static ASKED: AtomicBool = AtomicBool::new(false);
static IN_USE: AtomicIsize = AtomicIsize::new(0);

/// The bytes given since the first call and not got back: the difference of two calls says what
/// was taken in between.
pub fn in_use() -> isize {
    ASKED.store(true, Ordering::Relaxed);
    IN_USE.load(Ordering::Relaxed)
}

fn count(bytes: isize) {
    if ASKED.load(Ordering::Relaxed) {
        IN_USE.fetch_add(bytes, Ordering::Relaxed);
    }
}

// SAFETY: every call goes to `System` as it is, which is a right allocator; counting allocates
// nothing and cannot unwind.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's layout has a size, as `System` wants it too.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: as in `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller has `at` from here, so from `System`, with this layout.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as isize - layout.size() as isize);
        // SAFETY: as in `dealloc`, and the caller's size is not 0 and fits an `isize`.
        unsafe { System.realloc(at, layout, size) }
    }
}
