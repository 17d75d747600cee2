//! The group itself.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};

use super::error::{GroupError, GroupTask, List};
use super::stopping::Stopping;
use crate::executor::group::{Group, Scope, WaitSet, current_scope};
use crate::executor::{current, spawn_at};
use crate::task::{AbortHandle, JoinError, JoinHandle};
use crate::time::{Sleep, sleep, timeout};

/// How long the tasks of a group have to end after a stop, unless
/// [`TaskGroup::deadline`] says otherwise.
const DEADLINE: Duration = Duration::from_secs(10);

/// Tasks that end before [`join`](Self::join) returns. See the [module](super) for the rules.
///
/// `T` is what the tasks return, `E` their error.
///
/// ```
/// use wakeful::task::{GroupError, TaskGroup};
///
/// wakeful::block_on(async {
///     let mut group = TaskGroup::new();
///     for number in 1..=3 {
///         group.spawn(async move { Ok::<u32, String>(number * 10) });
///     }
///     assert_eq!(group.join().await.unwrap(), [10, 20, 30]);
///
///     let mut group = TaskGroup::<(), String>::new();
///     group.spawn(std::future::pending());
///     group.spawn(async { Err("no disk".to_owned()) });
///     // The first error aborts the task that would never end.
///     let error = group.join().await.unwrap_err();
///     assert!(matches!(error, GroupError::Failed(text) if text == "no disk"));
/// });
/// ```
#[must_use = "a group that is dropped stops its tasks"]
pub struct TaskGroup<T, E> {
    shared: Rc<Shared<T, E>>,
}

/// Spawns tasks in a [`TaskGroup`] from anywhere on its thread, for example from its children.
pub struct GroupSpawner<T, E> {
    shared: Rc<Shared<T, E>>,
}

struct Shared<T, E> {
    group: Rc<Group>,
    /// Where the group was made.
    location: &'static Location<'static>,
    deadline: Cell<Duration>,
    /// Children that `join` does not poll yet, each with its number.
    new: RefCell<Vec<Child<T, E>>>,
    /// Number of children that were spawned.
    spawned: Cell<usize>,
    /// Wakes `join` when there is a new child.
    grown: WaitSet,
}

/// A child, and its number.
struct Child<T, E> {
    number: usize,
    handle: JoinHandle<Result<T, E>>,
}

impl<T, E> Future for Child<T, E> {
    type Output = (usize, Result<Result<T, E>, JoinError>);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let number = self.number;
        Pin::new(&mut self.handle).poll(cx).map(|it| (number, it))
    }
}

impl<T: 'static, E: 'static> TaskGroup<T, E> {
    /// Makes a group without tasks. If the running task belongs to a group, a stop of that group
    /// stops this one as well.
    #[track_caller]
    pub fn new() -> TaskGroup<T, E> {
        TaskGroup {
            shared: Rc::new(Shared {
                location: Location::caller(),
                group: Group::new(current_scope()),
                deadline: Cell::new(DEADLINE),
                new: RefCell::default(),
                spawned: Cell::new(0),
                grown: WaitSet::default(),
            }),
        }
    }

    /// Sets how long the tasks have to end after a [stop](Self::stop) or a drop of the group.
    /// Default: 10 seconds.
    pub fn deadline(self, deadline: Duration) -> TaskGroup<T, E> {
        self.shared.deadline.set(deadline);
        self
    }

    /// Spawns a task in the group.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn spawn<F>(&mut self, future: F) -> AbortHandle
    where
        F: Future<Output = Result<T, E>> + 'static,
    {
        self.shared.spawn(Location::caller(), future)
    }

    /// Spawns a task in the group that nothing waits for: it is aborted when the other tasks have
    /// ended. What it spawns is a background task, too.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn spawn_background<F>(&mut self, future: F) -> AbortHandle
    where
        F: Future<Output = ()> + 'static,
    {
        let location = Location::caller();
        let scope = self.shared.scope(true);
        spawn_in_scope(scope, location, future).abort_handle()
    }

