use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_util::{FutureExt, StreamExt};
use proptest::prelude::*;
use wakeful::sync::broadcast::error::{RecvError, TryRecvError};
use wakeful::sync::broadcast::{Receiver, Sender, channel};
use wakeful::task::coop::has_budget_remaining;

use super::support::{Counting, Ledger, OnDrop, panic_of};
use super::user_code::{on_clone, on_drop, on_wake, panics};

#[test]
fn each_receiver_gets_each_value_in_order() {
    let (sender, mut first) = channel(16);
    let mut second = sender.subscribe();
    for number in 0..3 {
        assert_eq!(sender.send(number), Ok(2));
    }
    let mut third = first.resubscribe();
    for receiver in [&mut first, &mut second] {
        for number in 0..3 {
            assert_eq!(receiver.try_recv(), Ok(number));
        }
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    }
    assert_eq!(third.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn a_send_wakes_all_receivers() {
    wakeful::block_on(async {
        let (sender, receiver) = channel(4);
        let tasks: Vec<_> = (0..3)
            .map(|_| {
                let mut receiver = receiver.resubscribe();
                wakeful::spawn(async move { receiver.recv().await })
            })
            .collect();
        wakeful::task::yield_now().await;
        assert_eq!(sender.send("value"), Ok(4));
        for task in tasks {
            assert_eq!(task.await.unwrap(), Ok("value"));
        }
    });
}

#[test]
fn a_send_without_receivers_gives_the_value_back() {
    let (sender, receiver) = channel(4);
    drop(receiver);
    assert_eq!(sender.send(1).unwrap_err().0, 1);
    let mut receiver = sender.subscribe();
    assert_eq!(sender.send(2), Ok(1));
    assert_eq!(receiver.try_recv(), Ok(2));
}

#[test]
fn a_slow_receiver_gets_the_number_of_values_that_it_lost() {
    // The capacity is rounded up to 4.
    let (sender, mut slow) = channel(3);
    let mut fast = sender.subscribe();
    for number in 0..4 {
        sender.send(number).unwrap();
        assert_eq!(fast.try_recv(), Ok(number));
    }
    assert_eq!(slow.len(), 4);
    for number in 4..7 {
        sender.send(number).unwrap();
        assert_eq!(fast.try_recv(), Ok(number));
    }
    assert_eq!((slow.len(), sender.len()), (7, 4));
    assert_eq!(slow.try_recv(), Err(TryRecvError::Lagged(3)));
    assert_eq!(slow.len(), 4);
    assert_eq!(slow.try_recv(), Ok(3));
    sender.send(7).unwrap();
    sender.send(8).unwrap();
    assert_eq!(slow.recv().now_or_never(), Some(Err(RecvError::Lagged(1))));
    for number in 5..9 {
        assert_eq!(slow.recv().now_or_never(), Some(Ok(number)));
    }
    assert!(slow.is_empty() && !fast.is_empty());
}

#[test]
fn a_capacity_of_one_keeps_the_last_value() {
    let (sender, mut receiver) = channel(1);
    sender.send(1).unwrap();
    sender.send(2).unwrap();
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Lagged(1)));
    assert_eq!(receiver.try_recv(), Ok(2));
}

#[cfg(panic = "unwind")]
#[test]
fn a_capacity_of_zero_or_of_too_many_is_refused() {
    for capacity in [0, usize::MAX / 2 + 1] {
        let text = panic_of(|| channel::<()>(capacity));
        assert!(text.contains(&capacity.to_string()), "{text}");
    }
}

#[test]
fn the_last_sender_that_is_dropped_closes_the_channel_behind_the_values() {
    let (sender, mut receiver) = channel(4);
    let other = sender.clone();
    let weak = sender.downgrade();
    sender.send(1).unwrap();
    drop(sender);
    assert!(!receiver.is_closed());
    let (wakes, waker) = Counting::new();
    assert_eq!(receiver.try_recv(), Ok(1));
    {
        let mut wait = pin!(receiver.recv());
        let mut cx = Context::from_waker(&waker);
        assert!(wait.as_mut().poll(&mut cx).is_pending());
        drop(other);
        assert_eq!(wakes.wakes(), 1);
        assert_eq!(wait.poll(&mut cx), Poll::Ready(Err(RecvError::Closed)));
    }
    assert!(receiver.is_closed() && weak.upgrade().is_none());
    let mut late = receiver.resubscribe();
    assert_eq!(late.try_recv(), Err(TryRecvError::Closed));
}

