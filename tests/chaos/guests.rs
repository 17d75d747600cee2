//! User code other than futures: orders, descriptors, values of task-locals, closures.

use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use wakeful::class::{Order, Ready};

use super::places::Place;
use super::world::{self, Tally};

/// Chooses a random task, and drops some at once.
pub struct Choosy {
    ready: Vec<Ready>,
    tally: Arc<Tally>,
}

impl Choosy {
    pub fn new(tally: &Arc<Tally>) -> Choosy {
        tally.orders.made();
        Choosy {
            ready: Vec::new(),
            tally: tally.clone(),
        }
    }
}

impl Order for Choosy {
    fn push(&mut self, task: Ready) {
        let Some(world) = world::current() else {
            return self.ready.push(task);
        };
        let refuse = !world.still.get() && world.dice.one_in(8);
        if !refuse {
            self.ready.push(task);
        }
        drop(world);
        world::chaos(Place::OrderPush);
    }

    fn pop(&mut self) -> Option<Ready> {
        world::chaos(Place::OrderPop);
        if self.ready.is_empty() {
            return None;
        }
        let at = world::current().map_or(0, |world| world.dice.below(self.ready.len()));
        Some(self.ready.swap_remove(at))
    }
}

impl Drop for Choosy {
    fn drop(&mut self) {
        self.tally.orders.dropped();
        world::chaos(Place::OrderDrop);
    }
}

/// A descriptor.
pub struct Fd {
    pub stream: UnixStream,
    tally: Arc<Tally>,
}

impl Fd {
    pub fn new(stream: UnixStream, tally: &Arc<Tally>) -> Fd {
        tally.descriptors.made();
        Fd {
            stream,
            tally: tally.clone(),
        }
    }
}

impl AsFd for Fd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        world::chaos(Place::AsFd);
        self.stream.as_fd()
    }
}

impl Drop for Fd {
    fn drop(&mut self) {
        self.tally.descriptors.dropped();
        world::chaos(Place::FdDrop);
    }
}

/// A value that a closure owns.
pub struct Capture {
    tally: Arc<Tally>,
}

impl Capture {
    pub fn new(tally: &Arc<Tally>) -> Capture {
        tally.closures.made();
        Capture {
            tally: tally.clone(),
        }
    }
}

impl Capture {
    pub fn again(&self) -> Capture {
        Capture::new(&self.tally)
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.tally.closures.dropped();
        world::chaos(Place::MakeDrop);
    }
}

/// The value of a task-local.
pub struct Local {
    tally: Arc<Tally>,
}

impl Local {
    pub fn new(tally: &Arc<Tally>) -> Local {
        tally.locals.made();
        Local {
            tally: tally.clone(),
        }
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        self.tally.locals.dropped();
        world::chaos(Place::LocalDrop);
    }
}

wakeful::task_local! {
    pub static LOCAL: Local;
}
