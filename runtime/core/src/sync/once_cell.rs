//! `OnceCell`: a value that the first task computes and the others wait for.

use std::cell;
use std::error::Error;
use std::fmt;
use std::future::Future;

use super::label::Kind;
use super::semaphore::{Semaphore, SemaphorePermit, TryAcquireError};

/// Cell that is set once. The first task that needs the value runs an async initializer; others
/// wait for it. For tasks of one thread.
///
/// ```
/// use wakeful::sync::OnceCell;
///
/// thread_local! {
///     static CONFIG: OnceCell<String> = const { OnceCell::const_new() };
/// }
///
/// async fn load() -> String {
///     "from a file".to_owned()
/// }
///
/// wakeful::block_on(async {
///     let cell = OnceCell::new();
///     assert_eq!(cell.get_or_init(load).await, "from a file");
///     assert_eq!(cell.get().unwrap(), "from a file");
/// });
/// # assert!(!CONFIG.with(OnceCell::initialized));
/// ```
pub struct OnceCell<T> {
    /// Has one permit, for the task that runs an initializer. It is closed once there is a value.
    semaphore: Semaphore,
    value: cell::OnceCell<T>,
}

impl<T> OnceCell<T> {
    /// Returns an empty cell.
    #[track_caller]
    pub fn new() -> OnceCell<T> {
        OnceCell::const_new()
    }

    /// Returns an empty cell, in constants too.
    #[track_caller]
    pub const fn const_new() -> OnceCell<T> {
        OnceCell {
            semaphore: Semaphore::labelled(1, Kind::OnceCell),
            value: cell::OnceCell::new(),
        }
    }

    /// Returns a cell with that value, or an empty one.
    #[track_caller]
    pub fn new_with(value: Option<T>) -> OnceCell<T> {
        match value {
            Some(value) => OnceCell::from(value),
            None => OnceCell::new(),
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

    /// Returns the value for changing, if there is one.
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.value.get_mut()
    }

    /// Sets the value of an empty cell.
    ///
    /// # Errors
    ///
    /// The given value, if the cell has a value or an initializer is running.
    ///
    /// ```
    /// use wakeful::sync::OnceCell;
    ///
    /// let cell = OnceCell::new();
    /// assert_eq!(cell.set(1), Ok(()));
    /// assert!(cell.set(2).unwrap_err().is_already_init_err());
    /// assert_eq!(cell.get(), Some(&1));
    /// ```
    pub fn set(&self, value: T) -> Result<(), SetError<T>> {
        match self.semaphore.try_acquire() {
            Ok(permit) => {
                self.put(value, permit);
                Ok(())
            }
            Err(TryAcquireError::NoPermits) => Err(SetError::InitializingError(value)),
            Err(TryAcquireError::Closed) => Err(SetError::AlreadyInitializedError(value)),
        }
    }

    /// Returns the value. If there is none, runs `init` and sets what it returns; if another task
    /// does that, waits for it.
    ///
    /// If an initializer panics or is dropped, the next waiting task runs its own. An initializer
    /// that waits for the same cell never ends.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe for the cell. A call that is dropped drops its initializer.
    pub async fn get_or_init<F, Fut>(&self, init: F) -> &T
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = T>,
    {
        if let Some(value) = self.value.get() {
            return value;
        }
        match self.semaphore.acquire().await {
            Ok(permit) => {
                let value = init().await;
                self.put(value, permit)
            }
            Err(_) => self.closed(),
        }
    }

    /// Returns the value. If there is none, runs `init` and sets what it returns, unless that is an
    /// error; if another task does that, waits for it. See [`get_or_init`](Self::get_or_init).
    ///
    /// # Errors
    ///
    /// The error of `init`. The cell stays empty, and the next waiting task runs its own
    /// initializer.
    ///
    /// # Cancel safety
    ///
    /// As for [`get_or_init`](Self::get_or_init).
    ///
    /// ```
    /// use wakeful::sync::OnceCell;
    ///
    /// wakeful::block_on(async {
    ///     let cell = OnceCell::new();
    ///     let failed: Result<&u32, &str> = cell.get_or_try_init(|| async { Err("no") }).await;
    ///     assert_eq!(failed, Err("no"));
    ///     let set: Result<&u32, &str> = cell.get_or_try_init(|| async { Ok(1) }).await;
    ///     assert_eq!(set, Ok(&1));
    /// });
    /// ```
    pub async fn get_or_try_init<E, F, Fut>(&self, init: F) -> Result<&T, E>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        if let Some(value) = self.value.get() {
            return Ok(value);
        }
        match self.semaphore.acquire().await {
            Ok(permit) => {
                let value = init().await?;
                Ok(self.put(value, permit))
            }
            Err(_) => Ok(self.closed()),
        }
    }

    /// Returns the value of a cell whose semaphore is closed.
    fn closed(&self) -> &T {
        let value = self.value.get();
        value.expect("the semaphore is closed after the value was set")
    }

    /// Sets the value. The permit is the only one, so the cell is empty.
    fn put(&self, value: T, permit: SemaphorePermit<'_>) -> &T {
        let value = self.value.get_or_init(|| value);
        permit.forget();
        self.semaphore.close();
        value
    }

    /// Returns the value of a cell that is no longer needed.
    pub fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }

    /// Takes the value out, if there is one. The cell is empty then.
    #[track_caller]
    pub fn take(&mut self) -> Option<T> {
        std::mem::take(self).into_inner()
    }
}

impl<T> Default for OnceCell<T> {
    #[track_caller]
    fn default() -> OnceCell<T> {
        OnceCell::new()
    }
}

impl<T> From<T> for OnceCell<T> {
    #[track_caller]
    fn from(value: T) -> OnceCell<T> {
        let semaphore = Semaphore::labelled(0, Kind::OnceCell);
        semaphore.close();
        OnceCell {
            semaphore,
            value: cell::OnceCell::from(value),
        }
    }
}

impl<T: Clone> Clone for OnceCell<T> {
    #[track_caller]
    fn clone(&self) -> OnceCell<T> {
        OnceCell::new_with(self.get().cloned())
    }
}

impl<T: PartialEq> PartialEq for OnceCell<T> {
    fn eq(&self, other: &OnceCell<T>) -> bool {
        self.get() == other.get()
    }
}

impl<T: Eq> Eq for OnceCell<T> {}

impl<T: fmt::Debug> fmt::Debug for OnceCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnceCell")
            .field("value", &self.get())
            .finish_non_exhaustive()
    }
}

/// Error of [`OnceCell::set`], with the value that was not set.
#[derive(Debug, PartialEq, Eq)]
pub enum SetError<T> {
    /// The cell has a value.
    AlreadyInitializedError(T),
    /// An initializer is running.
    InitializingError(T),
}

impl<T> SetError<T> {
    /// Whether the cell has a value.
    pub fn is_already_init_err(&self) -> bool {
        matches!(self, SetError::AlreadyInitializedError(_))
    }

    /// Whether an initializer is running.
    pub fn is_initializing_err(&self) -> bool {
        matches!(self, SetError::InitializingError(_))
    }
}

impl<T> fmt::Display for SetError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SetError::AlreadyInitializedError(_) => "the cell has a value already",
            SetError::InitializingError(_) => "an initializer of the cell is running",
        })
    }
}

impl<T: fmt::Debug> Error for SetError<T> {}