#[test]
fn senders_are_counted() {
    let (sender, receiver) = channel::<()>(4);
    let weak = sender.downgrade();
    let second = weak.upgrade().unwrap();
    let weaker = weak.clone();
    assert!(sender.same_channel(&second));
    assert!(receiver.same_channel(&sender.subscribe()));
    assert!(!receiver.same_channel(&channel(1).1));
    assert_eq!((sender.strong_count(), sender.weak_count()), (2, 2));
    drop((sender, weaker));
    assert_eq!((weak.strong_count(), weak.weak_count()), (1, 1));
    drop(second);
    assert_eq!(receiver.sender_strong_count(), 0);
    assert_eq!(receiver.sender_weak_count(), 1);
}

#[test]
fn closed_waits_for_the_last_receiver_and_the_channel_can_be_opened_again() {
    let (sender, receiver) = channel::<()>(4);
    let (wakes, waker) = Counting::new();
    let mut cx = Context::from_waker(&waker);
    let mut closed = pin!(sender.closed());
    assert!(closed.as_mut().poll(&mut cx).is_pending());
    let second = sender.subscribe();
    drop(receiver);
    assert_eq!(wakes.wakes(), 0);
    drop(second);
    assert_eq!(wakes.wakes(), 1);
    let third = sender.subscribe();
    assert!(closed.as_mut().poll(&mut cx).is_pending());
    drop(third);
    assert!(closed.as_mut().poll(&mut cx).is_ready());
    assert!(Sender::<()>::new(1).closed().now_or_never().is_some());
}

#[test]
fn a_value_is_dropped_once_the_last_receiver_has_got_it_or_is_gone() {
    let ledger = Ledger::new();
    let (sender, mut first) = channel(4);
    let second = sender.subscribe();
    for _ in 0..3 {
        sender.send(Rc::new(ledger.guard())).unwrap();
    }
    drop(first.try_recv().unwrap());
    assert_eq!(ledger.dropped(), 0);
    drop(second);
    assert_eq!((ledger.dropped(), sender.len()), (1, 2));
    drop(first.try_recv().unwrap());
    assert_eq!(ledger.dropped(), 2);
    drop(first);
    assert_eq!(sender.len(), 0);
    ledger.assert_all_dropped(3);
}

#[test]
fn a_value_that_is_pushed_out_is_dropped_at_once() {
    let ledger = Ledger::new();
    let (sender, _receiver) = channel(2);
    for _ in 0..5 {
        sender.send(Rc::new(ledger.guard())).unwrap();
    }
    assert_eq!(ledger.dropped(), 3);
}

/// Value whose clone calls a closure.
struct Cloning(i32, Rc<dyn Fn(i32)>);

impl Clone for Cloning {
    fn clone(&self) -> Cloning {
        (self.1)(self.0);
        Cloning(self.0, self.1.clone())
    }
}

#[test]
fn the_last_receiver_gets_the_value_without_a_clone() {
    let clones = Rc::new(Cell::new(0));
    let count = {
        let clones = clones.clone();
        Rc::new(move |_| clones.set(clones.get() + 1))
    };
    let (sender, mut first) = channel(2);
    let mut second = sender.subscribe();
    _ = sender.send(Cloning(1, count));
    _ = first.try_recv();
    assert_eq!(clones.get(), 1);
    assert!(second.try_recv().is_ok());
    assert_eq!(clones.get(), 1);
}

