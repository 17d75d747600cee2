//! The atomics and the queue that other threads reach, with loom's twins behind `--cfg loom`.
//!
//! Only what the models in `models.rs` explore comes through here; the rest of the crate uses std.
//! Without `--cfg loom` all of it is std itself, or nothing.

use std::alloc::Layout;
use std::ptr::NonNull;

#[cfg(not(loom))]
pub(crate) mod atomic {
    pub(crate) use std::sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, Ordering, fence,
    };
}

#[cfg(loom)]
pub(crate) mod atomic {
    pub(crate) use loom::sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, Ordering, fence,
    };
}

#[cfg(not(loom))]
pub(crate) use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

#[cfg(loom)]
pub(crate) use loom::sync::{Arc, Mutex, MutexGuard};

#[cfg(not(loom))]
pub(crate) use crossbeam_queue::{ArrayQueue as Bounded, SegQueue as Queue};

/// The stand-in for a bounded queue, as weak as that of [`Queue`]: a thread that nothing has told of
/// a push or a pop may still find the queue empty, or full.
#[cfg(loom)]
pub(crate) struct Bounded<T> {
    queue: Queue<T>,
    capacity: usize,
}

#[cfg(loom)]
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

/// A stand-in that loom can see through, and weaker than the real queue: the lock orders a push
/// before the pop of its item, but a thread that nothing has told of a push may find it empty.
#[cfg(loom)]
pub(crate) struct Queue<T> {
    items: Mutex<std::collections::VecDeque<T>>,
    count: loom::sync::atomic::AtomicUsize,
}

#[cfg(loom)]
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

/// What loom has no twin of: it shows the release of `set` and the acquire of `get`.
#[cfg(loom)]
pub(crate) struct OnceLock<T> {
    value: std::sync::OnceLock<T>,
    is_set: atomic::AtomicBool,
}

#[cfg(loom)]
impl<T> Default for OnceLock<T> {
    fn default() -> Self {
        OnceLock {
            value: std::sync::OnceLock::new(),
            is_set: atomic::AtomicBool::new(false),
        }
    }
}

#[cfg(loom)]
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

/// Stands guard over memory that is counted and freed by hand, so that loom sees a use after the
/// free, a use that races with the free, a second free, and a leak.
#[cfg(not(loom))]
pub(crate) struct Watch;

#[cfg(not(loom))]
impl Watch {
    #[inline(always)]
    pub(crate) fn new() -> Watch {
        Watch
    }

    /// The memory is in use: to be called at, or just before, the last thing a user does with it.
    #[inline(always)]
    pub(crate) fn look(&self) {}

    /// The memory is about to be freed.
    #[inline(always)]
    pub(crate) fn gone(&self) {}
}

#[cfg(loom)]
pub(crate) struct Watch(loom::cell::UnsafeCell<Option<loom::alloc::Track<()>>>);

#[cfg(loom)]
impl Watch {
    pub(crate) fn new() -> Watch {
        Watch(loom::cell::UnsafeCell::new(Some(loom::alloc::Track::new(
            (),
        ))))
    }

    pub(crate) fn look(&self) {
        // SAFETY: loom runs one thread at a time, and nobody keeps a reference.
        self.0
            .with(|track| assert!(unsafe { (*track).is_some() }, "used after it was freed"));
    }

    pub(crate) fn gone(&self) {
        // SAFETY: as above.
        let track = self.0.with_mut(|track| unsafe { (*track).take() });
        assert!(track.is_some(), "freed twice");
    }
}

/// Plain memory, of which the layout says that it is not empty.
#[inline]
pub(crate) fn allocate(layout: Layout) -> NonNull<u8> {
    assert!(layout.size() > 0);
    // SAFETY: the layout is not empty.
    let memory = unsafe { std::alloc::alloc(layout) };
    NonNull::new(memory).unwrap_or_else(|| std::alloc::handle_alloc_error(layout))
}

/// Gives back what [`allocate`] gave and a [`Watch`] stands guard over.
///
/// # Safety
/// It came from `allocate` with this layout, and nobody uses it any more.
#[cfg(not(loom))]
#[inline(always)]
pub(crate) unsafe fn deallocate(memory: NonNull<u8>, layout: Layout) {
    // SAFETY: by the contract.
    unsafe { std::alloc::dealloc(memory.as_ptr(), layout) };
}

/// Under loom it stays until the next execution, so that a use after free is a panic of its watch
/// and nothing worse.
#[cfg(loom)]
pub(crate) unsafe fn deallocate(memory: NonNull<u8>, layout: Layout) {
    struct Freed(NonNull<u8>, Layout);
    impl Drop for Freed {
        fn drop(&mut self) {
            // SAFETY: the contract of `deallocate`, which put it there.
            unsafe { std::alloc::dealloc(self.0.as_ptr(), self.1) };
        }
    }
    free(Box::new(Freed(memory, layout)));
}

/// The same for what is in a box.
#[cfg(loom)]
pub(crate) fn free<T: 'static>(memory: Box<T>) {
    FREED.with_borrow_mut(|freed| freed.push(memory));
}

#[cfg(loom)]
thread_local! {
    // All threads of a model are one thread of the system.
    static FREED: std::cell::RefCell<Vec<Box<dyn std::any::Any>>> =
        const { std::cell::RefCell::new(Vec::new()) };
}

/// Really frees what the last execution freed.
#[cfg(all(test, loom))]
pub(crate) fn empty_freed() {
    FREED.take();
}
