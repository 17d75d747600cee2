//! Work that would block the loop, on threads of its own.

mod pool;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::Arc;

pub(crate) use pool::{Config, Pool};

use crate::task::packet::{Missing, Receiver, packet};
use crate::task::{JoinHandle, NO_RUNTIME};
use crate::trace::{Caller, Recorder};

/// The pool of a runtime, seen from its loop.
pub(crate) struct Blocking {
    pub(crate) pool: Arc<Pool>,
    /// Results that are awaited. While there are any, virtual time stands still.
    awaited: Rc<Cell<usize>>,
    trace: Recorder,
}

thread_local! {
    static CURRENT: Cell<Option<NonNull<Blocking>>> = const { Cell::new(None) };
}

impl Blocking {
    pub(crate) fn new(config: Config, trace: Recorder) -> Blocking {
        Blocking {
            pool: Pool::new(config),
            awaited: Rc::default(),
            trace,
        }
    }

    /// Calls `f` with this pool as the thread's own. It takes a closure for the reason that
    /// `executor::current::enter` does.
    pub(crate) fn enter<R>(&self, f: impl FnOnce() -> R) -> R {
        struct Restore(Option<NonNull<Blocking>>);
        impl Drop for Restore {
            fn drop(&mut self) {
                CURRENT.set(self.0);
            }
        }
        let _restore = Restore(CURRENT.replace(Some(NonNull::from(self))));
        f()
    }

    /// Is there no result that a task waits for?
    pub(crate) fn is_idle(&self) -> bool {
        self.awaited.get() == 0
    }

    #[track_caller]
    fn run<F, T>(&self, f: F, caller: Caller) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let (sender, receiver) = packet();
        let trace = self.trace.submitted(|| self.pool.stats().queued);
        let job = Box::new(move || {
            let running = trace.begin();
            // Aborted before it began: then it never begins.
            if !sender.is_abandoned() {
                let result = catch_unwind(AssertUnwindSafe(f));
                running.returned(result.is_err());
                sender.fill(result.map_err(Missing::Panicked));
            }
        });
        if let Err(error) = self.pool.submit(job) {
            panic!("spawn_blocking: the system gives no thread, and none is running: {error}");
        }
        let awaited = Awaited::new(&self.awaited);
        crate::executor::spawn_at(caller, deliver(receiver, awaited))
    }
}

/// Counts one awaited result for as long as it lives.
struct Awaited(Rc<Cell<usize>>);

impl Awaited {
    fn new(count: &Rc<Cell<usize>>) -> Awaited {
        count.set(count.get() + 1);
        Awaited(count.clone())
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// The task behind the handle: what became of the closure becomes of it.
async fn deliver<T>(receiver: Receiver<T>, _awaited: Awaited) -> T {
    match receiver.await {
        Ok(output) => output,
        // Not a new panic: the hook has seen it on the other thread.
        Err(Missing::Panicked(payload)) => resume_unwind(payload),
        Err(Missing::Dropped) => crate::executor::cancel_current().await,
    }
}

/// Runs a closure that blocks on a thread of the pool, and gives its result to this thread.
///
/// At most [`max_blocking_threads`](crate::Builder::max_blocking_threads) closures run at a time;
/// more wait in line. A panic of the closure comes back as a [`JoinError`](crate::task::JoinError).
/// Aborting the handle keeps a closure that has not begun from beginning; one that has begun can't
/// be stopped, and its result is dropped.
///
/// When the runtime is dropped, closures that have not begun are dropped, and the drop waits for
/// those that run, for as long as
/// [`blocking_shutdown_timeout`](crate::Builder::blocking_shutdown_timeout) says.
///
/// # Panics
///
/// Outside a runtime, or if the system gives no thread and none is running.
///
/// ```
/// let sum = wakeful::block_on(async {
///     wakeful::spawn_blocking(|| (1..=1_000_u64).sum::<u64>()).await.unwrap()
/// });
/// assert_eq!(sum, 500_500);
/// ```
#[track_caller]
pub fn spawn_blocking<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let Some(blocking) = CURRENT.get() else {
        panic!("{NO_RUNTIME}")
    };
    // SAFETY: `enter` borrows what it points to for as long as it is set; only this thread reads it.
    unsafe { blocking.as_ref() }.run(f, Caller::here())
}