#[cfg(panic = "unwind")]
#[test]
fn a_clone_that_panics_counts_as_received() {
    let (sender, mut first) = channel(2);
    let mut second = sender.subscribe();
    _ = sender.send(Cloning(1, Rc::new(|_| panic!("in the clone"))));
    _ = sender.send(Cloning(2, Rc::new(|_| ())));
    let result = catch_unwind(AssertUnwindSafe(|| first.try_recv().map(|it| it.0)));
    assert!(result.is_err());
    assert_eq!(first.try_recv().map(|it| it.0), Ok(2));
    assert_eq!(second.try_recv().map(|it| it.0), Ok(1));
    assert_eq!(second.try_recv().map(|it| it.0), Ok(2));
}

#[test]
fn a_clone_may_push_its_own_value_out_and_receive_it_elsewhere() {
    let (sender, mut first) = channel::<Cloning>(1);
    let second = Rc::new(RefCell::new(sender.subscribe()));
    let third = RefCell::new(sender.subscribe());
    let got = Rc::new(RefCell::new(Vec::new()));
    let nested = Cell::new(false);
    let value = {
        let (sender, second, got) = (sender.clone(), second.clone(), got.clone());
        Cloning(
            1,
            Rc::new(move |_| {
                if nested.replace(true) {
                    return;
                }
                // `second` and `third` get the same value, the last one while it is being cloned.
                let values = [&*second, &third].map(|it| it.borrow_mut().try_recv());
                got.borrow_mut().extend(values.map(|it| it.map(|it| it.0)));
                assert!(sender.is_empty());
                _ = sender.send(Cloning(2, Rc::new(|_| ())));
                _ = sender.send(Cloning(3, Rc::new(|_| ())));
            }),
        )
    };
    _ = sender.send(value);
    assert_eq!(first.try_recv().map(|it| it.0), Ok(1));
    assert_eq!(*got.borrow(), [Ok(1), Ok(1)]);
    assert!(matches!(first.try_recv(), Err(TryRecvError::Lagged(1))));
    assert_eq!(first.try_recv().map(|it| it.0), Ok(3));
    assert!(matches!(
        second.borrow_mut().try_recv(),
        Err(TryRecvError::Lagged(1))
    ));
}

#[test]
fn a_clone_may_push_out_the_value_that_is_cloned() {
    let (sender, mut first) = channel(1);
    let mut second = sender.subscribe();
    let once = Cell::new(false);
    let value = {
        let sender = sender.clone();
        Cloning(
            1,
            Rc::new(move |_| {
                if !once.replace(true) {
                    _ = sender.send(Cloning(2, Rc::new(|_| ())));
                }
            }),
        )
    };
    _ = sender.send(value);
    assert_eq!(first.try_recv().map(|it| it.0), Ok(1));
    assert_eq!(first.try_recv().map(|it| it.0), Ok(2));
    assert!(matches!(second.try_recv(), Err(TryRecvError::Lagged(1))));
    assert_eq!(second.try_recv().map(|it| it.0), Ok(2));
}

#[test]
fn the_drop_of_a_value_may_use_the_channel() {
    type Value = Rc<OnDrop<Box<dyn FnMut()>>>;
    let drops = Rc::new(Cell::new(0));
    let (sender, receiver) = channel::<Value>(1);
    let receiver = Rc::new(RefCell::new(Some(receiver)));
    let value = || -> Value {
        let (sender, drops) = (sender.clone(), drops.clone());
        let receiver = receiver.clone();
        Rc::new(OnDrop(Box::new(move || {
            drops.set(drops.get() + 1);
            if drops.get() == 1 {
                _ = sender.send(Rc::new(OnDrop(Box::new(|| ()))));
                drop(receiver.take());
                assert_eq!(sender.len(), 0);
            }
        })))
    };
    _ = sender.send(value());
    _ = sender.send(value());
    assert_eq!(drops.get(), 2);
    assert!(receiver.borrow().is_none());
}