    /// Returns a spawner, with which children can spawn further children.
    pub fn spawner(&self) -> GroupSpawner<T, E> {
        GroupSpawner {
            shared: self.shared.clone(),
        }
    }

    /// Asks all tasks of the group to stop, see [`stopping`](super::stopping).
    pub fn stop(&self) {
        self.shared.group.stop();
    }

    /// Aborts all tasks of the group.
    pub fn abort_all(&self) {
        self.shared.group.abort();
    }

    /// Returns the number of tasks that have not ended, including those that children have spawned,
    /// without background tasks.
    pub fn len(&self) -> usize {
        self.shared.group.counted()
    }

    /// Whether all tasks have ended.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Waits until all tasks of the group have ended, and returns the outputs of the children, in
    /// the order in which they were spawned. A child that was aborted has no output.
    ///
    /// # Errors
    ///
    /// The first error or panic of a child, after all other tasks were aborted and have ended; or
    /// the tasks that had to be aborted at the deadline, after a [stop](Self::stop).
    ///
    /// # Cancel safety
    ///
    /// Not cancel-safe: a drop of the future drops the group, which stops its tasks.
    pub async fn join(self) -> Result<Vec<T>, GroupError<E>> {
        let mut join = Join {
            group: self.shared.group.clone(),
            shared: self.shared.clone(),
            children: FuturesUnordered::new(),
            outputs: Vec::new(),
            error: None,
            stopping: Stopping::of(self.shared.group.clone()),
            deadline: None,
            is_late: false,
            empty_place: None,
            grown_place: None,
        };
        poll_fn(|cx| join.poll(cx)).await;
        match join.error.take() {
            Some(error) => Err(error),
            None => Ok(join.outputs.drain(..).flatten().collect()),
        }
    }

    /// Runs a function with a group: waits until the future of the function and all tasks of the
    /// group have ended. Returns the output of the future.
    ///
    /// # Errors
    ///
    /// As those of [`join`](Self::join). An error of the function aborts all tasks.
    ///
    /// # Cancel safety
    ///
    /// As for [`join`](Self::join).
    ///
    /// ```
    /// use wakeful::task::TaskGroup;
    ///
    /// wakeful::block_on(async {
    ///     let sum = std::rc::Rc::new(std::cell::Cell::new(0));
    ///     let total = sum.clone();
    ///     TaskGroup::scope(async |group| {
    ///         for number in 1..=4 {
    ///             let total = total.clone();
    ///             group.spawn(async move {
    ///                 total.set(total.get() + number);
    ///                 Ok(())
    ///             });
    ///         }
    ///         Ok::<(), std::io::Error>(())
    ///     })
    ///     .await
    ///     .unwrap();
    ///     assert_eq!(sum.get(), 10);
    /// });
    /// ```
    pub async fn scope<R>(
        body: impl AsyncFnOnce(&GroupSpawner<T, E>) -> Result<R, E>,
    ) -> Result<R, GroupError<E>> {
        let group = TaskGroup::new();
        let spawner = group.spawner();
        let output = body(&spawner).await;
        if output.is_err() {
            group.abort_all();
        }
        let joined = group.join().await;
        let output = output.map_err(GroupError::Failed)?;
        joined.map(|_| output)
    }
}

/// State of [`TaskGroup::join`].
struct Join<T, E> {
    group: Rc<Group>,
    shared: Rc<Shared<T, E>>,
    children: FuturesUnordered<Child<T, E>>,
    outputs: Vec<Option<T>>,
    error: Option<GroupError<E>>,
    stopping: Stopping,
    /// Runs from the stop on.
    deadline: Option<Pin<Box<Sleep>>>,
    /// Whether the deadline has passed.
    is_late: bool,
    empty_place: Option<usize>,
    grown_place: Option<usize>,
}

