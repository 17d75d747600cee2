//! The operations of a script.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures_util::FutureExt;
use wakeful::Handle;
use wakeful::task::{JoinHandle, JoinSet};

use super::body::{Body, Output};
use super::{MAX_TASKS, PollNow, Task, WORLD, World, elsewhere};

type Kept<T> = RefCell<Vec<(Rc<Task>, T)>>;

impl World {
    /// Takes an object out, so that nothing is borrowed while it is used.
    pub(super) fn take<T>(&self, kept: &Kept<T>) -> Option<(Rc<Task>, T)> {
        let count = kept.borrow().len();
        (count > 0).then(|| kept.borrow_mut().swap_remove(self.below(count)))
    }

    /// Runs the operation of the next bytes. `own` is the task that is being polled, and its waker.
    pub(super) fn step(self: &Rc<World>, own: Option<(&Rc<Task>, &Waker)>) {
        match self.below(32) {
            0..=3 => self.spawn(),
            4 => self.spawn_detached(),
            5 => self.spawn_from_elsewhere(),
            6 | 7 => self.spawn_into_the_set(),
            8..=16 => self.use_a_waker(),
            17 => self.compare_wakers(),
            18 => {
                if let Some((task, waker)) = own {
                    self.keep(&self.wakers, task.clone(), waker.clone());
                }
            }
            19 => {
                if let Some((task, handle)) = self.take(&self.joins) {
                    task.aborted.set(true);
                    handle.abort();
                    self.keep(&self.joins, task, handle);
                }
            }
            20 | 21 => {
                if let Some((task, handle)) = self.take(&self.joins) {
                    self.keep(&self.aborts, task.clone(), handle.abort_handle());
                    self.keep(&self.joins, task, handle);
                }
            }
            22..=24 => self.use_an_abort_handle(),
            25 => drop(self.take(&self.joins)),
            26 => self.poll_a_handle(),
            27 | 28 => self.use_a_remote_handle(),
            29 => _ = self.join_one_of_the_set(),
            30 => self.end_the_set(),
            _ => self.shut_down(),
        }
    }

    fn keep<T>(&self, kept: &Kept<T>, task: Rc<Task>, what: T) {
        kept.borrow_mut().push((task, what));
    }

    fn task(&self, remote: bool) -> Option<Rc<Task>> {
        let number = self.tasks.borrow().len();
        // A drop at the very end may be outside of the runtime.
        if number >= MAX_TASKS || !remote && Handle::try_current().is_err() {
            return None;
        }
        let task = Rc::new(Task {
            number,
            remote,
            id: Cell::default(),
            member: Cell::default(),
            futures: Cell::default(),
            futures_dropped: Cell::default(),
            outputs: Cell::default(),
            outputs_dropped: Cell::default(),
            polls: Cell::default(),
            woken: Cell::default(),
            aborted: Cell::default(),
            end: Cell::default(),
            panic: Cell::default(),
            awaits: RefCell::default(),
        });
        self.tasks.borrow_mut().push(task.clone());
        Some(task)
    }

    fn start(self: &Rc<World>, task: &Rc<Task>) -> JoinHandle<Output> {
        match self.below(4) {
            0 => wakeful::spawn(Body::<0>::new(self, task)),
            1 => wakeful::spawn(Body::<100>::new(self, task)),
            2 => wakeful::spawn(Body::<500>::new(self, task)),
            _ => wakeful::spawn(Body::<2000>::new(self, task)),
        }
    }

    fn spawn(self: &Rc<World>) {
        if let Some(task) = self.task(false) {
            let handle = self.start(&task);
            task.id.set(Some(handle.id()));
            self.keep(&self.joins, task, handle);
        }
    }

    fn spawn_detached(self: &Rc<World>) {
        if let Some(task) = self.task(false) {
            drop(self.start(&task));
        }
    }

    fn spawn_from_elsewhere(self: &Rc<World>) {
        let (Some(task), Some(handle)) = (self.task(true), self.handle.borrow().clone()) else {
            return;
        };
        let number = task.number;
        let future = move || {
            let world = WORLD.with(|world| world.borrow().upgrade());
            let world = world.expect("the thread that runs the script");
            let task = world.tasks.borrow()[number].clone();
            // Not an `async` block: an `.await` whose future panics in its drop leaks the output.
            Body::<60>::new(&world, &task).map(|output| output.number())
        };
        let remote = elsewhere::call(move || handle.spawn_with(future));
        self.keep(&self.remotes, task, remote);
    }

    fn spawn_into_the_set(self: &Rc<World>) {
        let Some(mut set) = self.set.take() else {
            return;
        };
        if let Some(task) = self.task(false) {
            let handle = set.spawn(Body::<0>::new(self, &task));
            task.member.set(true);
            task.id.set(Some(handle.id()));
            if self.below(2) == 0 {
                self.keep(&self.aborts, task, handle);
            }
        }
        *self.set.borrow_mut() = Some(set);
    }