#[cfg(panic = "unwind")]
#[test]
fn a_drop_of_a_value_that_panics_leaves_the_channel_in_order() {
    let ledger = Ledger::new();
    let armed = Rc::new(Cell::new(false));
    let (sender, receiver) = channel(4);
    for _ in 0..3 {
        let armed = armed.clone();
        let panics = OnDrop(move || assert!(!armed.take(), "in the drop"));
        _ = sender.send(Rc::new((ledger.guard(), panics)));
    }
    armed.set(true);
    let result = catch_unwind(AssertUnwindSafe(|| drop(receiver)));
    assert!(result.is_err());
    assert_eq!((sender.len(), sender.receiver_count()), (0, 0));
    assert!(sender.closed().now_or_never().is_some());
    ledger.assert_all_dropped(3);
}

#[cfg(panic = "unwind")]
#[test]
fn a_value_stays_if_the_drop_of_a_needless_waker_panics() {
    type Wait = std::pin::Pin<Box<dyn Future<Output = Result<i32, RecvError>>>>;
    let (sender, mut first) = channel(4);
    let mut second = sender.subscribe();
    let wait: Wait = Box::pin(async move { second.recv().await });
    let wait = Rc::new(RefCell::new(Some(wait)));
    let got = Rc::new(Cell::new(None));
    // The first waker polls the second receiver, whose waker has not been woken yet.
    let waker = {
        let (wait, got) = (wait.clone(), got.clone());
        on_wake(move || got.set(wait.take().unwrap().now_or_never()))
    };
    let mut first = pin!(first.recv());
    let poll = first.as_mut().poll(&mut Context::from_waker(&waker));
    assert!(poll.is_pending());
    let waker = on_drop(|| panic!("in the drop of a waker"));
    if let Some(wait) = &mut *wait.borrow_mut() {
        let poll = wait.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(poll.is_pending());
    }
    drop(waker);
    sender.send(1).unwrap();
    assert_eq!(got.take(), Some(Ok(1)));
}

#[cfg(panic = "unwind")]
#[test]
fn a_waker_that_panics_leaves_the_others_their_wakes() {
    let (sender, first) = channel(4);
    let (wakes, counting) = Counting::new();
    let mut receivers = [sender.subscribe(), sender.subscribe(), first];
    let mut waits: Vec<_> = receivers.iter_mut().map(|it| Box::pin(it.recv())).collect();
    let wakers = [counting.clone(), panics(), counting];
    for (wait, waker) in waits.iter_mut().zip(&wakers) {
        let poll = wait.as_mut().poll(&mut Context::from_waker(waker));
        assert!(poll.is_pending());
    }
    assert_eq!(sender.send(1), Ok(3));
    assert_eq!(wakes.wakes(), 2);
}

#[test]
fn a_waker_may_drop_the_receivers_and_send_while_it_is_woken() {
    type Wait = std::pin::Pin<Box<dyn Future<Output = Result<i32, RecvError>>>>;
    let (sender, receiver) = channel(4);
    let sender = Rc::new(sender);
    let waits: Rc<RefCell<Vec<Wait>>> = Rc::default();
    let waker = {
        let (waits, sender) = (waits.clone(), sender.clone());
        on_wake(move || {
            let all = waits.take();
            assert_eq!(all.len(), 3);
            drop(all);
            assert_eq!(sender.send(9).unwrap_err().0, 9);
        })
    };
    let mut first = Some(receiver);
    for _ in 0..3 {
        let mut receiver = first.take().unwrap_or_else(|| sender.subscribe());
        let mut wait: Wait = Box::pin(async move { receiver.recv().await });
        assert!(
            wait.as_mut()
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
        );
        waits.borrow_mut().push(wait);
    }
    drop(waker);
    assert_eq!(sender.send(1), Ok(3));
    assert_eq!(sender.len(), 0);
}

#[test]
fn a_value_that_is_sent_by_the_clone_of_the_waker_is_received() {
    let (sender, mut receiver) = channel(1);
    let waker = on_clone(move || _ = sender.send(1));
    let poll = pin!(receiver.recv()).poll(&mut Context::from_waker(&waker));
    assert_eq!(poll, Poll::Ready(Ok(1)));
}

#[test]
fn a_call_of_recv_that_is_dropped_loses_no_value() {
    let (sender, mut receiver) = channel(4);
    let (wakes, waker) = Counting::new();
    {
        let mut wait = pin!(receiver.recv());
        assert!(
            wait.as_mut()
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
        );
        sender.send(1).unwrap();
        assert_eq!(wakes.wakes(), 1);
    }
    assert_eq!(receiver.try_recv(), Ok(1));
}

