//! Edge cases: the first class, the last one, unusual orders, and latencies that are shorter than a
//! poll. The bugs that these tests detect would hang, or read freed memory.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::thread::{self, ThreadId};
use std::time::Duration;

use crate::keeps::Keeps;
use wakeful::class::{Class, Order, Ready};
use wakeful::task::{self, Id, consume_budget, yield_now};
use wakeful::{Runtime, block_on, spawn, spawn_in};

/// No other task is ready then, so the loop must not sleep.
#[test]
fn a_task_may_create_the_first_class() {
    block_on(async {
        let made = spawn(async {
            let class = Class::builder("first").build().unwrap();
            spawn_in(&class, async { 7 }).await.unwrap()
        });
        assert_eq!(made.await.unwrap(), 7);
    });
}

type Seen = Rc<RefCell<Vec<Option<Id>>>>;

/// First in, first out; queries the current task.
#[derive(Default)]
struct Asks {
    tasks: Vec<Ready>,
    seen: Seen,
    panics: bool,
}

impl Order for Asks {
    fn push(&mut self, task: Ready) {
        self.seen.borrow_mut().push(task::try_id());
        self.tasks.push(task);
    }
    fn pop(&mut self) -> Option<Ready> {
        self.seen.borrow_mut().push(task::try_id());
        let first = self.seen.borrow().len() <= 4;
        assert!(first || !self.panics, "on purpose");
        (!self.tasks.is_empty()).then(|| self.tasks.remove(0))
    }
}

#[test]
fn no_task_is_current_while_an_order_is_called() {
    let seen = Seen::default();
    let order = Asks {
        seen: seen.clone(),
        ..Asks::default()
    };
    block_on(async move {
        let class = Class::builder("asks").order(order).build().unwrap();
        let tasks: Vec<_> = (0..3).map(|_| spawn_in(&class, async {})).collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert!(seen.borrow().len() >= 6);
    assert!(seen.borrow().iter().all(Option::is_none));
}

#[test]
fn no_task_is_current_after_the_panic_of_an_order() {
    let runtime = Runtime::new().unwrap();
    let order = Asks {
        panics: true,
        ..Asks::default()
    };
    let running = AssertUnwindSafe(|| {
        runtime.block_on(async move {
            let class = Class::builder("panics").order(order).build().unwrap();
            let tasks: Vec<_> = (0..3).map(|_| spawn_in(&class, async {})).collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
    });
    catch_unwind(running).unwrap_err();
    assert_eq!(runtime.enter(task::try_id), None);
}

/// Queues at most that number of tasks, and drops the others.
struct Room(usize, Vec<Ready>);

impl Order for Room {
    fn push(&mut self, task: Ready) {
        if self.1.len() < self.0 {
            self.1.push(task);
        }
    }
    fn pop(&mut self) -> Option<Ready> {
        self.1.pop()
    }
}

#[test]
fn an_order_may_drop_tasks_that_exceed_its_capacity() {
    for room in [0, 2] {
        block_on(async {
            let order = Room(room, Vec::new());
            let class = Class::builder("room").order(order).build().unwrap();
            let tasks: Vec<_> = (0..5).map(|n| spawn_in(&class, async move { n })).collect();
            for (n, task) in tasks.into_iter().enumerate() {
                assert_eq!(task.await.unwrap(), n);
            }
        });
    }
}

#[test]
fn a_class_may_be_dropped_while_its_order_keeps_a_ready_task() {
    block_on(async {
        let kept = Rc::new(Cell::new(None));
        let order = Keeps(Vec::new(), kept.clone());
        let class = Class::builder("keeps").order(order).build().unwrap();
        let first = spawn_in(&class, async {});
        let second = spawn_in(&class, async { Class::current().remove().unwrap() });
        second.await.unwrap();
        // The loop has no other task to run.
        wakeful::time::sleep(Duration::from_millis(1)).await;
        assert!(!first.is_finished());
        drop(kept.take());
        first.await.unwrap();
    });
}

/// Records the thread on which it is dropped.
struct Home(
    #[expect(dead_code, reason = "is counted from outside")] Rc<()>,
    Rc<Cell<Option<ThreadId>>>,
);

impl Drop for Home {
    fn drop(&mut self) {
        self.1.set(Some(thread::current().id()));
    }
}

/// Creates another class when it is dropped.
struct Again(Option<Home>);

impl Order for Again {
    fn push(&mut self, _: Ready) {}
    fn pop(&mut self) -> Option<Ready> {
        None
    }
}

impl Drop for Again {
    fn drop(&mut self) {
        if let Some(home) = self.0.take() {
            struct Last(#[expect(dead_code, reason = "its drop is what matters")] Home);
            impl Order for Last {
                fn push(&mut self, _: Ready) {}
                fn pop(&mut self) -> Option<Ready> {
                    None
                }
            }
            let _ = Class::builder("last").order(Last(home)).build();
        }
    }
}

#[test]
fn an_order_created_at_shutdown_is_dropped_on_its_thread() {
    let (alive, dropped) = (Rc::new(()), Rc::new(Cell::new(None)));
    let runtime = Runtime::new().unwrap();
    let handle = runtime.handle();
    let order = Again(Some(Home(alive.clone(), dropped.clone())));
    runtime.enter(|| Class::builder("first").order(order).build().unwrap());
    drop(runtime);
    assert_eq!(dropped.get(), Some(thread::current().id()));
    assert_eq!(Rc::strong_count(&alive), 1);
    drop(handle);
}

/// Other classes run, however short the latency of one that is always ready.
#[test]
fn a_short_latency_does_not_starve_other_classes() {
    for nanos in [0, 1, 1_000] {
        block_on(async {
            let latency = Duration::from_nanos(nanos);
            let class = Class::builder("hasty").latency(latency).build().unwrap();
            let busy = spawn_in(&class, async {
                loop {
                    yield_now().await;
                }
            });
            for _ in 0..100 {
                yield_now().await;
            }
            busy.abort();
        });
    }
}

/// A task that has yielded resumes when its turn comes.
#[test]
fn a_yield_returns() {
    block_on(async {
        let latency = Duration::from_millis(5);
        let class = Class::builder("urgent").latency(latency).build().unwrap();
        let busy = spawn_in(&class, async {
            loop {
                super::compute(Duration::from_micros(50));
                yield_now().await;
            }
        });
        yield_now().await;
        for _ in 0..100 {
            consume_budget().await;
        }
        busy.abort();
        let builder = Class::builder("no time").quota(Duration::ZERO);
        let class = builder.build().unwrap();
        spawn_in(&class, consume_budget()).await.unwrap();
    });
}
