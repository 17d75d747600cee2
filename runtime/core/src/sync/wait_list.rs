//! Intrusive first-in, first-out list of waiters.
//!
//! A [`Waiter`] is a part of the future that waits, so a wait allocates nothing, and a waiter is
//! added and removed in constant time.
//!
//! **No pointer here dangles.** A waiter in the list is pinned, so its memory is neither moved nor
//! reused before its drop, which removes it from the list. It holds a reference to its list or a
//! count of it, so the list lives longer. If a future is forgotten, its waiter stays in memory and
//! in the list, which may then be moved or dropped. This is harmless, as nodes point to each other
//! and never to the list.
//!
//! User code runs only in [`Waiter::poll`], in [`Popped::wake`] and in the drop of a waiter, while
//! nothing is borrowed. Other methods return a waker to the caller, which calls or drops it when
//! the primitive is in a consistent state.

use std::cell::Cell;
use std::fmt;
use std::marker::{PhantomData, PhantomPinned};
use std::ops::Deref;
use std::pin::Pin;
use std::ptr::NonNull;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::label::Label;
use super::waker_slot::{self, WakerSlot};

/// In the compiler's message for a primitive that is sent to another thread, this name says which
/// types to use instead.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BetweenThreadsUseAMeshOrAHandleOrAChannelOfTokio;

/// Marks a type that stays on its thread.
pub(crate) type OneThread = PhantomData<*const BetweenThreadsUseAMeshOrAHandleOrAChannelOfTokio>;

type Link<T> = Cell<Option<NonNull<Node<T>>>>;

/// List of waiters, each of which has a value.
pub(crate) struct WaitList<T> {
    _one_thread: OneThread,
    head: Link<T>,
    tail: Link<T>,
}

/// The part of a waiter that the list links.
struct Node<T> {
    previous: Link<T>,
    next: Link<T>,
    value: Cell<T>,
    slot: WakerSlot<Place>,
    _pinned: PhantomPinned,
}

/// Where a waiter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Not in the list yet, or removed by its own future.
    Outside,
    /// In the list. Only in this place a waiter has a waker; it has none if it was queued without.
    Queued,
    /// Taken out of the list by the primitive, or [served](Waiter::serve) before it was queued.
    Popped,
}

impl<T: Copy> WaitList<T> {
    pub(crate) const fn new() -> WaitList<T> {
        WaitList {
            _one_thread: PhantomData,
            head: Cell::new(None),
            tail: Cell::new(None),
        }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.head.get().is_none()
    }

    /// Returns the value of the first waiter.
    #[inline]
    pub(crate) fn front(&self) -> Option<T> {
        // SAFETY: see the top of this file.
        Some(unsafe { self.head.get()?.as_ref() }.value.get())
    }

    /// Takes the first waiter out and sets its value.
    #[inline]
    pub(crate) fn pop_front(&self, value: T) -> Option<Popped> {
        self.pop(self.head.get()?, value)
    }

    /// Takes the last waiter out and sets its value.
    #[inline]
    pub(crate) fn pop_back(&self, value: T) -> Option<Popped> {
        self.pop(self.tail.get()?, value)
    }

    #[inline]
    fn pop(&self, node: NonNull<Node<T>>, value: T) -> Option<Popped> {
        // SAFETY: see the top of this file.
        let node = unsafe { node.as_ref() };
        self.unlink(node);
        node.slot.state.set(Place::Popped);
        node.value.set(value);
        Some(Popped(node.slot.take()))
    }

    /// Returns the number of waiters, by counting them.
    pub(crate) fn count(&self) -> usize {
        let mut count = 0;
        let mut at = self.head.get();
        while let Some(node) = at {
            count += 1;
            // SAFETY: see the top of this file.
            at = unsafe { node.as_ref() }.next.get();
        }
        count
    }

    #[inline]
    fn push_back(&self, node: &Node<T>) {
        let pointer = NonNull::from(node);
        node.previous.set(self.tail.get());
        node.next.set(None);
        match self.tail.replace(Some(pointer)) {
            // SAFETY: see the top of this file.
            Some(last) => unsafe { last.as_ref() }.next.set(Some(pointer)),
            None => self.head.set(Some(pointer)),
        }
        node.slot.state.set(Place::Queued);
    }

    /// Unlinks a node that is in this list.
    #[inline]
    fn unlink(&self, node: &Node<T>) {
        let (previous, next) = (node.previous.take(), node.next.take());
        match previous {
            // SAFETY: see the top of this file.
            Some(previous) => unsafe { previous.as_ref() }.next.set(next),
            None => self.head.set(next),
        }
        match next {
            // SAFETY: see the top of this file.
            Some(next) => unsafe { next.as_ref() }.previous.set(previous),
            None => self.tail.set(previous),
        }
        node.slot.state.set(Place::Outside);
    }
}

impl<T> fmt::Debug for WaitList<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitList").finish_non_exhaustive()
    }
}

/// Waker of a waiter that was taken out of the list. `None` if it was queued before its first poll.
#[must_use = "the waiter has to be woken"]
pub(crate) struct Popped(Option<Waker>);

