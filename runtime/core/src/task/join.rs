//! The two handles of a task: `JoinHandle` waits for its output, `AbortHandle` cancels it.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker, ready};

use super::header::{Header, TaskPtr};
use super::state::{DONE, JOIN, NAMED, WATCHED};
use super::{Id, JoinError, coop, release, waker};

/// Future of a task's output. Dropping it detaches the task, which continues to run.
///
/// The handle belongs to the thread of its runtime, like the task. To cancel a task from another
/// thread, send an [`AbortHandle`] there.
///
/// # Cancel safety
///
/// Awaiting `&mut handle` is cancel-safe: the output stays with the task until it is taken.
///
/// # Panics
///
/// If polled again after it returned the output.
///
/// ```
/// let sum = wakeful::block_on(async {
///     let task = wakeful::spawn(async { 1 + 2 });
///     task.await.unwrap()
/// });
/// assert_eq!(sum, 3);
/// ```
pub struct JoinHandle<T> {
    task: TaskPtr,
    // Not `Send`: the output must not leave the thread.
    output: PhantomData<(T, *const ())>,
}

impl<T> Unpin for JoinHandle<T> {}

// Panics of tasks are caught at the poll, so a handle never finds a task in an inconsistent state.
impl<T> UnwindSafe for JoinHandle<T> {}
impl<T> RefUnwindSafe for JoinHandle<T> {}

impl<T> JoinHandle<T> {
    /// Creates the handle of a task.
    ///
    /// # Safety
    /// - On the owner thread. The caller gives up a reference, `JOIN` is set, and there is no
    ///   other handle.
    /// - `T` is the output of the task.
    #[inline(always)]
    pub(crate) unsafe fn new(task: TaskPtr) -> JoinHandle<T> {
        JoinHandle {
            task,
            output: PhantomData,
        }
    }

    fn header(&self) -> &Header {
        // SAFETY: the handle holds a reference.
        unsafe { self.task.as_ref() }
    }

    /// Requests cancellation of the task. The loop drops its future when it next takes the task out
    /// of the run queue, and the handle then returns an error for which
    /// [`is_cancelled`](JoinError::is_cancelled) is true.
    ///
    /// A task that is done keeps its output. A task that aborts itself is cancelled at its next
    /// await; if it returns first, it completes.
    pub fn abort(&self) {
        // SAFETY: the handle holds a reference.
        unsafe { (self.header().vtable.abort)(self.task) };
    }

    /// Returns a handle that can cancel the task from any thread.
    pub fn abort_handle(&self) -> AbortHandle {
        let header = self.header();
        header.state.set(WATCHED);
        if header.state.is(DONE) {
            header.remote_requests.finish();
        }
        header.refs.clone_here();
        header.console.cloned();
        // SAFETY: the reference was added for this.
        let waker = unsafe { (header.vtable.waker)(self.task) };
        AbortHandle { waker }
    }

    /// Whether the task has ended, by return, panic or cancellation.
    pub fn is_finished(&self) -> bool {
        self.header().state.is(DONE)
    }

    /// Returns the id of the task.
    pub fn id(&self) -> Id {
        self.header().id
    }

    /// Stores a waker for the end of the task, which has not ended yet. If it ends meanwhile, the
    /// waker is woken.
    #[cold]
    pub(crate) fn wait(&self, waker: &Waker) {
        // SAFETY: the handle holds a reference, and never leaves the owner thread.
        unsafe { (self.header().vtable.wait)(self.task, waker) };
    }

    /// Records that the scheduler holds a name for the task.
    pub(crate) fn mark_named(&self, name: &str) {
        self.header().state.set(NAMED);
        self.header().trace.named(name);
    }

    /// Ends a handle that has not taken the output.
    #[inline(never)]
    fn detach(&mut self) {
        let header = self.header();
        header.state.clear(JOIN);
        let waker = header.join_waker.take();
        if header.state.is(DONE) {
            // SAFETY: owner thread; done, so the stage is past `Future`.
            unsafe { (header.vtable.discard)(self.task) };
        }
        // SAFETY: the handle's reference; this is called by its drop alone. Owner thread.
        unsafe { release::drop_here(self.task) };
        // Last, as the waker may be foreign, and its drop may run user code.
        drop(waker);
    }

    /// Takes the output, if the task has ended and the output has not been taken.
    pub(crate) fn try_take(&mut self) -> Option<Result<T, JoinError>> {
        if !self.is_finished() {
            return None;
        }
        let header = self.header();
        header.state.clear(JOIN);
        let mut output = MaybeUninit::<T>::uninit();
        // SAFETY: owner thread; done, so the stage is past `Future`; `T` is the task's output.
        if unsafe { (header.vtable.take)(self.task, NonNull::from(&mut output).cast()) } {
            // SAFETY: by its result, `take` has written the output.
            return Some(Ok(unsafe { output.assume_init() }));
        }
        // SAFETY: owner thread; done, and by the result of `take` there is no output.
        unsafe { (header.vtable.failure)(self.task) }.map(Err)
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let header = self.header();
        if !header.state.is(DONE) {
            // SAFETY: the handle holds a reference, and never leaves the owner thread.
            unsafe { (header.vtable.wait)(self.task, cx.waker()) };
            return Poll::Pending;
        }
        let progress = ready!(coop::poll_proceed(cx));
        progress.made_progress();
        Poll::Ready(
            self.try_take()
                .expect("a JoinHandle was polled after it gave its output"),
        )
    }
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        // `JOIN` is clear if the output was taken: then there is neither an output nor a waker.
        if self.header().state.is(JOIN) {
            return self.detach();
        }
        // SAFETY: the handle's reference; it is not used again. Owner thread.
        unsafe { release::drop_here(self.task) };
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle")
            .field("id", &self.id())
            .field("is_finished", &self.is_finished())
            .finish()
    }
}

/// Handle that cancels a task, from any thread.
///
/// It keeps neither the task running nor its output; dropping the handle does not affect the task.
///
/// ```
/// wakeful::block_on(async {
///     let task = wakeful::spawn(std::future::pending::<()>());
///     let stop = task.abort_handle();
///     std::thread::spawn(move || stop.abort());
///     assert!(task.await.unwrap_err().is_cancelled());
/// });
/// ```
#[derive(Clone)]
pub struct AbortHandle {
    // A waker is a counted pointer to the task that works on any thread.
    waker: Waker,
}

impl UnwindSafe for AbortHandle {}
impl RefUnwindSafe for AbortHandle {}

impl AbortHandle {
    fn task(&self) -> TaskPtr {
        waker::task(self.waker.data())
    }

    fn header(&self) -> &Header {
        // SAFETY: the waker holds a reference. Other threads only use the fields for all threads.
        unsafe { self.task().as_ref() }
    }

    /// Requests cancellation of the task, as [`JoinHandle::abort`] does. From another thread this
    /// sends a message: the future is dropped on the owner thread.
    pub fn abort(&self) {
        // SAFETY: the waker holds a reference.
        unsafe { (self.header().vtable.abort)(self.task()) };
    }

    /// Whether the task has ended. On another thread the answer may be out of date.
    pub fn is_finished(&self) -> bool {
        self.header().remote_requests.is_finished()
    }

    /// Returns the id of the task.
    pub fn id(&self) -> Id {
        self.header().id
    }
}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortHandle")
            .field("id", &self.id())
            .finish_non_exhaustive()
    }
}
