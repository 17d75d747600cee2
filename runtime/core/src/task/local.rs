//! Task-local values: values that belong to a task instead of a thread.

use std::cell::{BorrowMutError, RefCell};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;

use pin_project_lite::pin_project;

use crate::scope::on_drop;

/// Declares task-local values, as statics of type [`LocalKey`].
///
/// ```
/// wakeful::task_local! {
///     /// Name of the user.
///     pub static USER: String;
///     static DEPTH: u32;
/// }
///
/// wakeful::block_on(USER.scope("ada".to_owned(), async {
///     assert_eq!(USER.with(|user| user.len()), 3);
///     assert!(DEPTH.try_with(|_| ()).is_err());
/// }));
/// ```
#[macro_export]
macro_rules! task_local {
    () => {};
    ($(#[$attr:meta])* $vis:vis static $name:ident: $type:ty; $($rest:tt)*) => {
        $crate::task_local!($(#[$attr])* $vis static $name: $type);
        $crate::task_local!($($rest)*);
    };
    ($(#[$attr:meta])* $vis:vis static $name:ident: $type:ty) => {
        $(#[$attr])*
        $vis static $name: $crate::task::LocalKey<$type> = {
            ::std::thread_local! {
                static SLOT: ::std::cell::RefCell<::std::option::Option<$type>> =
                    const { ::std::cell::RefCell::new(::std::option::Option::None) };
            }
            $crate::task::LocalKey::__new(&SLOT)
        };
    };
}

/// Key of a task-local value, which is set while a future is polled. Declared by
/// [`task_local!`](crate::task_local).
///
/// A spawned task does not inherit the values of the task that spawned it.
pub struct LocalKey<T: 'static> {
    slot: &'static thread::LocalKey<RefCell<Option<T>>>,
}

impl<T: 'static> LocalKey<T> {
    #[doc(hidden)]
    pub const fn __new(slot: &'static thread::LocalKey<RefCell<Option<T>>>) -> LocalKey<T> {
        LocalKey { slot }
    }

    /// Returns a future that runs `future` with the value set. Scopes nest: the inner value hides
    /// the outer one.
    pub fn scope<F: Future>(&'static self, value: T, future: F) -> Scope<T, F> {
        Scope {
            key: self,
            value: Some(value),
            future: Some(future),
        }
    }

    /// Calls a function with the value set.
    pub fn sync_scope<R>(&'static self, value: T, f: impl FnOnce() -> R) -> R {
        let mut value = Some(value);
        self.swapped(&mut value, f)
    }

    /// Calls `f` with the value.
    ///
    /// # Panics
    ///
    /// If the value is not set here; see [`try_with`](Self::try_with).
    #[track_caller]
    pub fn with<R>(&'static self, f: impl FnOnce(&T) -> R) -> R {
        match self.try_with(f) {
            Ok(result) => result,
            Err(error) => panic!("{error}"),
        }
    }

    /// Calls `f` with the value.
    ///
    /// # Errors
    ///
    /// If the value is not set here.
    pub fn try_with<R>(&'static self, f: impl FnOnce(&T) -> R) -> Result<R, AccessError> {
        // The slot is also inaccessible while the thread ends.
        let value = self.slot.try_with(|slot| slot.borrow().as_ref().map(f));
        value.ok().flatten().ok_or(AccessError(()))
    }

    /// Returns a clone of the value.
    ///
    /// # Panics
    ///
    /// As [`with`](Self::with).
    #[track_caller]
    pub fn get(&'static self) -> T
    where
        T: Clone,
    {
        self.with(T::clone)
    }

    /// Returns a clone of the value.
    ///
    /// # Errors
    ///
    /// If the value is not set here.
    ///
    /// ```
    /// wakeful::task_local! { static USER: &'static str; }
    ///
    /// assert!(USER.try_get().is_err());
    /// USER.sync_scope("ada", || assert_eq!(USER.try_get(), Ok("ada")));
    /// ```
    pub fn try_get(&'static self) -> Result<T, AccessError>
    where
        T: Clone,
    {
        self.try_with(T::clone)
    }

    /// Calls `f` with the value swapped into the thread's slot, and swaps it back, also if `f`
    /// panics.
    #[track_caller]
    fn swapped<R>(&'static self, value: &mut Option<T>, f: impl FnOnce() -> R) -> R {
        match self.try_swapped(value, f) {
            Ok(result) => result,
            Err(_) => panic!(
                "a task-local scope can't begin while its value is borrowed by `with`, or when the \
                 thread's locals are gone"
            ),
        }
    }

    /// Calls `f` with the value swapped into the thread's slot. Returns `f` if the slot is
    /// borrowed, or inaccessible as the thread ends.
    fn try_swapped<R, F>(&'static self, value: &mut Option<T>, f: F) -> Result<R, F>
    where
        F: FnOnce() -> R,
    {
        if !self.swap(value) {
            return Err(f);
        }
        let _restore = on_drop(|| {
            self.swap(value);
        });
        Ok(f())
    }

    /// Swaps the value with that of the slot. `false`: the slot is borrowed or inaccessible.
    fn swap(&'static self, value: &mut Option<T>) -> bool {
        let swapped = self.slot.try_with(|slot| {
            let mut slot = slot.try_borrow_mut()?;
            std::mem::swap(&mut *slot, value);
            Ok::<(), BorrowMutError>(())
        });
        matches!(swapped, Ok(Ok(())))
    }
}

impl<T> fmt::Debug for LocalKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalKey").finish_non_exhaustive()
    }
}

/// Error of reading a task-local value where it is not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessError(());

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "this task-local value is not set here: read it inside `KEY.scope(value, future)`",
        )
    }
}

impl std::error::Error for AccessError {}

pin_project! {
    /// The future of [`LocalKey::scope`].
    #[must_use = "futures do nothing unless polled"]
    pub struct Scope<T: 'static, F> {
        key: &'static LocalKey<T>,
        value: Option<T>,
        #[pin]
        future: Option<F>,
    }

    impl<T: 'static, F> PinnedDrop for Scope<T, F> {
        fn drop(this: Pin<&mut Self>) {
            // The drop of the future may read the value. Where the value can't be set, as the scope
            // is dropped inside `with` or while the thread ends, the future is dropped without it.
            let mut this = this.project();
            if this.future.is_some() {
                let key: &'static LocalKey<T> = this.key;
                if let Err(drop_future) = key.try_swapped(this.value, || this.future.set(None)) {
                    drop_future();
                }
            }
        }
    }
}

impl<T: 'static, F> Scope<T, F> {
    /// Takes the value out, so that the future no longer sees it.
    pub fn take_value(self: Pin<&mut Self>) -> Option<T> {
        self.project().value.take()
    }
}

impl<T: 'static, F: Future> Future for Scope<T, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let key: &'static LocalKey<T> = this.key;
        key.swapped(this.value, || {
            let future = this.future.as_mut().as_pin_mut();
            let output = future
                .expect("a task-local scope was polled after it finished")
                .poll(cx);
            if output.is_ready() {
                this.future.set(None);
            }
            output
        })
    }
}

impl<T, F> fmt::Debug for Scope<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").finish_non_exhaustive()
    }
}