impl<T: 'static, E: 'static> Join<T, E> {
    /// Polls for the end of all tasks.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let grown = |shared: &Shared<T, E>| !shared.new.borrow().is_empty();
            let place = &mut self.grown_place;
            let shared = &self.shared;
            while shared
                .grown
                .poll(place, cx.waker(), || grown(shared))
                .is_ready()
            {
                let new = shared.new.take();
                self.children.extend(new);
            }
            while let Poll::Ready(Some((number, ended))) = self.children.poll_next_unpin(cx) {
                self.ended(number, ended);
            }
            if !self.is_late && self.poll_deadline(cx).is_ready() {
                self.is_late = true;
                let tasks = self.shared.tasks();
                if !tasks.is_empty() {
                    self.error.get_or_insert(GroupError::TimedOut(tasks));
                }
                self.group.abort();
            }
            let waker = cx.waker();
            if self
                .group
                .poll_counted(&mut self.empty_place, waker)
                .is_ready()
            {
                // Only background tasks are left.
                if !self.group.is_empty() {
                    self.group.abort();
                }
                ready!(self.group.poll_empty(&mut self.empty_place, waker));
                if self.children.is_empty() && !grown(&self.shared) {
                    self.group.close();
                    return Poll::Ready(());
                }
            }
            if !grown(&self.shared) {
                return Poll::Pending;
            }
        }
    }

    /// Polls for the deadline, which runs from the stop on.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.deadline.is_none() {
            ready!(Pin::new(&mut self.stopping).poll(cx));
            self.deadline = Some(Box::pin(sleep(self.shared.deadline.get())));
        }
        match &mut self.deadline {
            Some(deadline) => deadline.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }

    /// Takes the result of a child.
    fn ended(&mut self, number: usize, result: Result<Result<T, E>, JoinError>) {
        let error = match result {
            Ok(Ok(output)) => {
                if self.outputs.len() <= number {
                    self.outputs.resize_with(number + 1, || None);
                }
                self.outputs[number] = Some(output);
                return;
            }
            Ok(Err(error)) => GroupError::Failed(error),
            Err(error) if error.is_panic() => GroupError::Panicked(error),
            // Aborted by its handle, or because another one failed.
            Err(_) => return,
        };
        if self.error.is_none() {
            self.error = Some(error);
            self.group.abort();
        }
    }
}

impl<T, E> Drop for Join<T, E> {
    fn drop(&mut self) {
        self.group.remove_empty_waiter(self.empty_place);
        self.shared.grown.remove(self.grown_place);
    }
}

impl<T: 'static, E: 'static> GroupSpawner<T, E> {
    /// Spawns a task in the group. After [`TaskGroup::join`] has returned, the task is aborted at
    /// once.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> AbortHandle
    where
        F: Future<Output = Result<T, E>> + 'static,
    {
        self.shared.spawn(Location::caller(), future)
    }

    /// Asks all tasks of the group to stop, see [`TaskGroup::stop`].
    pub fn stop(&self) {
        self.shared.group.stop();
    }

    /// Aborts all tasks of the group.
    pub fn abort_all(&self) {
        self.shared.group.abort();
    }
}

impl<T: 'static, E: 'static> Shared<T, E> {
    fn scope(&self, is_background: bool) -> Scope {
        Scope {
            group: self.group.clone(),
            is_background,
        }
    }

    #[track_caller]
    fn spawn<F>(&self, location: &'static Location<'static>, future: F) -> AbortHandle
    where
        F: Future<Output = Result<T, E>> + 'static,
    {
        let handle = spawn_in_scope(self.scope(false), location, future);
        let abort = handle.abort_handle();
        // A group that has been aborted takes no new tasks.
        if self.group.is_aborted() {
            handle.abort();
        }
        let number = self.spawned.get();
        self.spawned.set(number + 1);
        self.new.borrow_mut().push(Child { number, handle });
        self.grown.wake_all();
        abort
    }
}

