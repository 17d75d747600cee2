//! Many futures, one thread: an executor is a queue of woken tasks.
//!
//! `block_on` of lesson 03 polls one future. Here each future gets a number, and a waker that puts
//! the number at the end of the run queue. The executor takes the first task of the queue and polls
//! it, until the queue is empty.
//!
//! Look at the guest: while other tasks are polled again and again, this one is polled twice. It is
//! not in the queue, so it costs nothing. And look at the end: the executor stops when the queue is
//! empty. A task that is still pending then waits for an outside event. Lesson 06 adds those.
//!
//! `cargo run --example lab_05_executor`; then exercise 05, `exercises/05.rs`.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

type Task = Pin<Box<dyn Future<Output = ()>>>;
type Queue = Arc<Mutex<VecDeque<usize>>>;

#[derive(Default)]
struct Executor {
    /// By number; `None` while the task is polled, and when it has ended.
    tasks: RefCell<Vec<Option<Task>>>,
    /// The tasks to poll. Behind a lock, as a waker may be used from any thread.
    queue: Queue,
}

/// The data of a waker: its task, and the queue to put it in.
struct TaskWaker {
    task: usize,
    queue: Queue,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<TaskWaker>) {
        let mut queue = self.queue.lock().unwrap();
        if !queue.contains(&self.task) {
            queue.push_back(self.task); // ten wakes queue the task once
        }
    }
}

impl Executor {
    fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        let task = self.tasks.borrow().len();
        self.tasks.borrow_mut().push(Some(Box::pin(future)));
        // A new task has no waker yet, so the executor queues it for its first poll.
        self.queue.lock().unwrap().push_back(task);
    }

    fn run(&self) {
        loop {
            // The task leaves the queue before its poll, so that a wake during the poll counts.
            let Some(task) = self.queue.lock().unwrap().pop_front() else {
                return;
            };
            let Some(mut future) = self.tasks.borrow_mut()[task].take() else {
                continue; // woken after its end
            };
            let queue = self.queue.clone();
            let waker = Waker::from(Arc::new(TaskWaker { task, queue }));
            let mut context = Context::from_waker(&waker);
            if future.as_mut().poll(&mut context).is_pending() {
                self.tasks.borrow_mut()[task] = Some(future);
            }
        }
    }
}

/// Lets the other tasks run first: returns `Pending` once, after it has queued its task again.
async fn yield_now() {
    let mut yielded = false;
    poll_fn(|cx| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Stands for an event that happens once. One task can wait for it.
#[derive(Default)]
struct Door {
    open: Cell<bool>,
    waiting: Cell<Option<Waker>>,
}

fn main() {
    let executor = Executor::default();
    let door = Rc::new(Door::default());
    let guest_polls = Rc::new(Cell::new(0));
    let turns = Rc::new(RefCell::new(Vec::new()));

    let (its_door, polls) = (door.clone(), guest_polls.clone());
    executor.spawn(async move {
        poll_fn(|cx| {
            polls.set(polls.get() + 1);
            if its_door.open.get() {
                println!("guest: poll {}, the door is open", polls.get());
                return Poll::Ready(());
            }
            println!(
                "guest: poll {}, the door is shut, so leave a waker",
                polls.get()
            );
            its_door.waiting.set(Some(cx.waker().clone()));
            Poll::Pending
        })
        .await;
    });
    for cook in ["Ada", "Bob"] {
        let (turns, door) = (turns.clone(), door.clone());
        executor.spawn(async move {
            for dish in 1..=3 {
                println!("{cook}: cooks dish {dish}");
                turns.borrow_mut().push(format!("{cook}{dish}"));
                yield_now().await;
            }
            println!("{cook}: opens the door");
            door.open.set(true);
            if let Some(waker) = door.waiting.take() {
                waker.wake();
            }
        });
    }
    executor.run();

    let turns = turns.borrow().join(" ");
    println!("\nThe cooks took turns: {turns}.");
    println!("The guest was polled {} times.", guest_polls.get());
    println!("The queue is empty, so the executor returns.");

    // Tasks are polled in the order in which they were queued; a task that is not woken is not.
    assert_eq!(turns, "Ada1 Bob1 Ada2 Bob2 Ada3 Bob3");
    assert_eq!(guest_polls.get(), 2);
    assert!(executor.tasks.borrow().iter().all(Option::is_none));
}
