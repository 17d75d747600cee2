//! State that the handles of a watch channel share: the value, and the waiting tasks.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::mem;
use std::ops::Deref;
use std::panic::Location;
use std::rc::Rc;

use super::error::RecvError;
use crate::sync::event::Event;

/// What all handles of a channel share.
pub(super) struct Shared<T> {
    /// `None` while a closure of the user has it.
    pub(super) value: Cell<Option<Rc<T>>>,
    /// Number of changes.
    pub(super) version: Cell<u64>,
    pub(super) senders: Cell<usize>,
    pub(super) receivers: Cell<usize>,
    /// Wakes receivers when the version changes or the last sender is dropped.
    pub(super) changed: Event,
    /// Wakes senders when the last receiver is dropped.
    pub(super) unwatched: Event,
    /// Where the last `Ref` was made.
    pub(super) last_ref: Cell<Option<&'static Location<'static>>>,
}

/// Value of a watch channel. It stays as it is for as long as this exists; see [the
/// module](super#while-a-ref-is-alive).
pub struct Ref<'a, T> {
    value: Rc<T>,
    has_changed: bool,
    /// The lifetime is tokio's.
    _channel: PhantomData<&'a T>,
}

impl<T> Ref<'_, T> {
    /// Whether the value is newer than the one that the receiver had seen before. Always `false`
    /// for [`Sender::borrow`](super::Sender::borrow).
    ///
    /// ```
    /// use wakeful::sync::watch;
    ///
    /// let (sender, mut receiver) = watch::channel(1);
    /// sender.send(2).unwrap();
    /// assert!(receiver.borrow_and_update().has_changed());
    /// assert!(!receiver.borrow_and_update().has_changed());
    /// ```
    pub fn has_changed(&self) -> bool {
        self.has_changed
    }
}

impl<T> Deref for Ref<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Ref<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ref")
            .field("value", &self.value)
            .field("has_changed", &self.has_changed)
            .finish()
    }
}

/// The value, while a closure of the user or a replacement has it. The drop puts it back.
pub(super) struct Taken<'a, T> {
    shared: &'a Shared<T>,
    pub(super) value: Option<Rc<T>>,
}

impl<T> Drop for Taken<'_, T> {
    fn drop(&mut self) {
        self.shared.value.set(self.value.take());
    }
}

impl<T> Taken<'_, T> {
    /// Returns the value, unless a `Ref` has it as well.
    #[inline]
    pub(super) fn get_mut(&mut self) -> Option<&mut T> {
        self.value.as_mut().and_then(Rc::get_mut)
    }

    /// Returns the value.
    ///
    /// # Panics
    ///
    /// If a `Ref` has it as well.
    #[track_caller]
    pub(super) fn alone(&mut self, method: &str) -> &mut T {
        let made_at = self.shared.last_ref.get();
        if let Some(value) = self.get_mut() {
            return value;
        }
        let made_at = made_at.map_or(String::new(), |at| {
            format!("; the last one was made at {at}")
        });
        panic!(
            "watch: {method} can't change the value while a Ref is alive: drop it before, or use \
             send{made_at}"
        );
    }
}

impl<T> Shared<T> {
    /// Takes the value out. Runs no user code.
    #[inline]
    #[track_caller]
    pub(super) fn take(&self) -> Taken<'_, T> {
        let value = self.value.take();
        assert!(
            value.is_some(),
            "watch: a closure of send_modify or send_if_modified used the value of its own channel"
        );
        let shared = self;
        Taken { shared, value }
    }

    /// Returns a count of the value.
    #[inline]
    #[track_caller]
    fn share(&self) -> Rc<T> {
        let value = self.take().value.clone();
        value.expect("`take` has tested it")
    }

    /// Returns the value. `made_at` is for the message of [`Taken::alone`].
    #[inline]
    #[track_caller]
    pub(super) fn borrow<'a>(
        &self,
        has_changed: bool,
        made_at: Option<&'static Location<'static>>,
    ) -> Ref<'a, T> {
        let value = self.share();
        self.last_ref.set(made_at);
        Ref {
            value,
            has_changed,
            _channel: PhantomData,
        }
    }

    /// Counts a change and wakes the receivers. Runs user code.
    #[inline]
    pub(super) fn announce(&self) {
        self.version.set(self.version.get().wrapping_add(1));
        self.changed.wake_all();
    }

    /// Returns `Some` if there is a version that has not been seen, and marks it as seen, or if no
    /// sender is left. Runs no user code.
    pub(super) fn unseen(&self, seen: &mut u64) -> Option<Result<(), RecvError>> {
        let version = self.version.get();
        if mem::replace(seen, version) != version {
            return Some(Ok(()));
        }
        (self.senders.get() == 0).then_some(Err(RecvError(())))
    }
}
