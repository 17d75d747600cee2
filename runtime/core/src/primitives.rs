//! Primitives that the models replace: atomics, locks, queues and memory. With `--cfg loom` they
//! are those of loom, with `--cfg shuttle` those of shuttle, which `lib.rs` imports under loom's
//! name.
//!
//! Only code that the models in `models.rs` explore uses this module; the rest of the crate uses
//! std. Without these flags the primitives are those of std, or empty.

use std::alloc::Layout;
use std::ptr::NonNull;

#[cfg(not(any(loom, shuttle)))]
pub(crate) mod atomic {
    pub(crate) use std::sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU8, AtomicU32, Ordering, fence,
    };

    pub(crate) use crate::sys::AtomicU64;
}

#[cfg(any(loom, shuttle))]
pub(crate) mod atomic {
    pub(crate) use loom::sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, Ordering, fence,
    };
}

#[cfg(not(any(loom, shuttle)))]
pub(crate) use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

#[cfg(any(loom, shuttle))]
pub(crate) use loom::sync::{Arc, Mutex, MutexGuard};

#[cfg(not(any(loom, shuttle)))]
pub(crate) use crossbeam_queue::{ArrayQueue as Bounded, SegQueue as Queue};

/// Replacement of the bounded queue, as weak as [`Queue`]: a thread that is not ordered after a
/// push or a pop may still find the queue empty, or full.
#[cfg(any(loom, shuttle))]
pub(crate) struct Bounded<T> {
    queue: Queue<T>,
    capacity: usize,
}

#[cfg(any(loom, shuttle))]
impl<T> Bounded<T> {
    pub(crate) fn new(capacity: usize) -> Self {
        Bounded {
            queue: Queue::new(),
            capacity,
        }
    }

    pub(crate) fn push(&self, item: T) -> Result<(), T> {
        if self.is_full() {
            return Err(item);
        }
        self.queue.push(item);
        Ok(())
    }

    pub(crate) fn is_full(&self) -> bool {
        self.queue.len() == self.capacity
    }

    pub(crate) fn pop(&self) -> Option<T> {
        self.queue.pop()
    }
}

/// Replacement of the queue that loom can explore. It is weaker than the real queue: the lock
/// orders a push before the pop of its item, but a thread that is not ordered after a push may find
/// the queue empty.
#[cfg(any(loom, shuttle))]
pub(crate) struct Queue<T> {
    items: Mutex<std::collections::VecDeque<T>>,
    count: loom::sync::atomic::AtomicUsize,
}

#[cfg(any(loom, shuttle))]
impl<T> Queue<T> {
    pub(crate) fn new() -> Self {
        Queue {
            items: Mutex::new(std::collections::VecDeque::new()),
            count: loom::sync::atomic::AtomicUsize::new(0),
        }
    }

    pub(crate) fn push(&self, item: T) {
        let mut items = self.items.lock().unwrap();
        items.push_back(item);
        self.count.fetch_add(1, atomic::Ordering::Relaxed);
    }

    pub(crate) fn pop(&self) -> Option<T> {
        if self.len() == 0 {
            return None;
        }
        let mut items = self.items.lock().unwrap();
        let item = items.pop_front()?;
        self.count.fetch_sub(1, atomic::Ordering::Relaxed);
        Some(item)
    }

    pub(crate) fn len(&self) -> usize {
        self.count.load(atomic::Ordering::Relaxed)
    }
}

/// Replacement of `OnceLock`, which loom does not have, with the release of `set` and the acquire
/// of `get`.
#[cfg(any(loom, shuttle))]
pub(crate) struct OnceLock<T> {
    value: std::sync::OnceLock<T>,
    is_set: atomic::AtomicBool,
}

#[cfg(any(loom, shuttle))]
impl<T> Default for OnceLock<T> {
    fn default() -> Self {
        OnceLock {
            value: std::sync::OnceLock::new(),
            is_set: atomic::AtomicBool::new(false),
        }
    }
}

#[cfg(any(loom, shuttle))]
impl<T> OnceLock<T> {
    pub(crate) fn set(&self, value: T) -> Result<(), T> {
        self.value.set(value)?;
        self.is_set.store(true, atomic::Ordering::Release);
        Ok(())
    }

    pub(crate) fn get(&self) -> Option<&T> {
        let is_set = self.is_set.load(atomic::Ordering::Acquire);
        self.value.get().filter(|_| is_set)
    }
}

#[cfg(loom)]
pub(crate) use loom::{alloc::Track, cell::UnsafeCell};
#[cfg(shuttle)]
pub(crate) use replacements::{Track, UnsafeCell};

/// Types of loom that shuttle does not have. They find leaks but no races: shuttle has one memory
/// order.
#[cfg(shuttle)]
mod replacements {
    use std::cell::Cell;

    thread_local! {
        // All threads of a model are one thread of the system.
        static ALIVE: Cell<isize> = const { Cell::new(0) };
    }

