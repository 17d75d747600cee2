//! Earliest deadline first: a scheduling policy on a page.
//!
//! ```text
//! cargo run --example deadlines
//! ```
//!
//! Ten jobs become ready at the same moment, each a piece of work with a deadline. In the order in
//! which they became ready, the urgent ones, which are the last, miss their deadlines. In the order
//! of their deadlines none does.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::rc::Rc;

use wakeful::class::{Class, Order, Ready};
use wakeful::task::Id;

/// A point in time, as a number of completed pieces of work.
type Time = u32;

/// The deadlines of the tasks. A task sets its own before it first runs.
#[derive(Clone, Default)]
struct Deadlines(Rc<RefCell<HashMap<Id, Time>>>);

/// The policy: a heap of the ready tasks, the most urgent on top. Equal deadlines run in order.
#[derive(Default)]
struct EarliestFirst {
    deadlines: Deadlines,
    urgent: BinaryHeap<Reverse<(Time, u64)>>,
    ready: HashMap<u64, Ready>,
    came: u64,
}

impl Order for EarliestFirst {
    fn push(&mut self, task: Ready) {
        let deadlines = self.deadlines.0.borrow();
        let deadline = deadlines.get(&task.id()).copied().unwrap_or(Time::MAX);
        self.came += 1;
        self.urgent.push(Reverse((deadline, self.came)));
        self.ready.insert(self.came, task);
    }

    fn pop(&mut self) -> Option<Ready> {
        let Reverse((_, came)) = self.urgent.pop()?;
        self.ready.remove(&came)
    }
}

/// Runs ten jobs in a class, and returns those that were late. The last job is the most urgent.
async fn late(class: Class, deadlines: &Deadlines) -> Vec<Time> {
    let (clock, late) = (Rc::new(Cell::new(0)), Rc::new(RefCell::new(Vec::new())));
    let jobs: Vec<_> = (1..=10)
        .rev()
        .map(|deadline| {
            let (clock, late) = (clock.clone(), late.clone());
            let job = wakeful::spawn_in(&class, async move {
                clock.set(clock.get() + 1);
                if clock.get() > deadline {
                    late.borrow_mut().push(deadline);
                }
            });
            deadlines.0.borrow_mut().insert(job.id(), deadline);
            job
        })
        .collect();
    for job in jobs {
        job.await.expect("no job panics");
    }
    late.take()
}

fn main() {
    wakeful::block_on(async {
        let deadlines = Deadlines::default();
        let plain = Class::builder("as they come").build().expect("a class");
        let urgent = Class::builder("by deadline")
            .order(EarliestFirst {
                deadlines: deadlines.clone(),
                ..EarliestFirst::default()
            })
            .build()
            .expect("a class");

        let first_in = late(plain, &deadlines).await;
        println!("first in, first out: the jobs with the deadlines {first_in:?} are late");
        assert_eq!(first_in, [5, 4, 3, 2, 1]);

        let by_deadline = late(urgent, &deadlines).await;
        println!("earliest deadline first: {} late", by_deadline.len());
        assert!(by_deadline.is_empty());
    });
}
