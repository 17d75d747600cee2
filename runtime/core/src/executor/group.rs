//! Groups: which tasks belong together, and whether they are asked to stop.
//!
//! A task belongs to the group of the task that spawned it. The executor has a cell for the group
//! of the running task; it is set while a member is polled, and makes spawns take the slow path,
//! which gives the new task another vtable: its functions call the executor around the poll and the
//! drop of the future. So tasks without a group pay nothing.
//!
//! No user code runs while anything here is borrowed.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::panic::Location;
use std::rc::{Rc, Weak as RcWeak};
use std::sync::{Arc, Weak};
use std::task::{Poll, Waker};

use super::{Executor, current};
use crate::scope::on_drop;
use crate::slab::Slab;
use crate::task::Id;
use crate::task::header::TaskPtr;
use crate::task::waker::wake_catching_panics;
use crate::task::waker_set::WakerSet;

/// Tasks that belong together.
pub(crate) struct Group {
    /// The group of the task that made this one.
    parent: Option<Scope>,
    children: RefCell<Vec<RcWeak<Group>>>,
    stopping: Cell<bool>,
    /// Whether all tasks have been aborted. From then on, new tasks are aborted at once, and a drop
    /// of the group does not wait for the deadline.
    aborted: Cell<bool>,
    stop_waiters: WaitSet,
    members: RefCell<Members>,
    empty_waiters: WaitSet,
    /// The executor of the tasks, once there was one.
    executor: RefCell<Weak<Executor>>,
}

#[derive(Default)]
struct Members {
    places: Slab<Option<Member>>,
    /// Number of members that are waited for.
    counted: usize,
}

/// A task in a group.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    pub(crate) id: Id,
    /// Where the task was spawned.
    pub(crate) location: &'static Location<'static>,
    /// Whether nothing waits for its end.
    pub(crate) is_background: bool,
}

/// What a task inherits from the task that spawned it.
#[derive(Clone)]
pub(crate) struct Scope {
    pub(crate) group: Rc<Group>,
    /// Whether tasks in this scope are background tasks.
    pub(crate) is_background: bool,
}

impl Group {
    /// Makes a group. It is asked to stop when its parent is.
    pub(crate) fn new(parent: Option<Scope>) -> Rc<Group> {
        let stopping = parent.as_ref().is_some_and(|it| it.group.is_stopping());
        let parent_aborted = parent.as_ref().is_some_and(|it| it.group.is_aborted());
        let group = Rc::new(Group {
            parent,
            children: RefCell::default(),
            stopping: Cell::new(stopping),
            aborted: Cell::new(parent_aborted),
            stop_waiters: WaitSet::default(),
            members: RefCell::default(),
            empty_waiters: WaitSet::default(),
            executor: RefCell::default(),
        });
        if let Some(parent) = &group.parent {
            let mut children = parent.group.children.borrow_mut();
            // The list is full: remove the groups that have been dropped before it grows.
            if children.len() == children.capacity() {
                children.retain(|child| child.strong_count() > 0);
            }
            children.push(Rc::downgrade(&group));
        }
        group
    }

    /// Returns the scope around the group.
    pub(crate) fn parent(&self) -> Option<Scope> {
        self.parent.clone()
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.get()
    }

    /// Returns this group and all groups within it.
    fn with_descendants(self: &Rc<Group>) -> Vec<Rc<Group>> {
        let mut groups = vec![self.clone()];
        let mut at = 0;
        while let Some(group) = groups.get(at).cloned() {
            at += 1;
            groups.extend(group.children.borrow().iter().filter_map(RcWeak::upgrade));
        }
        groups
    }

    /// Asks the tasks of this group, and of the groups within it, to stop. Runs user code.
    pub(crate) fn stop(self: &Rc<Group>) {
        let groups = self.with_descendants();
        groups.iter().for_each(|group| group.stopping.set(true));
        groups
            .iter()
            .for_each(|group| group.stop_waiters.wake_all());
    }

    /// Polls for the request to stop. `place` is the place of the waiter, once it has one.
    pub(crate) fn poll_stopping(&self, place: &mut Option<usize>, waker: &Waker) -> Poll<()> {
        self.stop_waiters.poll(place, waker, || self.is_stopping())
    }

