//! An order that keeps a task that is ready.

use std::cell::Cell;
use std::rc::Rc;

use wakeful::class::{Order, Ready};

/// Keeps the first task that is ready, and returns the others.
pub struct Keeps(pub Vec<Ready>, pub Rc<Cell<Option<Ready>>>);

impl Order for Keeps {
    fn push(&mut self, task: Ready) {
        match self.1.take() {
            None => self.1.set(Some(task)),
            kept => {
                self.1.set(kept);
                self.0.push(task);
            }
        }
    }
    fn pop(&mut self) -> Option<Ready> {
        self.0.pop()
    }
}