    fn use_a_waker(&self) {
        let Some((task, waker)) = self.take(&self.wakers) else {
            return;
        };
        let kind = self.below(9);
        if kind < 5 {
            task.woken.set(true);
        }
        match kind {
            0 => waker.wake(),
            1 | 2 => {
                waker.wake_by_ref();
                self.keep(&self.wakers, task, waker);
            }
            3 => elsewhere::call(move || waker.wake()),
            4 => {
                let waker = elsewhere::call(move || {
                    waker.wake_by_ref();
                    waker
                });
                self.keep(&self.wakers, task, waker);
            }
            5 => drop(waker),
            // While this thread continues.
            6 => elsewhere::begin(move || drop(waker)),
            7 => {
                self.keep(&self.wakers, task.clone(), waker.clone());
                self.keep(&self.wakers, task, waker);
            }
            _ => {
                let clone = waker.clone();
                elsewhere::begin(move || drop((clone.clone(), clone.clone(), clone)));
                self.keep(&self.wakers, task, waker);
            }
        }
    }

    fn compare_wakers(&self) {
        let Some((one, waker)) = self.take(&self.wakers) else {
            return;
        };
        for (other, known) in self.wakers.borrow().iter() {
            let same = Rc::ptr_eq(&one, other);
            self.insist(waker.will_wake(known) == same, || {
                "will_wake is wrong".to_owned()
            });
        }
        self.keep(&self.wakers, one, waker);
    }

    fn use_an_abort_handle(&self) {
        let Some((task, handle)) = self.take(&self.aborts) else {
            return;
        };
        let kind = self.below(6);
        if kind < 4 {
            task.aborted.set(true);
        }
        match kind {
            0 => handle.abort(),
            1 => {
                handle.abort();
                self.keep(&self.aborts, task, handle);
            }
            2 => elsewhere::call(move || handle.abort()),
            3 => {
                elsewhere::call(move || handle.abort());
                // This does not wait for its end.
            }
            4 => elsewhere::begin(move || drop(handle)),
            _ => {
                let over = handle.is_finished();
                self.insist(!over || task.end.get().is_some(), || {
                    format!("{} is not over", task.name())
                });
                self.insist(task.id.get().is_none_or(|id| id == handle.id()), || {
                    "another id".to_owned()
                });
                self.keep(&self.aborts, task, handle);
            }
        }
    }

    fn poll_a_handle(&self) {
        let Some((task, mut handle)) = self.take(&self.joins) else {
            return;
        };
        match Pin::new(&mut handle).poll_now(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => self.joined(&task, result.map(|output| output.number())),
            Poll::Pending => self.keep(&self.joins, task, handle),
        }
    }

    fn use_a_remote_handle(&self) {
        let Some((task, mut handle)) = self.take(&self.remotes) else {
            return;
        };
        match self.below(4) {
            0 => {
                task.aborted.set(true);
                handle.abort();
                self.keep(&self.remotes, task, handle);
            }
            1 => elsewhere::call(move || drop(handle)),
            _ => match Pin::new(&mut handle).poll_now(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(result) => self.joined(&task, result),
                Poll::Pending => self.keep(&self.remotes, task, handle),
            },
        }
    }

    /// Returns false if no task of the set has ended.
    pub(super) fn join_one_of_the_set(&self) -> bool {
        let Some(mut set) = self.set.take() else {
            return false;
        };
        let result = set.try_join_next();
        *self.set.borrow_mut() = Some(set);
        let Some(result) = result else {
            return false;
        };
        let tasks = self.tasks.borrow().clone();
        let id = match &result {
            Ok(output) => tasks[output.number()].id.get(),
            Err(error) => Some(error.id()),
        };
        let task = tasks.iter().find(|task| task.id.get() == id);
        self.joined(
            task.expect("a member"),
            result.map(|output| output.number()),
        );
        true
    }

    fn end_the_set(&self) {
        let Some(mut set) = self.set.take() else {
            return;
        };
        match self.below(4) {
            0 => {
                self.abort_members();
                set.abort_all();
            }
            1 => {
                self.tasks
                    .borrow()
                    .iter()
                    .for_each(|task| task.member.set(false));
                set.detach_all();
            }
            2 => {
                self.abort_members();
                drop(set);
                set = JoinSet::new();
            }
            _ => {
                let count = set.len();
                self.insist(set.is_empty() == (count == 0), || "is_empty".to_owned());
            }
        }
        *self.set.borrow_mut() = Some(set);
    }

    fn abort_members(&self) {
        for task in self.tasks.borrow().iter().filter(|task| task.member.get()) {
            task.aborted.set(true);
        }
    }

    fn shut_down(&self) {
        // Rarely, as the script ends with it.
        if self.byte() == 0xaa
            && let Some(handle) = self.handle.borrow().clone()
        {
            self.shut.set(true);
            handle.shutdown();
        }
    }
}
