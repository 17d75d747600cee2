//! A value of one thread in a type that is `Send` and `Sync`.
//!
//! Each access checks the thread, so the value is used on its own thread alone. Only the drop can't
//! be refused: on another thread the box of the value is sent to the loop of its thread, which
//! drops it there. The value itself never moves, so it may be pinned. If there is no loop any more,
//! the value is leaked.

mod pass;

use std::any::type_name;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::executor::{Executor, current};
use crate::id::ThreadNumber;
use crate::report::report;

/// Value that stays on the thread that made it, in a type that is `Send` and `Sync`.
///
/// It is for interfaces that require `Send` although nothing crosses threads there: the handlers of
/// `axum`, the sockets of `quinn`. Each access compares the number of the thread, which takes a few
/// instructions. The wrapper implements [`Future`], `Stream`, `Sink` and the I/O traits if the
/// value does.
///
/// ```
/// use std::{cell::Cell, rc::Rc};
/// use wakeful::ThreadBound;
///
/// fn needs_send<F: Future<Output = u32> + Send + 'static>(future: F) -> F {
///     future
/// }
///
/// wakeful::block_on(async {
///     let local = Rc::new(Cell::new(20));
///     let future = needs_send(ThreadBound::new(async move { local.get() + 1 }));
///     assert_eq!(future.await, 21);
/// });
/// ```
///
/// # Panics
///
/// Every access on another thread panics, a poll as well: the text names the type of the value and
/// the thread. [`try_get`](Self::try_get) and [`is_accessible`](Self::is_accessible) do not panic.
///
/// # Drop
///
/// A drop on another thread does not panic. The wrapper remembers the runtime in which it was made,
/// and sends the value to that runtime's loop, which drops it soon. If the runtime has ended, or
/// there was none, the value is leaked, as no other thread may drop it. The first leak of a process
/// is reported on standard error.
///
/// The value is in an allocation of its own, which does not move when the wrapper does. So a value
/// that is pinned stays pinned until it is dropped, wherever the wrapper is dropped.
pub struct ThreadBound<T: 'static> {
    /// `None` only during the drop.
    value: Option<Box<T>>,
    owner: ThreadNumber,
    /// The runtime that drops the value if the wrapper is dropped on another thread.
    executor: Option<Arc<Executor>>,
    /// As the value can be pinned through the wrapper, the wrapper is `Unpin` only if the value is.
    _pinned: PhantomData<T>,
}

// SAFETY: the value is accessed, and dropped, only on the thread of `owner`, which is the thread
// that made it: `check` comes before each access, and `drop` compares the thread too. On other
// threads only the box's pointer is moved. A thread's number is never reused. The executor is `Send`
// and `Sync`.
unsafe impl<T> Send for ThreadBound<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for ThreadBound<T> {}

impl<T> ThreadBound<T> {
    /// Binds a value to this thread.
    pub fn new(value: T) -> ThreadBound<T> {
        ThreadBound {
            value: Some(Box::new(value)),
            owner: ThreadNumber::current(),
            executor: current::try_with(Executor::shared),
            _pinned: PhantomData,
        }
    }

    /// Whether the calling thread is that of the value, so that an access does not panic.
    pub fn is_accessible(&self) -> bool {
        self.owner.is_current()
    }

    /// Returns the value, or `None` on another thread.
    pub fn try_get(&self) -> Option<&T> {
        self.is_accessible().then_some(self)?.value.as_deref()
    }

    /// Returns the value.
    ///
    /// # Panics
    ///
    /// On another thread. The value is then dropped as by a [drop](Self#drop) there.
    #[track_caller]
    pub fn into_inner(mut self) -> T {
        self.check();
        *self
            .value
            .take()
            .expect("the value is there until the drop")
    }

    /// Returns the pinned value, for methods such as `Sleep::reset`.
    ///
    /// # Panics
    ///
    /// On another thread.
    #[track_caller]
    pub fn as_pin_mut(self: Pin<&mut Self>) -> Pin<&mut T> {
        self.check();
        // SAFETY: the value is in a box, which keeps its address until the value is dropped or
        // leaked. `DerefMut` and `into_inner`, which could move it out, need a `&mut` or the
        // wrapper itself, which a caller with a pinned wrapper has only if `T` is `Unpin`.
        unsafe { self.map_unchecked_mut(|this| this.value_mut()) }
    }

    fn value_mut(&mut self) -> &mut T {
        let value = self.value.as_deref_mut();
        value.expect("the value is there until the drop")
    }

    #[inline]
    #[track_caller]
    fn check(&self) {
        if !self.is_accessible() {
            refuse(type_name::<T>());
        }
    }
}

#[cold]
#[track_caller]
fn refuse(value: &str) -> ! {
    let current = match thread::current().name() {
        Some(name) => format!("the thread `{name}`"),
        None => "a thread without a name".to_owned(),
    };
    panic!(
        "a `ThreadBound<{value}>` was used on {current}, but its value belongs to the thread that \
         made it: use it there, for example in a closure for `Handle::spawn_with`",
    );
}

impl<T> Deref for ThreadBound<T> {
    type Target = T;

    #[track_caller]
    fn deref(&self) -> &T {
        self.check();
        let value = self.value.as_deref();
        value.expect("the value is there until the drop")
    }
}

impl<T> DerefMut for ThreadBound<T> {
    #[track_caller]
    fn deref_mut(&mut self) -> &mut T {
        self.check();
        self.value_mut()
    }
}

impl<T> From<T> for ThreadBound<T> {
    fn from(value: T) -> ThreadBound<T> {
        ThreadBound::new(value)
    }
}

/// # Panics
///
/// On another thread than that of the value.
impl<T: Clone> Clone for ThreadBound<T> {
    #[track_caller]
    fn clone(&self) -> ThreadBound<T> {
        ThreadBound::new(T::clone(self))
    }
}

impl<T: Default> Default for ThreadBound<T> {
    fn default() -> ThreadBound<T> {
        ThreadBound::new(T::default())
    }
}

impl<T: fmt::Debug> fmt::Debug for ThreadBound<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tuple = f.debug_tuple("ThreadBound");
        match self.try_get() {
            Some(value) => tuple.field(value),
            None => tuple.field(&format_args!("<of another thread>")),
        };
        tuple.finish()
    }
}

impl<T> Drop for ThreadBound<T> {
    fn drop(&mut self) {
        let Some(value) = self.value.take() else {
            return;
        };
        if self.is_accessible() {
            return drop(value);
        }
        let Some(executor) = self.executor.take() else {
            return leak(value);
        };
        // A runtime that has ended drops the call on this thread, and then the value is leaked.
        let returned = ThreadBound {
            value: Some(value),
            owner: self.owner,
            executor: None,
            _pinned: PhantomData,
        };
        executor.call(Box::new(move || drop(returned)));
    }
}

#[cold]
fn leak<T>(value: Box<T>) {
    static IS_REPORTED: AtomicBool = AtomicBool::new(false);
    std::mem::forget(value);
    if !IS_REPORTED.swap(true, Ordering::Relaxed) {
        report!(
            "wakeful: a `ThreadBound<{}>` was dropped on another thread, and the runtime in which \
             it was made has ended, or there was none, so its value is leaked; further leaks are \
             not reported",
            type_name::<T>()
        );
    }
}
