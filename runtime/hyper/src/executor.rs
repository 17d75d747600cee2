//! The executor for hyper.

use std::future::Future;

/// Executor that spawns the futures of hyper, such as the streams of HTTP/2, as tasks of this
/// thread's runtime. The futures need not be `Send`.
///
/// # Panics
///
/// `execute` panics outside a runtime.
///
/// ```
/// use std::{cell::Cell, rc::Rc};
/// use hyper::rt::Executor as _;
/// use wakeful_hyper::Executor;
///
/// wakeful::block_on(async {
///     let count = Rc::new(Cell::new(0));
///     let local = count.clone();
///     Executor::new().execute(async move { local.set(1) });
///     wakeful::task::yield_now().await; // the task runs
///     assert_eq!(count.get(), 1);
/// });
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Executor {
    _private: (),
}

impl Executor {
    /// Returns an executor for the runtime in which it is used.
    pub fn new() -> Executor {
        Executor::default()
    }
}

impl<F: Future + 'static> hyper::rt::Executor<F> for Executor {
    #[track_caller]
    fn execute(&self, future: F) {
        wakeful_core::spawn(future);
    }
}