impl Popped {
    /// Wakes the waiter. Runs user code.
    #[inline]
    pub(crate) fn wake(self, label: &Label) {
        if let Some(waker) = self.0 {
            waker_slot::wake(waker, label);
        }
    }
}

/// Primitive that has a list of waiters.
///
/// # Safety
/// `waiters` always returns the same list, which is a part of the primitive.
pub(crate) unsafe trait HasWaiters {
    /// Value of a waiter.
    type Value: Copy;

    /// Returns the list.
    fn waiters(&self) -> &WaitList<Self::Value>;

    /// Returns the label of the primitive.
    fn label(&self) -> &Label;
}

/// Reference or counted pointer to a primitive.
///
/// # Safety
/// The primitive stays at its address, and is alive, for as long as the pointer is alive, also if
/// the pointer is moved.
pub(crate) unsafe trait Owner: Deref {}

// SAFETY: the primitive is borrowed for as long.
unsafe impl<T: ?Sized> Owner for &T {}
// SAFETY: the pointer holds a count, and an allocation does not move.
unsafe impl<T: ?Sized> Owner for Rc<T> {}

/// Waiter: a part of a future. Its drop removes it from the list, and drops its waker.
pub(crate) struct Waiter<P>
where
    P: Owner<Target: HasWaiters>,
{
    node: Node<<P::Target as HasWaiters>::Value>,
    owner: P,
}

impl<P> Waiter<P>
where
    P: Owner<Target: HasWaiters>,
{
    #[inline]
    pub(crate) fn new(owner: P, value: <P::Target as HasWaiters>::Value) -> Waiter<P> {
        Waiter {
            node: Node {
                previous: Cell::new(None),
                next: Cell::new(None),
                value: Cell::new(value),
                slot: WakerSlot::with_state(Place::Outside),
                _pinned: PhantomPinned,
            },
            owner,
        }
    }

    /// Returns the pointer to the primitive.
    #[inline]
    pub(crate) fn owner(&self) -> &P {
        &self.owner
    }

    #[inline]
    pub(crate) fn place(&self) -> Place {
        self.node.slot.state.get()
    }

    #[inline]
    pub(crate) fn value(&self) -> <P::Target as HasWaiters>::Value {
        self.node.value.get()
    }

    #[inline]
    pub(crate) fn set_value(&self, value: <P::Target as HasWaiters>::Value) {
        self.node.value.set(value);
    }

    /// Sets the value and the place of a waiter that got what it waits for without being queued.
    #[inline]
    pub(crate) fn serve(&self, value: <P::Target as HasWaiters>::Value) {
        debug_assert_eq!(self.place(), Place::Outside, "a queued waiter is popped");
        self.node.value.set(value);
        self.node.slot.state.set(Place::Popped);
    }

    /// Returns what `attempt` returns. If it returns nothing, queues the waiter behind the others,
    /// if it is not queued, and stores the waker.
    ///
    /// `attempt` may be called twice. It gets the waiter, runs no user code, and may test
    /// [`place`](Self::place).
    #[inline]
    pub(crate) fn poll<R>(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut attempt: impl FnMut(&Self) -> Option<R>,
    ) -> Poll<R> {
        let this = &*self;
        // SAFETY: the slot is a part of the waiter, which is pinned.
        unsafe {
            this.node
                .slot
                .poll(cx, this.owner.label(), || attempt(this), || this.link())
        }
    }

    /// Reports to the console that the wait has ended, for a poll that is ready without
    /// [`poll`](Self::poll). Then it runs user code.
    #[inline(always)]
    pub(crate) fn served(&self) {
        self.node.slot.served(self.owner.label());
    }

    /// Queues the waiter without a waker, if it is not queued.
    pub(crate) fn queue(self: Pin<&mut Self>) {
        self.link();
    }

    /// Links the node. `self` is pinned.
    #[inline]
    fn link(&self) {
        if self.place() != Place::Queued {
            self.owner.waiters().push_back(&self.node);
        }
    }

    /// Removes the waiter from the list, if it is there. Returns where it was, and its waker, which
    /// the caller drops with nothing borrowed. The waiter may wait again.
    #[inline]
    pub(crate) fn remove(self: Pin<&mut Self>) -> (Place, Option<Waker>) {
        self.unlink()
    }

    #[inline]
    fn unlink(&self) -> (Place, Option<Waker>) {
        let place = self.place();
        if place == Place::Queued {
            self.owner.waiters().unlink(&self.node);
        }
        self.node.slot.state.set(Place::Outside);
        (place, self.node.slot.take())
    }
}

impl<P> Drop for Waiter<P>
where
    P: Owner<Target: HasWaiters>,
{
    #[inline]
    fn drop(&mut self) {
        // In any other place it has no waker.
        if self.place() == Place::Queued {
            // `owner` is a field, so the list is alive while the waker is dropped, too.
            drop(self.unlink());
        }
    }
}

impl<P> fmt::Debug for Waiter<P>
where
    P: Owner<Target: HasWaiters>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiter")
            .field("place", &self.place())
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod properties;