    pub(crate) fn remove_stop_waiter(&self, place: Option<usize>) {
        self.stop_waiters.remove(place);
    }

    /// Aborts the tasks of this group. A group within it then aborts its own tasks when it is
    /// dropped, and does not wait for its deadline.
    pub(crate) fn abort(self: &Rc<Group>) {
        let groups = self.with_descendants();
        groups.iter().for_each(|group| group.aborted.set(true));
        let executor = self.executor.borrow().upgrade();
        let members = groups.iter().flat_map(|group| group.members());
        let ids: HashSet<Id> = members.map(|member| member.id).collect();
        if let Some(executor) = executor.filter(|_| !ids.is_empty()) {
            executor.abort_some(&ids);
        }
    }

    /// Lets tasks that are spawned from here on be aborted at once.
    pub(crate) fn close(&self) {
        self.aborted.set(true);
    }

    /// Whether the tasks have been aborted.
    pub(crate) fn is_aborted(&self) -> bool {
        self.aborted.get()
    }

    /// Returns the executor of the tasks, if it has not ended.
    pub(crate) fn executor(&self) -> Option<Arc<Executor>> {
        let executor = self.executor.borrow().upgrade();
        executor.filter(|executor| !executor.closing.get())
    }

    /// Returns the number of tasks that are waited for.
    pub(crate) fn counted(&self) -> usize {
        self.members.borrow().counted
    }

    /// Whether no task is left, background tasks included.
    pub(crate) fn is_empty(&self) -> bool {
        self.members.borrow().places.len() == 0
    }

    /// Polls for the end of all tasks that are waited for.
    pub(crate) fn poll_counted(&self, place: &mut Option<usize>, waker: &Waker) -> Poll<()> {
        self.empty_waiters
            .poll(place, waker, || self.counted() == 0)
    }

    /// Polls for the end of all tasks.
    pub(crate) fn poll_empty(&self, place: &mut Option<usize>, waker: &Waker) -> Poll<()> {
        self.empty_waiters.poll(place, waker, || self.is_empty())
    }

    pub(crate) fn remove_empty_waiter(&self, place: Option<usize>) {
        self.empty_waiters.remove(place);
    }

    /// Returns the tasks in the group.
    pub(crate) fn members(&self) -> Vec<Member> {
        self.members
            .borrow()
            .places
            .entries()
            .iter()
            .flatten()
            .copied()
            .collect()
    }

    fn insert(&self, member: Member) -> usize {
        let members = &mut *self.members.borrow_mut();
        members.counted += usize::from(!member.is_background);
        let place = members.places.allocate();
        members.places[place] = Some(member);
        place
    }

    /// Removes a member. Runs user code: the wakers that wait for the last one.
    fn remove(&self, place: usize) {
        let is_last = {
            let members = &mut *self.members.borrow_mut();
            let member = members.places[place].take();
            let counted = member.is_some_and(|it| !it.is_background);
            members.counted -= usize::from(counted);
            members.places.release(place);
            counted && members.counted == 0 || members.places.len() == 0
        };
        if is_last {
            self.empty_waiters.wake_all();
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // In a loop, as groups may be nested too deeply for a recursive drop.
        let mut next = self.parent.take();
        while let Some(scope) = next {
            next = Rc::into_inner(scope.group).and_then(|mut group| group.parent.take());
        }
    }
}

/// Waiters for a condition.
#[derive(Default)]
pub(crate) struct WaitSet(RefCell<WakerSet>);

impl WaitSet {
    /// Polls for the condition. `place` is the place of the waiter, once it has one.
    pub(crate) fn poll(
        &self,
        place: &mut Option<usize>,
        waker: &Waker,
        is_over: impl Fn() -> bool,
    ) -> Poll<()> {
        if is_over() {
            return Poll::Ready(());
        }
        let new = waker.clone();
        let old = {
            let mut set = self.0.borrow_mut();
            let place = *place.get_or_insert_with(|| set.insert());
            set.set(place, Some(new))
        };
        drop(old);
        // The clone and the drop may have run user code.
        match is_over() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }

