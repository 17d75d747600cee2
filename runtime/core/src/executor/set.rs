//! Set of tasks whose outputs are taken in the order in which they end.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use pin_project_lite::pin_project;

use super::builder::Builder;
use super::classes::Class;
use super::{Executor, current};
use crate::console::About;
use crate::context;
use crate::slab::Slab;
use crate::task::waker::wake_catching_panics;
use crate::task::{AbortHandle, Id, JoinError, JoinHandle, coop};

/// Set of tasks with one output type, which are joined as they end.
///
/// Dropping the set aborts the tasks in it.
///
/// ```
/// wakeful::block_on(async {
///     let mut set = wakeful::task::JoinSet::new();
///     for n in 0..10 {
///         set.spawn(async move { n * n });
///     }
///     let mut sum = 0;
///     while let Some(square) = set.join_next().await {
///         sum += square.unwrap();
///     }
///     assert_eq!(sum, 285);
/// });
/// ```
pub struct JoinSet<T> {
    members: Slab<Option<JoinHandle<T>>>,
    ended: Rc<Ended>,
}

/// Members that have ended and were not joined yet, and the waker of the task that joins the set.
#[derive(Default)]
struct Ended {
    places: RefCell<VecDeque<usize>>,
    waker: Cell<Option<Waker>>,
}

/// Reports a member as ended when its future, of which it is a part, is dropped for any reason.
struct Ticket {
    ended: Rc<Ended>,
    place: usize,
    id: Id,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.ended.places.borrow_mut().push_back(self.place);
        // This drop is a part of the drop of the member's future, and the end of the member is
        // recorded after that. A waker that polls at once has to find it recorded. So the waker is
        // stored in the task, whose handle nothing else waits for, and is woken after the end was
        // recorded. If there is a waker the set is alive, and so are the handles of its members.
        let waker = &self.ended.waker;
        let leave = |executor: &Executor| executor.wake_at_the_end(self.id, waker);
        // SAFETY: it moves the waker and does nothing else.
        if unsafe { context::peek(leave) } == Some(true) {
            return;
        }
        // The member is ended by the shutdown or by a spawn, not by the loop. If this wake polls at
        // once, the poller is woken once more, see `wait_for_ending`.
        if let Some(waker) = waker.take() {
            wake_catching_panics(waker);
        }
    }
}

pin_project! {
    struct Member<F> {
        #[pin]
        future: F,
        ticket: Ticket,
    }
}

impl<F: Future> Future for Member<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().future.poll(cx)
    }
}

impl<T> JoinSet<T> {
    /// Creates an empty set.
    pub fn new() -> JoinSet<T> {
        JoinSet {
            members: Slab::new(),
            ended: Rc::default(),
        }
    }

    /// Returns the number of members that have not been joined yet, ended ones included.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is no member left to join.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Spawns a task as a member.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn spawn<F>(&mut self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
        T: 'static,
    {
        self.insert_current(None, Location::caller(), About::task(), future)
    }

    /// Spawns a task as a member, as [`spawn`](Self::spawn) does: that takes futures that are not
    /// `Send`, so this has tokio's name for the same.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn spawn_local<F>(&mut self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
        T: 'static,
    {
        self.insert_current(None, Location::caller(), About::task(), future)
    }