#[test]
fn recv_and_closed_consume_the_budget() {
    wakeful::block_on(async {
        let (sender, mut receiver) = channel(1024);
        let unheard = Sender::<()>::new(1);
        for _ in 0..1000 {
            sender.send(1).unwrap();
        }
        for kind in 0..2 {
            wakeful::task::yield_now().await;
            poll_fn(|cx| {
                let mut polls = 0;
                while match kind {
                    0 => pin!(receiver.recv()).poll(cx).is_ready(),
                    _ => pin!(unheard.closed()).poll(cx).is_ready(),
                } {
                    polls += 1;
                    assert!(polls < 1000, "without an end: {kind}");
                }
                assert!(polls > 10 && !has_budget_remaining());
                Poll::Ready(())
            })
            .await;
        }
    });
}

#[test]
fn a_stream_reports_lost_values_and_ends_with_the_senders() {
    let (sender, receiver) = channel(2);
    let mut stream = pin!(receiver.into_stream());
    for number in 0..3 {
        sender.send(number).unwrap();
    }
    assert_eq!(
        stream.next().now_or_never(),
        Some(Some(Err(RecvError::Lagged(1))))
    );
    drop(sender);
    let rest: Vec<_> = stream.collect().now_or_never().unwrap();
    assert_eq!(rest, [Ok(1), Ok(2)]);
}

#[derive(Clone, Copy, Debug)]
enum Action {
    Send,
    Subscribe,
    Drop(usize),
    Receive(usize),
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => Just(Action::Send),
        1 => Just(Action::Subscribe),
        1 => (0..8usize).prop_map(Action::Drop),
        6 => (0..8usize).prop_map(Action::Receive),
    ]
}

/// A receiver of the model: the values that it has not got, of which the oldest may be lost.
struct Model {
    receiver: Receiver<Rc<u64>>,
    values: VecDeque<u64>,
}

proptest! {
    /// The model: a queue of its own for each receiver.
    #[test]
    fn a_broadcast_channel_does_what_its_model_does(
        capacity in 1..9usize,
        actions in proptest::collection::vec(action(), 0..200)
    ) {
        let sender = Sender::new(capacity);
        let capacity = capacity.next_power_of_two();
        let mut models: Vec<Model> = Vec::new();
        let mut alive = Vec::new();
        for (number, action) in (0..).zip(actions) {
            let count = models.len();
            let at = |n: usize| n % count.max(1);
            match action {
                Action::Send => {
                    let value = Rc::new(number);
                    alive.push(Rc::downgrade(&value));
                    let sent = sender.send(value);
                    prop_assert_eq!(sent.ok(), (count > 0).then_some(count));
                    for model in &mut models {
                        model.values.push_back(number);
                    }
                }
                Action::Subscribe if count < 8 => models.push(Model {
                    receiver: sender.subscribe(),
                    values: VecDeque::new(),
                }),
                Action::Drop(n) if count > 0 => drop(models.swap_remove(at(n))),
                Action::Receive(n) if count > 0 => {
                    let Model { receiver, values } = &mut models[at(n)];
                    let got = receiver.try_recv().map(|it| *it);
                    let lost = values.len().saturating_sub(capacity);
                    if lost > 0 {
                        prop_assert_eq!(got, Err(TryRecvError::Lagged(lost as u64)));
                        values.drain(..lost);
                    } else {
                        prop_assert_eq!(got, values.pop_front().ok_or(TryRecvError::Empty));
                    }
                }
                _ => {}
            }
            let mut needed = 0;
            for Model { receiver, values } in &models {
                prop_assert_eq!(receiver.len(), values.len());
                needed = needed.max(values.len().min(capacity));
            }
            prop_assert_eq!(sender.len(), needed);
            alive.retain(|it| it.strong_count() != 0);
            prop_assert_eq!(alive.len(), needed, "no value is kept that nothing needs");
        }
    }
}
