//! `JoinSet` compared with a list: every task is joined once, in the order of the ends.

use std::cell::Cell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use proptest::collection::vec;
use proptest::prelude::*;
use wakeful::task::{AbortHandle, JoinSet, yield_now};

use crate::support::Ledger;

#[derive(Clone, Debug)]
enum Op {
    Spawn,
    /// The index of a task among all that were spawned.
    Finish(prop::sample::Index),
    Panic(prop::sample::Index),
    Abort(prop::sample::Index),
    Take,
    DetachAll,
}

fn op() -> impl Strategy<Value = Op> {
    let which = any::<prop::sample::Index>;
    prop_oneof![
        4 => Just(Op::Spawn),
        3 => which().prop_map(Op::Finish),
        1 => which().prop_map(Op::Panic),
        2 => which().prop_map(Op::Abort),
        3 => Just(Op::Take),
        1 => prop::bool::weighted(0.1).prop_map(|yes| if yes { Op::DetachAll } else { Op::Take }),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Value(usize),
    Panicked,
    Cancelled,
}

/// Makes a task end.
#[derive(Default)]
struct Order {
    end: Cell<Option<End>>,
    waker: Cell<Option<Waker>>,
}

impl Order {
    fn give(&self, end: End) {
        self.end.set(Some(end));
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    async fn obey(&self) -> usize {
        let end = poll_fn(|cx| match self.end.get() {
            Some(end) => Poll::Ready(end),
            None => {
                self.waker.set(Some(cx.waker().clone()));
                Poll::Pending
            }
        });
        match end.await {
            End::Value(value) => value,
            // Without the panic hook, which would print hundreds of reports.
            _ => std::panic::resume_unwind(Box::new("on purpose")),
        }
    }
}

/// One task, as recorded in the list.
struct Known {
    order: Rc<Order>,
    handle: AbortHandle,
    running: bool,
    in_set: bool,
}

#[derive(Default)]
struct Model {
    tasks: Vec<Known>,
    ended: VecDeque<End>,
    set: JoinSet<usize>,
}

impl Model {
    fn spawn(&mut self, ledger: &Ledger) {
        let order = Rc::new(Order::default());
        let (own, guard) = (order.clone(), ledger.guard());
        let handle = self.set.spawn(async move {
            let _guard = guard;
            own.obey().await
        });
        self.tasks.push(Known {
            order,
            handle,
            running: true,
            in_set: true,
        });
    }

    /// Ends a running task; other tasks are not affected.
    fn end(&mut self, which: &prop::sample::Index, how: End) {
        if self.tasks.is_empty() {
            return;
        }
        let number = which.index(self.tasks.len());
        let task = &mut self.tasks[number];
        let end = match how {
            End::Value(_) => End::Value(number),
            other => other,
        };
        match end {
            End::Cancelled => task.handle.abort(),
            end if task.running => task.order.give(end),
            _ => {}
        }
        if std::mem::take(&mut task.running) && task.in_set {
            self.ended.push_back(end);
        }
    }

    fn take(&mut self) -> Result<(), TestCaseError> {
        let taken = self.set.try_join_next().map(|joined| match joined {
            Ok(value) => End::Value(value),
            Err(error) if error.is_panic() => End::Panicked,
            Err(_) => End::Cancelled,
        });
        prop_assert_eq!(taken, self.ended.pop_front());
        Ok(())
    }

    fn detach_all(&mut self) {
        self.set.detach_all();
        self.ended.clear();
        self.tasks.iter_mut().for_each(|task| task.in_set = false);
    }

    fn in_set(&self) -> usize {
        let running = self.tasks.iter().filter(|task| task.running && task.in_set);
        running.count() + self.ended.len()
    }
}

async fn play(ops: Vec<Op>) -> Result<(), TestCaseError> {
    let ledger = Ledger::new();
    let mut model = Model::default();
    for op in ops {
        match op {
            Op::Spawn => model.spawn(&ledger),
            Op::Finish(which) => model.end(&which, End::Value(0)),
            Op::Panic(which) => model.end(&which, End::Panicked),
            Op::Abort(which) => model.end(&which, End::Cancelled),
            Op::Take => model.take()?,
            Op::DetachAll => model.detach_all(),
        }
        // Woken tasks run, and aborts take effect.
        yield_now().await;
        yield_now().await;
        prop_assert_eq!(model.set.len(), model.in_set());
        let ended = model.tasks.iter().filter(|task| !task.running).count();
        prop_assert_eq!(ledger.dropped(), ended);
    }
    while !model.ended.is_empty() {
        model.take()?;
    }
    model.take()?;
    // The other tasks end with the set, except the detached ones.
    let detached = model
        .tasks
        .iter()
        .filter(|task| task.running && !task.in_set);
    let detached: Vec<_> = detached.map(|task| task.order.clone()).collect();
    let spawned = model.tasks.len();
    drop(model);
    yield_now().await;
    yield_now().await;
    prop_assert_eq!(ledger.dropped(), spawned - detached.len());
    detached.iter().for_each(|order| order.give(End::Value(0)));
    yield_now().await;
    prop_assert_eq!(ledger.dropped(), spawned);
    Ok(())
}

proptest! {
    #![proptest_config(super::config())]

    #[test]
    fn a_set_returns_each_task_once_in_the_order_of_the_ends(ops in vec(op(), 1..60)) {
        wakeful::block_on(play(ops))?;
    }
}
