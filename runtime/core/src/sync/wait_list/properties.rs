//! Property: the list against a `VecDeque` of numbers. A waiter is where the reference says, and a
//! waker is dropped or returned once.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Wake;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::sync::label::Kind;

const WAITERS: usize = 6;

struct Primitive {
    waiters: WaitList<usize>,
    label: Label,
}

// SAFETY: the list is a field.
unsafe impl HasWaiters for Primitive {
    type Value = usize;

    fn waiters(&self) -> &WaitList<usize> {
        &self.waiters
    }

    fn label(&self) -> &Label {
        &self.label
    }
}

#[derive(Clone, Debug)]
enum Op {
    /// Polls a waiter, with one of two wakers.
    Poll(usize, bool),
    /// Queues it without a waker.
    Queue(usize),
    PopFront,
    PopBack,
    Remove(usize),
    /// Drops it, and makes another one.
    Drop(usize),
    /// Forgets it, and makes another one.
    Forget(usize),
}

fn op() -> impl Strategy<Value = Op> {
    let which = 0..WAITERS;
    prop_oneof![
        6 => (which.clone(), any::<bool>()).prop_map(|(which, waker)| Op::Poll(which, waker)),
        1 => which.clone().prop_map(Op::Queue),
        2 => Just(Op::PopFront),
        2 => Just(Op::PopBack),
        2 => which.clone().prop_map(Op::Remove),
        2 => which.clone().prop_map(Op::Drop),
        1 => which.prop_map(Op::Forget),
    ]
}

struct Quiet;

impl Wake for Quiet {
    fn wake(self: Arc<Self>) {}
}

struct Case {
    primitive: Rc<Primitive>,
    waiters: Vec<Pin<Box<Waiter<Rc<Primitive>>>>>,
    /// Numbers of the waiters in the list; those of forgotten ones are `WAITERS` and above.
    reference: VecDeque<usize>,
    places: Vec<Place>,
    /// Number of forgotten waiters that were in the list.
    forgotten: usize,
}

impl Case {
    fn new_waiter(&self, number: usize) -> Pin<Box<Waiter<Rc<Primitive>>>> {
        Box::pin(Waiter::new(self.primitive.clone(), number))
    }

    fn apply(&mut self, op: &Op, wakers: &[Waker; 2]) {
        match *op {
            Op::Poll(which, waker) => {
                let mut cx = Context::from_waker(&wakers[usize::from(waker)]);
                let ready = self.waiters[which].as_mut().poll(&mut cx, |waiter| {
                    (waiter.place() == Place::Popped).then_some(())
                });
                assert_eq!(ready.is_ready(), self.places[which] == Place::Popped);
                if self.places[which] == Place::Outside {
                    self.places[which] = Place::Queued;
                    self.reference.push_back(which);
                }
            }
            Op::Queue(which) if self.places[which] == Place::Outside => {
                self.waiters[which].as_mut().queue();
                self.places[which] = Place::Queued;
                self.reference.push_back(which);
            }
            Op::Queue(_) => {}
            Op::PopFront => {
                let popped = self.primitive.waiters.pop_front(77);
                let expected = self.reference.pop_front();
                self.popped(popped, expected);
            }
            Op::PopBack => {
                let popped = self.primitive.waiters.pop_back(77);
                let expected = self.reference.pop_back();
                self.popped(popped, expected);
            }
            Op::Remove(which) => {
                let (place, waker) = self.waiters[which].as_mut().remove();
                assert_eq!(place, self.places[which]);
                assert!(waker.is_none() || place == Place::Queued);
                self.waiters[which].set_value(which);
                self.gone(which);
            }
            Op::Drop(which) => {
                self.waiters[which] = self.new_waiter(which);
                self.gone(which);
            }
            Op::Forget(which) => {
                let new = self.new_waiter(which);
                std::mem::forget(std::mem::replace(&mut self.waiters[which], new));
                if self.places[which] == Place::Queued {
                    let number = WAITERS + self.forgotten;
                    self.forgotten += 1;
                    let at = self.reference.iter_mut().find(|it| **it == which);
                    *at.expect("it is queued") = number;
                }
                self.places[which] = Place::Outside;
            }
        }
    }

    fn popped(&mut self, popped: Option<Popped>, expected: Option<usize>) {
        assert_eq!(popped.is_some(), expected.is_some());
        drop(popped);
        if let Some(which) = expected.filter(|&which| which < WAITERS) {
            self.places[which] = Place::Popped;
            assert_eq!(self.waiters[which].value(), 77);
        }
    }

    fn gone(&mut self, which: usize) {
        self.reference.retain(|&it| it != which);
        self.places[which] = Place::Outside;
    }

    fn check(&self) {
        let list = &self.primitive.waiters;
        assert_eq!(list.count(), self.reference.len());
        assert_eq!(list.is_empty(), self.reference.is_empty());
        if let Some(&first) = self.reference.front().filter(|&&first| first < WAITERS) {
            assert_eq!(list.front(), Some(first));
        }
        for (waiter, place) in self.waiters.iter().zip(&self.places) {
            assert_eq!(waiter.place(), *place);
        }
    }
}

proptest! {
    #[test]
    fn the_list_is_a_queue(ops in vec(op(), 1..60)) {
        let counts = [Arc::new(Quiet), Arc::new(Quiet)];
        let wakers = [Waker::from(counts[0].clone()), Waker::from(counts[1].clone())];
        let primitive = Rc::new(Primitive {
            waiters: WaitList::new(),
            label: Label::new(Kind::Notify),
        });
        let mut case = Case {
            primitive,
            waiters: Vec::new(),
            reference: VecDeque::new(),
            places: vec![Place::Outside; WAITERS],
            forgotten: 0,
        };
        for number in 0..WAITERS {
            let waiter = case.new_waiter(number);
            case.waiters.push(waiter);
        }
        for op in &ops {
            case.apply(op, &wakers);
            case.check();
        }
        let forgets = ops.iter().any(|op| matches!(op, Op::Forget(_)));
        drop(case);
        drop(wakers);
        for count in counts {
            prop_assert!(forgets || Arc::strong_count(&count) == 1, "a waker is lost");
        }
    }
}