    /// Removes a waiter.
    pub(crate) fn remove(&self, place: Option<usize>) {
        let waker = place.and_then(|place| self.0.borrow_mut().remove(place));
        drop(waker);
    }

    /// Wakes all waiters. Runs user code.
    pub(crate) fn wake_all(&self) {
        let wakers: Vec<Waker> = self.0.borrow_mut().take_all().collect();
        wakers.into_iter().for_each(wake_catching_panics);
    }
}

impl Executor {
    /// Calls `f` with this scope, or with none, as the scope of the running task.
    pub(crate) fn in_scope<R>(&self, scope: Option<Scope>, f: impl FnOnce() -> R) -> R {
        let before = self.set_scope(scope);
        let before = Cell::new(Some(before));
        let _restore = on_drop(|| {
            if let Some(before) = before.take() {
                self.set_scope(before);
            }
        });
        f()
    }

    /// Returns the scope of the running task.
    pub(crate) fn scope(&self) -> Option<Scope> {
        self.scope.borrow().clone()
    }

    fn set_scope(&self, scope: Option<Scope>) -> Option<Scope> {
        let slow =
            scope.is_some() || self.closing.get() || self.observer.is_some() || self.is_driven();
        self.slow_spawn.set(slow);
        // The drop of a scope runs no user code: a group has wakers only while a future waits, and
        // the future holds the group.
        self.scope.replace(scope)
    }

    /// Adds a new task to the group of the running task, if there is one. Returns whether it is.
    pub(super) fn join_group(&self, id: Id, location: &'static Location<'static>) -> bool {
        let Some(scope) = self.scope() else {
            return false;
        };
        *scope.group.executor.borrow_mut() = Arc::downgrade(&self.shared());
        let place = scope.group.insert(Member {
            id,
            location,
            is_background: scope.is_background,
        });
        let ticket = Ticket { scope, place };
        self.tickets.borrow_mut().insert(id, ticket);
        true
    }

    /// Removes a task whose future is gone from its group. Runs user code: the wakers that wait for
    /// the last member.
    fn leave_group(&self, id: Id) {
        // In a statement of its own, so that nothing is borrowed during the drop.
        let ticket = self.tickets.borrow_mut().remove(&id);
        drop(ticket);
    }

    /// Polls a member. Its scope is that of the running task meanwhile.
    ///
    /// # Safety
    /// As for [`VTable::poll`](crate::task::header::VTable::poll).
    #[inline(never)]
    pub(super) unsafe fn poll_member(
        &self,
        task: TaskPtr,
        poll: unsafe fn(TaskPtr) -> bool,
    ) -> bool {
        // SAFETY: the task is alive, by the contract.
        let id = unsafe { task.as_ref() }.id;
        let scope = self.tickets.borrow().get(&id).map(|it| it.scope.clone());
        // SAFETY: the contract is the same.
        let ended = self.in_scope(scope, || unsafe { poll(task) });
        if ended {
            self.leave_group(id);
        }
        ended
    }

    /// Cancels a member.
    ///
    /// # Safety
    /// As for [`VTable::cancel`](crate::task::header::VTable::cancel).
    pub(super) unsafe fn cancel_member(&self, task: TaskPtr, cancel: unsafe fn(TaskPtr)) {
        // SAFETY: the task is alive, by the contract.
        let id = unsafe { task.as_ref() }.id;
        // SAFETY: the contract is the same.
        unsafe { cancel(task) };
        self.leave_group(id);
    }
}

/// Membership of a task. Its drop removes the task from its group.
pub(super) struct Ticket {
    scope: Scope,
    place: usize,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.scope.group.remove(self.place);
    }
}

/// The members of groups, by their ids.
pub(super) type Tickets = HashMap<Id, Ticket>;

/// Returns the scope of the running task, if it belongs to a group.
pub(crate) fn current_scope() -> Option<Scope> {
    current::try_with(Executor::scope).flatten()
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group")
            .field("counted", &self.counted())
            .field("stopping", &self.is_stopping())
            .finish_non_exhaustive()
    }
}
