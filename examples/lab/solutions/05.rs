//! The solution of exercise 05.
//!
//! `run` queued each task that returned `Pending`, so each was polled in every round, woken or not.
//! A task that waits must not be in the queue; its waker puts it there.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

pub const ANSWER: char = 'c';

type Queue = Arc<Mutex<VecDeque<usize>>>;
type Task = Pin<Box<dyn Future<Output = ()>>>;

#[derive(Default)]
pub struct Executor {
    tasks: RefCell<Vec<Option<Task>>>,
    queue: Queue,
}

struct TaskWaker(usize, Queue);

impl Wake for TaskWaker {
    fn wake(self: Arc<TaskWaker>) {
        enqueue(&self.1, self.0);
    }
}

fn enqueue(queue: &Queue, task: usize) {
    let mut queue = queue.lock().unwrap();
    if !queue.contains(&task) {
        queue.push_back(task);
    }
}

impl Executor {
    pub fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        let task = self.tasks.borrow().len();
        self.tasks.borrow_mut().push(Some(Box::pin(future)));
        enqueue(&self.queue, task);
    }

    pub fn run(&self) {
        let next = || self.queue.lock().unwrap().pop_front();
        while let Some(task) = next() {
            let Some(mut future) = self.tasks.borrow_mut()[task].take() else {
                continue;
            };
            let waker = Waker::from(Arc::new(TaskWaker(task, self.queue.clone())));
            let mut context = Context::from_waker(&waker);
            if future.as_mut().poll(&mut context).is_pending() {
                self.tasks.borrow_mut()[task] = Some(future);
            }
        }
    }
}

pub fn main() {
    let door: Rc<Cell<bool>> = Rc::default();
    let waiting: Rc<Cell<Option<Waker>>> = Rc::default();
    let executor = Executor::default();

    let (its_door, its_waker, mut polls) = (door.clone(), waiting.clone(), 0);
    executor.spawn(poll_fn(move |cx| {
        polls += 1;
        println!("guest: poll {polls}, the door is open: {}", its_door.get());
        if its_door.get() {
            return Poll::Ready(());
        }
        its_waker.set(Some(cx.waker().clone()));
        Poll::Pending
    }));
    let mut yields = 0;
    executor.spawn(poll_fn(move |cx| {
        println!("cook: polled");
        if yields == 2 {
            door.set(true);
            waiting.take().expect("the guest waits").wake();
            return Poll::Ready(());
        }
        yields += 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    }));
    executor.run();
}