    /// Value that has to be dropped.
    pub(crate) struct Track<T>(#[allow(dead_code, reason = "it is kept")] T);

    impl<T> Track<T> {
        pub(crate) fn new(value: T) -> Track<T> {
            ALIVE.set(ALIVE.get() + 1);
            Track(value)
        }
    }

    impl<T> Drop for Track<T> {
        fn drop(&mut self) {
            ALIVE.set(ALIVE.get() - 1);
        }
    }

    /// Returns the number of live values, and resets it.
    #[cfg(test)]
    pub(crate) fn take_alive() -> isize {
        ALIVE.replace(0)
    }

    pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        pub(crate) fn new(value: T) -> UnsafeCell<T> {
            UnsafeCell(std::cell::UnsafeCell::new(value))
        }

        pub(crate) fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
            f(self.0.get())
        }

        pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
            f(self.0.get())
        }
    }
}
#[cfg(all(test, shuttle))]
pub(crate) use replacements::take_alive;

/// Checks memory that is counted and freed manually: with it loom finds a use after the free, a use
/// that races with the free, a second free, and a leak.
#[cfg(not(any(loom, shuttle)))]
pub(crate) struct Watch;

#[cfg(not(any(loom, shuttle)))]
impl Watch {
    #[inline(always)]
    pub(crate) fn new() -> Watch {
        Watch
    }

    /// Records a use of the memory. Called at, or just before, the last access of a user.
    #[inline(always)]
    pub(crate) fn look(&self) {}

    /// Records that the memory is about to be freed.
    #[inline(always)]
    pub(crate) fn gone(&self) {}
}

#[cfg(any(loom, shuttle))]
pub(crate) struct Watch(UnsafeCell<Option<Track<()>>>);

#[cfg(any(loom, shuttle))]
impl Watch {
    pub(crate) fn new() -> Watch {
        Watch(UnsafeCell::new(Some(Track::new(()))))
    }

    pub(crate) fn look(&self) {
        // SAFETY: models run one thread at a time, and no reference is kept.
        self.0
            .with(|track| assert!(unsafe { (*track).is_some() }, "used after it was freed"));
    }

    pub(crate) fn gone(&self) {
        // SAFETY: as above.
        let track = self.0.with_mut(|track| unsafe { (*track).take() });
        assert!(track.is_some(), "freed twice");
    }
}

/// Allocates memory. The layout must not be empty.
#[inline]
pub(crate) fn allocate(layout: Layout) -> NonNull<u8> {
    assert!(layout.size() > 0);
    // SAFETY: the layout is not empty.
    let memory = unsafe { std::alloc::alloc(layout) };
    NonNull::new(memory).unwrap_or_else(|| std::alloc::handle_alloc_error(layout))
}

/// Frees memory from [`allocate`] that has a [`Watch`].
///
/// # Safety
/// It came from `allocate` with this layout, and is not used any more.
#[cfg(not(any(loom, shuttle)))]
#[inline(always)]
pub(crate) unsafe fn deallocate(memory: NonNull<u8>, layout: Layout) {
    // SAFETY: by the contract.
    unsafe { std::alloc::dealloc(memory.as_ptr(), layout) };
}

/// Frees memory. Under loom this happens at the next execution, so that a use after free is a panic
/// of the memory's watch and not undefined behaviour.
#[cfg(any(loom, shuttle))]
pub(crate) unsafe fn deallocate(memory: NonNull<u8>, layout: Layout) {
    struct Freed(NonNull<u8>, Layout);
    impl Drop for Freed {
        fn drop(&mut self) {
            // SAFETY: by the contract of `deallocate`.
            unsafe { std::alloc::dealloc(self.0.as_ptr(), self.1) };
        }
    }
    free(Box::new(Freed(memory, layout)));
}

#[cfg(not(any(loom, shuttle)))]
pub(crate) use crate::sys::{discard, map, unmap};

/// As [`crate::sys`] does, from the allocator.
#[cfg(any(loom, shuttle))]
pub(crate) fn map(size: usize) -> Option<NonNull<u8>> {
    let layout = Layout::from_size_align(size, size).expect("a power of two");
    Some(allocate(layout))
}

/// Frees memory of [`map`], at the next execution.
///
/// # Safety
/// All of it came from `map`, and is not used any more.
#[cfg(any(loom, shuttle))]
pub(crate) unsafe fn unmap(memory: NonNull<u8>, size: usize) {
    let layout = Layout::from_size_align(size, size).expect("a power of two");
    // SAFETY: by the contract.
    unsafe { deallocate(memory, layout) };
}

/// Keeps the memory, so that a use after this is found by the memory's watch.
///
/// # Safety
/// As for `unmap`, but for a part.
#[cfg(any(loom, shuttle))]
pub(crate) unsafe fn discard(_: NonNull<u8>, _: usize) {}

/// Frees a box at the next execution.
#[cfg(any(loom, shuttle))]
pub(crate) fn free<T: 'static>(memory: Box<T>) {
    FREED.with_borrow_mut(|freed| freed.push(memory));
}

#[cfg(any(loom, shuttle))]
thread_local! {
    // All threads of a model are one thread of the system.
    static FREED: std::cell::RefCell<Vec<Box<dyn std::any::Any>>> =
        const { std::cell::RefCell::new(Vec::new()) };
}

/// Frees the memory that the last execution has freed.
#[cfg(all(test, any(loom, shuttle)))]
pub(crate) fn empty_freed() {
    FREED.take();
}
