//! The future of a task, and its output.

use std::panic::resume_unwind;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::thread;

use wakeful::task::JoinHandle;

use super::{Blast, End, Task, World, elsewhere};

/// Has `N` more bytes, so that tasks have several sizes.
pub(super) struct Body<const N: usize> {
    world: Rc<World>,
    task: Rc<Task>,
    child: Option<JoinHandle<Output>>,
    room: [u8; N],
}

impl<const N: usize> Body<N> {
    pub(super) fn new(world: &Rc<World>, task: &Rc<Task>) -> Body<N> {
        task.futures.set(task.futures.get() + 1);
        Body {
            world: world.clone(),
            task: task.clone(),
            child: None,
            room: [task.number as u8; N],
        }
    }

    /// Checks that the memory is still that of this task.
    fn check(&self) {
        let (world, task) = (&self.world, &self.task);
        assert_eq!(
            thread::current().id(),
            world.home,
            "{} left home",
            task.name()
        );
        world.ticks.set(world.ticks.get() + 1);
        let whole = self.room.iter().all(|&byte| byte == task.number as u8);
        world.insist(whole, || format!("{} was written over", task.name()));
        world.insist(task.futures_dropped.get() == 0, || {
            format!("{} again", task.name())
        });
    }

    fn poll_child(&mut self, cx: &mut Context<'_>) {
        let Some(child) = &mut self.child else {
            return;
        };
        if let Poll::Ready(result) = Pin::new(child).poll(cx) {
            self.child = None;
            let awaited = self
                .task
                .awaits
                .take()
                .expect("the task whose handle it awaits");
            self.world
                .joined(&awaited, result.map(|output| output.number()));
        }
    }

    fn end(&self) -> Poll<Output> {
        self.task.end.set(Some(End::Returned));
        Poll::Ready(Output::new(&self.world, &self.task))
    }
}

impl<const N: usize> Future for Body<N> {
    type Output = Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Output> {
        let this = &mut *self;
        let (world, task) = (this.world.clone(), this.task.clone());
        this.check();
        world.insist(task.end.get().is_none(), || {
            format!("{} polled at its end", task.name())
        });
        task.polls.set(task.polls.get() + 1);
        task.woken.set(false);
        this.poll_child(cx);
        for _ in 0..world.below(3) {
            world.step(Some((&task, cx.waker())));
        }
        match world.below(9) {
            0 | 1 => return this.end(),
            2 => {
                task.end.set(Some(End::Panicked));
                task.panic.set(Some("poll"));
                // Without the panic hook, which would end a fuzzer.
                resume_unwind(Box::new(Blast(task.number, "poll")));
            }
            3 => {
                task.woken.set(true);
                cx.waker().wake_by_ref();
            }
            4 | 5 => {
                let waker = (task.clone(), cx.waker().clone());
                world.wakers.borrow_mut().push(waker);
            }
            6 => {
                let waker = cx.waker().clone();
                task.woken.set(true);
                elsewhere::call(move || waker.wake());
            }
            7 if this.child.is_none() => {
                if let Some((awaited, handle)) = world.take(&world.joins) {
                    this.child = Some(handle);
                    *task.awaits.borrow_mut() = Some(awaited);
                    this.poll_child(cx);
                }
            }
            _ => {}
        }
        Poll::Pending
    }
}

impl<const N: usize> Drop for Body<N> {
    fn drop(&mut self) {
        self.check();
        let (world, task) = (&self.world, &self.task);
        task.futures_dropped.set(task.futures_dropped.get() + 1);
        // It may be its own handle.
        drop(task.awaits.take());
        if task.end.get().is_none() {
            task.end.set(Some(End::Dropped));
            let asked = task.aborted.get() || world.shut.get();
            world.insist(asked, || {
                format!(
                    "{} was dropped although no abort was requested",
                    task.name()
                )
            });
        }
        if world.in_drop() && task.panic.get().is_none() && !thread::panicking() {
            task.panic.set(Some("drop"));
            resume_unwind(Box::new(Blast(task.number, "drop")));
        }
    }
}

/// The output of a task.
pub(super) struct Output {
    world: Rc<World>,
    task: Rc<Task>,
}

impl Output {
    fn new(world: &Rc<World>, task: &Rc<Task>) -> Output {
        task.outputs.set(task.outputs.get() + 1);
        Output {
            world: world.clone(),
            task: task.clone(),
        }
    }

    pub(super) fn number(&self) -> usize {
        self.task.number
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        let (world, task) = (&self.world, &self.task);
        assert_eq!(
            thread::current().id(),
            world.home,
            "an output was dropped on another thread"
        );
        world.ticks.set(world.ticks.get() + 1);
        task.outputs_dropped.set(task.outputs_dropped.get() + 1);
        world.in_drop();
    }
}

impl World {
    /// Runs operations in the middle of a drop. Returns whether it has to panic.
    fn in_drop(self: &Rc<World>) -> bool {
        if self.depth.get() >= super::MAX_DEPTH {
            return false;
        }
        self.depth.set(self.depth.get() + 1);
        let kind = self.below(8);
        if kind >= 5 {
            self.step(None);
        }
        self.depth.set(self.depth.get() - 1);
        kind == 4
    }
}
