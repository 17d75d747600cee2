//! Orders: the sequence in which the ready tasks of a class run.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use wakeful::class::{Class, Error, LastIn, Order, Random, Ready};
use wakeful::{Runtime, spawn, spawn_in};

use super::class;

/// Returns the order in which five ready tasks of a class run.
async fn order_of(class: &Class) -> Vec<u32> {
    let ran = Rc::new(RefCell::new(Vec::new()));
    let tasks: Vec<_> = (0..5)
        .map(|n| {
            let ran = ran.clone();
            spawn_in(class, async move { ran.borrow_mut().push(n) })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    ran.take()
}

#[test]
fn a_class_may_have_its_own_order() {
    wakeful::block_on(async {
        assert_eq!(order_of(&class("first in", 1)).await, [0, 1, 2, 3, 4]);
        let last_in = Class::builder("last in").order(LastIn::new());
        assert_eq!(order_of(&last_in.build().unwrap()).await, [4, 3, 2, 1, 0]);
        let random = |name: &str, seed| Class::builder(name).order(Random::new(seed)).build();
        let once = order_of(&random("once", 7).unwrap()).await;
        assert_eq!(order_of(&random("again", 7).unwrap()).await, once);
        let mut others = Vec::new();
        for seed in 8..20 {
            let class = random(&seed.to_string(), seed).unwrap();
            others.push(order_of(&class).await);
        }
        assert!(others.iter().any(|other| *other != once));
    });
}

#[test]
fn the_default_class_may_have_an_order_too() {
    let runtime = Runtime::builder().order(LastIn::new).build().unwrap();
    for _ in 0..2 {
        let ran = runtime.block_on(async { order_of(&Class::current()).await });
        assert_eq!(ran, [4, 3, 2, 1, 0]);
    }
}

/// Drops every other task when it receives it.
struct Careless(Vec<Ready>, u32);

impl Order for Careless {
    fn push(&mut self, task: Ready) {
        self.1 += 1;
        if self.1.is_multiple_of(2) {
            self.0.push(task);
        }
    }
    fn pop(&mut self) -> Option<Ready> {
        self.0.pop()
    }
}

#[test]
fn a_task_that_its_order_drops_still_runs() {
    wakeful::block_on(async {
        let class = Class::builder("careless")
            .order(Careless(Vec::new(), 0))
            .build()
            .unwrap();
        let mut ran = order_of(&class).await;
        ran.sort_unstable();
        assert_eq!(ran, [0, 1, 2, 3, 4]);
    });
}

/// Never returns a task.
struct Hoarder(Rc<RefCell<Vec<Ready>>>);

impl Order for Hoarder {
    fn push(&mut self, task: Ready) {
        self.0.borrow_mut().push(task);
    }
    fn pop(&mut self) -> Option<Ready> {
        None
    }
}

#[test]
fn an_order_that_returns_no_task_is_reported() {
    let hoard = Rc::default();
    let runtime = Runtime::new().unwrap();
    let panic = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            let class = Class::builder("hoarder").order(Hoarder(Rc::clone(&hoard)));
            spawn_in(&class.build().unwrap(), async {}).await
        })
    }));
    let text = panic.unwrap_err().downcast::<String>().unwrap();
    assert!(
        text.contains("\"hoarder\" has 1 tasks that are ready"),
        "{text}"
    );
    // The hoarder may outlive the runtime.
    assert_eq!(hoard.borrow().len(), 1);
    drop(runtime);
    hoard.take();
}

#[test]
fn the_orders_of_a_runtime_are_dropped_with_it() {
    let dropped = Rc::new(Cell::new(0));
    struct Counts(Rc<Cell<u32>>);
    impl Drop for Counts {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }
    let runtime = Runtime::builder().order(LastIn::new).build().unwrap();
    runtime.block_on(async {
        let class = Class::builder("last in").order(LastIn::new()).build();
        for _ in 0..10 {
            let counts = Counts(dropped.clone());
            drop(spawn_in(
                class.as_ref().unwrap(),
                async move { drop(counts) },
            ));
            let counts = Counts(dropped.clone());
            drop(spawn(async move { drop(counts) }));
        }
    });
    drop(runtime);
    assert_eq!(dropped.get(), 20);
}

/// Removes its class when it receives a task.
struct Quitter(Rc<RefCell<Option<Class>>>, LastIn);

impl Order for Quitter {
    fn push(&mut self, task: Ready) {
        self.1.push(task);
        if let Some(class) = self.0.take() {
            class.remove().unwrap();
        }
    }
    fn pop(&mut self) -> Option<Ready> {
        self.1.pop()
    }
}

#[test]
fn an_order_may_remove_its_class() {
    wakeful::block_on(async {
        let own = Rc::new(RefCell::new(None));
        let order = Quitter(own.clone(), LastIn::new());
        let class = Class::builder("quitter").order(order).build().unwrap();
        own.replace(Some(class.clone()));
        assert_eq!(order_of(&class).await, [4, 3, 2, 1, 0]);
        assert_eq!(class.name(), Err(Error::Gone));
    });
}