    /// Returns a builder that configures a task and spawns it as a member.
    ///
    /// ```
    /// wakeful::block_on(async {
    ///     let mut set = wakeful::task::JoinSet::new();
    ///     set.build_task().name("greeter").spawn(async { wakeful::task::name() });
    ///     assert_eq!(set.join_next().await.unwrap().unwrap().as_deref(), Some("greeter"));
    /// });
    /// ```
    pub fn build_task(&mut self) -> SetBuilder<'_, T> {
        SetBuilder {
            set: self,
            task: Builder::new(),
        }
    }

    /// Spawns a member on the executor of this thread. `id`: a new one if it is `None`.
    #[inline(always)]
    #[track_caller]
    pub(crate) fn insert_current<F>(
        &mut self,
        id: Option<Id>,
        location: &'static Location<'static>,
        about: About<'_>,
        future: F,
    ) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
        T: 'static,
    {
        // The place is taken inside, so that a panic because there is no runtime does not change
        // the set.
        let start = |executor: &Executor| {
            let id = id.unwrap_or_else(|| executor.next_id());
            self.insert(executor, id, location, about, future)
                .abort_handle()
        };
        // SAFETY: the executor is used for the spawn alone, which runs no user code before it holds
        // a count of its own, see `Executor::spawn_as`.
        match unsafe { context::peek(start) } {
            Some(abort) => abort,
            None => current::none(),
        }
    }

    /// Spawns a member on an executor of this thread.
    #[inline(always)]
    #[track_caller]
    pub(crate) fn insert<F>(
        &mut self,
        executor: &Executor,
        id: Id,
        location: &'static Location<'static>,
        about: About<'_>,
        future: F,
    ) -> &JoinHandle<T>
    where
        F: Future<Output = T> + 'static,
        T: 'static,
    {
        let _kept = executor.kept_for_subscriber();
        let size = size_of::<Member<F>>();
        let (queue, console) = executor.report(id, location, size, about);
        // The subscriber may have ended it.
        executor.check_not_released();
        let place = self.members.allocate();
        let ticket = Ticket {
            ended: self.ended.clone(),
            place,
            id,
        };
        let member = Member { future, ticket };
        let task = executor.spawn_reported(id, location, member, queue, console);
        self.members[place].insert(task)
    }

    /// Waits for the next member to end, and returns its output. `None` if the set is empty.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: no output is lost.
    pub async fn join_next(&mut self) -> Option<Result<T, JoinError>> {
        poll_fn(|cx| self.poll_join_next(cx)).await
    }

    /// Waits as [`join_next`](Self::join_next) does, and returns the id of the task as well.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: no output is lost.
    pub async fn join_next_with_id(&mut self) -> Option<Result<(Id, T), JoinError>> {
        poll_fn(|cx| self.poll_join_next_with_id(cx)).await
    }

    /// Returns the output of the next member that has ended already, and the id of its task, if
    /// there is one.
    pub fn try_join_next_with_id(&mut self) -> Option<Result<(Id, T), JoinError>> {
        let (id, output) = self.take_ended()?;
        Some(output.map(|output| (id, output)))
    }

    /// Returns the output of the next member that has ended already, if there is one.
    pub fn try_join_next(&mut self) -> Option<Result<T, JoinError>> {
        self.take_ended().map(|(_, output)| output)
    }

    /// Polls for the next member to end. `Ready(None)` if the set is empty.
    pub fn poll_join_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, JoinError>>> {
        let next = ready!(self.poll_next(cx));
        Poll::Ready(next.map(|(_, output)| output))
    }

    /// Polls as [`poll_join_next`](Self::poll_join_next) does, and returns the id of the task as
    /// well.
    pub fn poll_join_next_with_id(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<(Id, T), JoinError>>> {
        let next = ready!(self.poll_next(cx));
        Poll::Ready(next.map(|(id, output)| output.map(|output| (id, output))))
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<(Id, Result<T, JoinError>)>> {
        if self.is_empty() {
            return Poll::Ready(None);
        }
        let progress = ready!(coop::poll_proceed(cx));
        if let Some(next) = self.take_ended() {
            progress.made_progress();
            return Poll::Ready(Some(next));
        }
        self.wait(cx.waker());
        // Cloning and dropping wakers may run user code, and that may run a member to its end.
        if !self.ended.places.borrow().is_empty() {
            self.wait_for_ending(cx.waker());
        }
        Poll::Pending
    }

    /// Stores the waker of the task that joins the set.
    #[inline]
    fn wait(&self, waker: &Waker) {
        let place = &self.ended.waker;
        let Some(known) = place.take() else {
            // Members only take wakers away, so none is there.
            return std::mem::forget(place.replace(Some(waker.clone())));
        };
        if known.will_wake(waker) {
            return place.set(Some(known));
        }
        std::mem::forget(place.replace(Some(waker.clone())));
        drop(known);
    }

    /// Waits for a member that has reported its end. Either it has just ended, or this runs inside
    /// of its end, which is not recorded yet and wakes the waker.
    #[cold]
    #[inline(never)]
    fn wait_for_ending(&self, waker: &Waker) {
        let ending = self.ended.places.borrow().front().copied();
        if let Some(member) = ending.and_then(|place| self.members[place].as_ref()) {
            match member.is_finished() {
                true => waker.wake_by_ref(),
                false => member.wait(waker),
            }
        }
    }

    /// Removes the first member that has ended, and returns its output.
    #[inline(always)]
    fn take_ended(&mut self) -> Option<(Id, Result<T, JoinError>)> {
        // Nothing in here runs user code.
        let mut places = self.ended.places.borrow_mut();
        let place = *places.front()?;
        let member = self.members[place]
            .as_mut()
            .expect("an ended member is joined once");
        let id = member.id();
        // It is not over only if this runs inside of the member's own end, see `wait_for_ending`.
        let output = member.try_take()?;
        places.pop_front();
        drop(places);
        self.members[place] = None;
        self.members.release(place);
        Some((id, output))
    }

    /// Aborts every member. They stay in the set until they are joined.
    pub fn abort_all(&mut self) {
        let members = self.members.entries().iter();
        members.flatten().for_each(JoinHandle::abort);
    }

    /// Detaches every member: they continue to run, and the set is empty.
    pub fn detach_all(&mut self) {
        // Their tickets contain places that may be used again, so they must not report to this set.
        let ended = std::mem::take(&mut self.ended);
        let members = std::mem::take(&mut self.members);
        // These drops may run user code, so they come last.
        let waker = ended.waker.take();
        drop(members);
        drop(waker);
    }

    /// Aborts every member and waits until all have ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: the remaining members stay in the set, aborted.
    pub async fn shutdown(&mut self) {
        self.abort_all();
        while self.join_next().await.is_some() {}
    }

    /// Waits for every member and returns the outputs in the order in which they ended.
    ///
    /// # Panics
    ///
    /// If a member panicked, with its payload, or was cancelled.
    ///
    /// # Cancel safety
    ///
    /// Not cancel-safe: the outputs so far are lost and the remaining members are aborted.
    pub async fn join_all(mut self) -> Vec<T> {
        let mut outputs = Vec::with_capacity(self.len());
        while let Some(output) = self.join_next().await {
            match output {
                Ok(output) => outputs.push(output),
                Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                Err(error) => panic!("{error}"),
            }
        }
        outputs
    }
}

impl<T> Default for JoinSet<T> {
    fn default() -> JoinSet<T> {
        JoinSet::new()
    }
}

impl<T> Drop for JoinSet<T> {
    fn drop(&mut self) {
        self.abort_all();
        // A ticket stores the waker in a task only while the set holds that task's handle.
        let waker = self.ended.waker.take();
        drop(std::mem::take(&mut self.members));
        drop(waker);
    }
}

impl<T> fmt::Debug for JoinSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinSet")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

impl<F> FromIterator<F> for JoinSet<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    /// Spawns every future as a member.
    fn from_iter<I: IntoIterator<Item = F>>(futures: I) -> Self {
        let mut set = JoinSet::new();
        set.extend(futures);
        set
    }
}

