//! The solution of exercise 13.
//!
//! The flag says that the task is in the queue. `run` takes the task out before the poll, so it
//! must clear the flag before the poll, too. Cleared after the poll, it ate the wakes that came
//! during the poll.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

pub const ANSWER: char = 'a';

type Queue = Arc<Mutex<VecDeque<usize>>>;

/// The flag prevents that a task is in the queue twice.
struct TaskWaker {
    task: usize,
    queued: AtomicBool,
    queue: Queue,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<TaskWaker>) {
        if !self.queued.swap(true, SeqCst) {
            self.queue.lock().unwrap().push_back(self.task);
        }
    }
}

type Task = Pin<Box<dyn Future<Output = ()>>>;

#[derive(Default)]
pub struct Executor {
    tasks: Vec<(Arc<TaskWaker>, Option<Task>)>,
    queue: Queue,
}

impl Executor {
    pub fn spawn(&mut self, future: impl Future<Output = ()> + 'static) {
        let waker = Arc::new(TaskWaker {
            task: self.tasks.len(),
            queued: AtomicBool::new(false),
            queue: self.queue.clone(),
        });
        self.tasks.push((waker.clone(), Some(Box::pin(future))));
        waker.wake();
    }

    pub fn run(&mut self) {
        let queue = self.queue.clone();
        let next = || queue.lock().unwrap().pop_front();
        while let Some(task) = next() {
            let (task_waker, future) = &mut self.tasks[task];
            task_waker.queued.store(false, SeqCst);
            if let Some(polled) = future {
                let waker = Waker::from(task_waker.clone());
                let mut context = Context::from_waker(&waker);
                if polled.as_mut().poll(&mut context).is_ready() {
                    *future = None;
                }
            }
        }
    }
}

pub fn main() {
    let mut executor = Executor::default();
    let mut polls = 0;
    executor.spawn(poll_fn(move |cx| {
        polls += 1;
        println!("poll {polls}");
        if polls == 3 {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }));
    executor.run();
}
