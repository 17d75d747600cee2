//! Earliest deadline first: a scheduling policy on a page.
//!
//! ```text
//! cargo run --example deadlines
//! ```
//!
//! Ten jobs become ready at the same moment, each a piece of work that must be done by some time.
//! In the order in which they came, the urgent ones that came last are late; in the order of their
//! deadlines none is, as there is time enough for all.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::rc::Rc;

use wakeful::class::{Class, Order, Ready};
use wakeful::task::Id;

/// A time: how many pieces of work have been done before.
type Time = u32;

/// Who has to be done by when. A task says it of itself before it first runs.
#[derive(Clone, Default)]
struct Deadlines(Rc<RefCell<HashMap<Id, Time>>>);

/// The policy: the tasks that are ready, the most urgent on top. Of equal ones the first to come.
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

/// Does ten jobs in a class, and returns which were late. The last to come is the most urgent.
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
        println!("first in, first out: due at {first_in:?} and late");
        assert_eq!(first_in, [5, 4, 3, 2, 1]);

        let by_deadline = late(urgent, &deadlines).await;
        println!("earliest deadline first: {} late", by_deadline.len());
        assert!(by_deadline.is_empty());
    });
}
