//! `SetOnce`: a value that is set once, and that tasks wait for.

use std::cell;
use std::error::Error;
use std::fmt;

use super::label::Kind;
use super::notify::Notify;

/// Cell that is set once, and that any number of tasks wait for. For tasks of one thread.
///
/// ```
/// use std::rc::Rc;
/// use wakeful::sync::SetOnce;
///
/// wakeful::block_on(async {
///     let address = Rc::new(SetOnce::new());
///     let task = {
///         let address = address.clone();
///         wakeful::spawn(async move { *address.wait().await })
///     };
///     address.set(7).unwrap();
///     assert_eq!(task.await.unwrap(), 7);
///     assert!(address.set(8).is_err());
/// });
/// ```
pub struct SetOnce<T> {
    notify: Notify,
    value: cell::OnceCell<T>,
}

impl<T> SetOnce<T> {
    /// Returns an empty cell.
    #[track_caller]
    pub fn new() -> SetOnce<T> {
        SetOnce::const_new()
    }

    /// Returns an empty cell, in constants too.
    #[track_caller]
    pub const fn const_new() -> SetOnce<T> {
        SetOnce {
            notify: Notify::labelled(Kind::SetOnce),
            value: cell::OnceCell::new(),
        }
    }

    /// Returns a cell with that value, or an empty one.
    #[track_caller]
    pub fn new_with(value: Option<T>) -> SetOnce<T> {
        match value {
            Some(value) => SetOnce::from(value),
            None => SetOnce::new(),
        }
    }

    /// Whether the cell has a value.
    pub fn initialized(&self) -> bool {
        self.value.get().is_some()
    }

    /// Returns the value, if there is one.
    pub fn get(&self) -> Option<&T> {
        self.value.get()
    }

    /// Sets the value, and wakes the tasks that wait for it.
    ///
    /// # Errors
    ///
    /// The given value, if the cell has one.
    pub fn set(&self, value: T) -> Result<(), SetOnceError<T>> {
        self.value.set(value).map_err(SetOnceError)?;
        self.notify.notify_waiters();
        Ok(())
    }

    /// Waits until there is a value, and returns it.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe.
    pub async fn wait(&self) -> &T {
        loop {
            if let Some(value) = self.value.get() {
                return value;
            }
            // A call of `set` from here on notifies the future, even before its first poll.
            self.notify.notified().await;
        }
    }

    /// Returns the value of a cell that is no longer needed.
    pub fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }
}

impl<T> Default for SetOnce<T> {
    #[track_caller]
    fn default() -> SetOnce<T> {
        SetOnce::new()
    }
}

impl<T> From<T> for SetOnce<T> {
    #[track_caller]
    fn from(value: T) -> SetOnce<T> {
        SetOnce {
            notify: Notify::labelled(Kind::SetOnce),
            value: cell::OnceCell::from(value),
        }
    }
}

impl<T: Clone> Clone for SetOnce<T> {
    #[track_caller]
    fn clone(&self) -> SetOnce<T> {
        SetOnce::new_with(self.get().cloned())
    }
}

impl<T: PartialEq> PartialEq for SetOnce<T> {
    fn eq(&self, other: &SetOnce<T>) -> bool {
        self.get() == other.get()
    }
}

impl<T: Eq> Eq for SetOnce<T> {}

impl<T: fmt::Debug> fmt::Debug for SetOnce<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetOnce")
            .field("value", &self.get())
            .finish_non_exhaustive()
    }
}

/// Error of [`SetOnce::set`], with the value that was not set.
#[derive(Debug, PartialEq, Eq)]
pub struct SetOnceError<T>(pub T);

impl<T> fmt::Display for SetOnceError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the cell has a value already")
    }
}

impl<T: fmt::Debug> Error for SetOnceError<T> {}