impl<F> Extend<F> for JoinSet<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    /// Spawns every future as a member.
    fn extend<I: IntoIterator<Item = F>>(&mut self, futures: I) {
        for future in futures {
            self.spawn(future);
        }
    }
}

/// Configures a task and spawns it as a member of a [`JoinSet`], see [`JoinSet::build_task`].
#[must_use = "a builder does nothing until `spawn` is called"]
pub struct SetBuilder<'a, T> {
    set: &'a mut JoinSet<T>,
    task: Builder,
}

impl<T> SetBuilder<'_, T> {
    /// Sets the name of the task, as [`Builder::name`](crate::executor::TaskBuilder::name) does.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.task = self.task.name(name);
        self
    }

    /// Sets the class of the task, as [`Builder::class`](crate::executor::TaskBuilder::class) does.
    pub fn class(mut self, class: &Class) -> Self {
        self.task = self.task.class(class);
        self
    }

    /// Spawns the task as a member, as [`JoinSet::spawn`] does.
    ///
    /// # Panics
    ///
    /// Outside a runtime, and if the class is gone or of another runtime.
    #[track_caller]
    pub fn spawn<F>(self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
        T: 'static,
    {
        self.insert_current(None, Location::caller(), future)
    }

    /// Spawns the task as a member, as [`spawn`](Self::spawn) does.
    ///
    /// # Panics
    ///
    /// As [`spawn`](Self::spawn).
    #[track_caller]
    pub fn spawn_local<F>(self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
        T: 'static,
    {
        self.insert_current(None, Location::caller(), future)
    }

    /// Spawns the member on the executor of this thread. With an `id`, the task works for something
    /// that has this id and is shown in its place.
    #[track_caller]
    pub(crate) fn insert_current<F>(
        self,
        id: Option<Id>,
        location: &'static Location<'static>,
        future: F,
    ) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
        T: 'static,
    {
        current::with(|executor| self.insert(executor, id, location, future))
    }

    /// Spawns the member as [`insert_current`](Self::insert_current) does, on an executor of this
    /// thread.
    #[track_caller]
    pub(crate) fn insert<F>(
        self,
        executor: &Executor,
        id: Option<Id>,
        location: &'static Location<'static>,
        future: F,
    ) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
        T: 'static,
    {
        let SetBuilder { set, task } = self;
        let spawn = |id, about: About<'_>| set.insert(executor, id, location, about, future);
        task.start(executor, id, spawn).abort_handle()
    }
}

impl<T> fmt::Debug for SetBuilder<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("set", &self.set)
            .field("task", &self.task)
            .finish()
    }
}
