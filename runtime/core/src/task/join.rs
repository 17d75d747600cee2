//! The two handles of a task: one waits for its output, the other can only end it.

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

/// Waits for a task's output. Dropping it detaches the task, which goes on by itself.
///
/// The handle belongs to the thread of its runtime, like the task. To end a task from another
/// thread take an [`AbortHandle`] there.
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
    // Not `Send`: the output may not leave the thread.
    output: PhantomData<(T, *const ())>,
}

impl<T> Unpin for JoinHandle<T> {}

// Panics of tasks end at the poll, so what a handle reaches is never left half done.
impl<T> UnwindSafe for JoinHandle<T> {}
impl<T> RefUnwindSafe for JoinHandle<T> {}

impl<T> JoinHandle<T> {
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

    /// Asks for the task to be cancelled: its future is dropped the next time the loop comes to
    /// it, and the handle then gives an error that [`is_cancelled`](JoinError::is_cancelled).
    ///
    /// A task that is done keeps its output. A task that aborts itself is cancelled at its next
    /// await; if it returns first, it completes.
    pub fn abort(&self) {
        // SAFETY: the handle holds a reference.
        unsafe { (self.header().vtable.abort)(self.task) };
    }

    /// A handle that can end the task from any thread.
    pub fn abort_handle(&self) -> AbortHandle {
        let header = self.header();
        header.state.set(WATCHED);
        if header.state.is(DONE) {
            header.remote_requests.finish();
        }
        header.refs.clone_here();
        header.console.cloned();
        // SAFETY: the reference was made for this.
        let waker = unsafe { (header.vtable.waker)(self.task) };
        AbortHandle { waker }
    }

    /// Is the task over, by return, panic or cancellation?
    pub fn is_finished(&self) -> bool {
        self.header().state.is(DONE)
    }

    /// The number of the task.
    pub fn id(&self) -> Id {
        self.header().id
    }

    /// Keeps a waker for the end, which has not come yet. If it comes meanwhile, the waker is woken.
    #[cold]
    pub(crate) fn wait(&self, waker: &Waker) {
        // SAFETY: the handle holds a reference, and never leaves the owner thread.
        unsafe { (self.header().vtable.wait)(self.task, waker) };
    }

    /// Notes that the scheduler holds a name for the task.
    pub(crate) fn mark_named(&self, name: &str) {
        self.header().state.set(NAMED);
        self.header().trace.named(name);
    }

    /// The end of a handle that did not take the output.
    #[inline(never)]
    fn detach(&mut self) {
        let header = self.header();
        header.state.clear(JOIN);
        let waker = header.join_waker.take();
        if header.state.is(DONE) {
            // SAFETY: owner thread; done, so the stage is past `Future`.
            unsafe { (header.vtable.discard)(self.task) };
        }
        // SAFETY: the handle's reference; only its drop comes here. Owner thread.
        unsafe { release::drop_here(self.task) };
        // Last, as the waker may be anyone's, and its drop may do anything.
        drop(waker);
    }

    /// The output, if the task is over and it has not been taken yet.
    pub(crate) fn try_take(&mut self) -> Option<Result<T, JoinError>> {
        if !self.is_finished() {
            return None;
        }
        let header = self.header();
        header.state.clear(JOIN);
        let mut output = MaybeUninit::<T>::uninit();
        // SAFETY: owner thread; done, so the stage is past `Future`; `T` is the task's output.
        if unsafe { (header.vtable.take)(self.task, NonNull::from(&mut output).cast()) } {
            // SAFETY: `take` says that it wrote.
            return Some(Ok(unsafe { output.assume_init() }));
        }
        // SAFETY: owner thread; done, and `take` says that there is no output.
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
        // Cleared if the output was taken: then there is neither that nor a waker.
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

/// Ends a task, from any thread. It does not keep the task from running or its output from being
/// dropped; dropping the handle does nothing to the task.
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
    // A counted pointer that works on any thread: just what a waker is.
    waker: Waker,
}

impl UnwindSafe for AbortHandle {}
impl RefUnwindSafe for AbortHandle {}

impl AbortHandle {
    fn task(&self) -> TaskPtr {
        waker::task(self.waker.data())
    }

    fn header(&self) -> &Header {
        // SAFETY: the waker holds a reference. Other threads only use the parts that are theirs.
        unsafe { self.task().as_ref() }
    }

    /// Asks for the task to be cancelled, as [`JoinHandle::abort`] does. From another thread this
    /// sends a message: the future is dropped on its own thread.
    pub fn abort(&self) {
        // SAFETY: the waker holds a reference.
        unsafe { (self.header().vtable.abort)(self.task()) };
    }

    /// Is the task over? From another thread the answer may be a moment old.
    pub fn is_finished(&self) -> bool {
        self.header().remote_requests.is_finished()
    }

    /// The number of the task.
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