impl<T, E> Shared<T, E> {
    /// Returns the tasks that are waited for.
    fn tasks(&self) -> Vec<GroupTask> {
        let executor = self.group.executor();
        executor.map_or_else(Vec::new, |executor| GroupTask::all(&self.group, &executor))
    }
}

#[track_caller]
fn spawn_in_scope<F>(
    scope: Scope,
    location: &'static Location<'static>,
    future: F,
) -> JoinHandle<F::Output>
where
    F: Future + 'static,
{
    current::with(|executor| executor.in_scope(Some(scope), || spawn_at(location, future)))
}

/// Spawns a task that no group waits for, such as a ticker or a keep-alive.
///
/// In a task that belongs to a group or to a service of [`Shards`](crate::Shards), the end of the
/// group waits for tasks that [`wakeful::spawn`](crate::spawn) has spawned, and aborts those that
/// this function has spawned. Outside a group both do the same.
///
/// # Panics
///
/// Outside a runtime.
///
/// ```
/// use std::time::Duration;
/// use wakeful::task::{TaskGroup, spawn_background};
///
/// wakeful::block_on(async {
///     let mut group = TaskGroup::new();
///     group.spawn(async {
///         spawn_background(async {
///             loop {
///                 wakeful::time::sleep(Duration::from_secs(1)).await;
///             }
///         });
///         Ok::<(), std::io::Error>(())
///     });
///     // Does not wait for the ticker.
///     group.join().await.unwrap();
/// });
/// ```
#[track_caller]
pub fn spawn_background<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let location = Location::caller();
    match current_scope() {
        Some(scope) => {
            let group = scope.group;
            let is_background = true;
            let scope = Scope {
                group,
                is_background,
            };
            spawn_in_scope(scope, location, future)
        }
        None => spawn_at(location, future),
    }
}

impl<T, E> Drop for TaskGroup<T, E> {
    fn drop(&mut self) {
        let group = self.shared.group.clone();
        if group.is_empty() {
            return group.close();
        }
        let Some(executor) = group.executor().filter(|_| !group.is_aborted()) else {
            return group.abort();
        };
        group.stop();
        let deadline = self.shared.deadline.get();
        let location = self.shared.location;
        // The group around this one waits for the end of these tasks.
        let scope = group.parent();
        let waiting = stop_dropped(group, location, deadline);
        drop(executor.in_scope(scope, || executor.spawn(location, waiting)));
    }
}

/// Waits until the tasks of a group that was dropped have ended, and aborts them at the deadline.
async fn stop_dropped(group: Rc<Group>, location: &'static Location<'static>, deadline: Duration) {
    let mut place = None;
    let ended = poll_fn(|cx| group.poll_counted(&mut place, cx.waker()));
    let in_time = timeout(deadline, ended).await.is_ok();
    group.remove_empty_waiter(place);
    if !in_time && let Some(executor) = group.executor() {
        let tasks = GroupTask::all(&group, &executor);
        crate::report::report!(
            "wakeful: the `TaskGroup` made at {location} was dropped, and these tasks had not \
             ended {deadline:?} later, so they are aborted: {}",
            List(&tasks)
        );
    }
    group.abort();
}

impl<T: 'static, E: 'static> Default for TaskGroup<T, E> {
    #[track_caller]
    fn default() -> TaskGroup<T, E> {
        TaskGroup::new()
    }
}

impl<T, E> Clone for GroupSpawner<T, E> {
    fn clone(&self) -> GroupSpawner<T, E> {
        GroupSpawner {
            shared: self.shared.clone(),
        }
    }
}

impl<T, E> fmt::Debug for TaskGroup<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskGroup")
            .field("len", &self.shared.group.counted())
            .finish_non_exhaustive()
    }
}

impl<T, E> fmt::Debug for GroupSpawner<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupSpawner").finish_non_exhaustive()
    }
}
