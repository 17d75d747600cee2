use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures_util::{FutureExt, StreamExt};
use proptest::prelude::*;
use wakeful::sync::watch::{self, Receiver, Sender, channel};
use wakeful::task::coop::has_budget_remaining;

use super::support::{Counting, OnDrop, panic_of};
use super::user_code::{on_clone, on_wake, panics};

/// Polls `changed` once, with a waker that does nothing.
fn changed<T>(receiver: &mut Receiver<T>) -> Option<bool> {
    receiver.changed().now_or_never().map(|it| it.is_ok())
}

#[test]
fn a_send_wakes_all_receivers_and_each_sees_it_once() {
    let (sender, mut first) = channel("one");
    let mut second = first.clone();
    let (wakes, waker) = Counting::new();
    {
        let mut waits = [Box::pin(first.changed()), Box::pin(second.changed())];
        for wait in &mut waits {
            let poll = wait.as_mut().poll(&mut Context::from_waker(&waker));
            assert!(poll.is_pending());
        }
        sender.send("two").unwrap();
        assert_eq!(wakes.wakes(), 2);
        for wait in &mut waits {
            let poll = wait.as_mut().poll(&mut Context::from_waker(&waker));
            assert_eq!(poll, Poll::Ready(Ok(())));
        }
    }
    assert_eq!((changed(&mut first), changed(&mut second)), (None, None));
    assert_eq!((*first.borrow(), *second.borrow()), ("two", "two"));
}

#[test]
fn only_the_last_of_several_values_is_seen() {
    let (sender, mut receiver) = channel(0);
    for value in 1..5 {
        sender.send(value).unwrap();
    }
    assert_eq!(changed(&mut receiver), Some(true));
    assert_eq!(*receiver.borrow(), 4);
    assert_eq!(changed(&mut receiver), None);
}

#[test]
fn a_value_can_be_marked_as_seen_and_as_not_seen() {
    let (sender, mut receiver) = channel(0);
    assert!(!receiver.has_changed().unwrap());
    receiver.mark_changed();
    receiver.mark_changed();
    assert!(receiver.has_changed().unwrap());
    assert!(receiver.clone().has_changed().unwrap(), "as the original");
    assert!(receiver.borrow().has_changed());
    assert!(receiver.borrow_and_update().has_changed());
    assert!(!receiver.has_changed().unwrap());
    sender.send(1).unwrap();
    receiver.mark_unchanged();
    assert_eq!(changed(&mut receiver), None);
    assert!(!sender.borrow().has_changed());
}

#[test]
fn the_last_value_is_seen_after_the_last_sender_is_dropped() {
    let (sender, mut receiver) = channel(0);
    let other = sender.clone();
    assert_eq!(sender.sender_count(), 2);
    assert!(sender.same_channel(&other) && !sender.same_channel(&Sender::new(1)));
    sender.send(1).unwrap();
    drop(sender);
    assert!(!receiver.is_closed());
    drop(other);
    assert!(receiver.is_closed());
    assert!(receiver.has_changed().is_err());
    assert_eq!(changed(&mut receiver), Some(true));
    assert_eq!(changed(&mut receiver), Some(false));
    assert_eq!(*receiver.borrow(), 1);
}

#[test]
fn the_drop_of_the_last_sender_wakes_receivers() {
    wakeful::block_on(async {
        let (sender, mut receiver) = channel(0);
        let task = wakeful::spawn(async move { receiver.changed().await });
        wakeful::task::yield_now().await;
        drop(sender.clone());
        wakeful::task::yield_now().await;
        assert!(!task.is_finished());
        drop(sender);
        assert!(task.await.unwrap().is_err());
    });
}

#[test]
fn a_channel_without_receivers_keeps_its_value_and_can_be_opened_again() {
    let (sender, receiver) = channel(1);
    let (wakes, waker) = Counting::new();
    let mut closed = pin!(sender.closed());
    let mut cx = Context::from_waker(&waker);
    assert!(closed.as_mut().poll(&mut cx).is_pending());
    drop(receiver);
    assert_eq!(wakes.wakes(), 1);
    assert_eq!(sender.send(2).unwrap_err().0, 2);
    assert_eq!(*sender.borrow(), 1);
    assert_eq!(sender.send_replace(3), 1);
    let receiver = sender.subscribe();
    assert!(closed.as_mut().poll(&mut cx).is_pending(), "open again");
    assert!(!receiver.has_changed().unwrap());
    assert_eq!((*receiver.borrow(), sender.receiver_count()), (3, 1));
    drop(receiver);
    assert!(closed.as_mut().poll(&mut cx).is_ready());
}

#[test]
fn send_if_modified_wakes_only_if_it_has_modified() {
    let (sender, mut receiver) = channel(1);
    assert!(!sender.send_if_modified(|value| {
        *value = 2;
        false
    }));
    assert_eq!(changed(&mut receiver), None);
    assert!(sender.send_if_modified(|value| {
        *value += 1;
        true
    }));
    assert_eq!(changed(&mut receiver), Some(true));
    assert_eq!(*receiver.borrow(), 3);
}

#[test]
fn wait_for_looks_at_the_current_value_and_at_each_new_one() {
    wakeful::block_on(async {
        let (sender, mut receiver) = channel(1);
        assert_eq!(*receiver.wait_for(|it| *it == 1).await.unwrap(), 1);
        let task = wakeful::spawn(async move {
            let mut seen = Vec::new();
            let found = receiver.wait_for(|it| {
                seen.push(*it);
                *it > 5
            });
            let found = found.await.map(|it| (*it, it.has_changed()));
            (found, seen, receiver)
        });
        for value in [2, 6] {
            wakeful::task::yield_now().await;
            sender.send(value).unwrap();
        }
        let (found, seen, mut receiver) = task.await.unwrap();
        assert_eq!((found, seen), (Ok((6, true)), vec![1, 2, 6]));
        drop(sender);
        assert_eq!(*receiver.wait_for(|it| *it == 6).await.unwrap(), 6);
        assert!(receiver.wait_for(|it| *it == 7).await.is_err());
    });
}

#[test]
fn a_send_while_a_ref_is_alive_leaves_the_ref_its_value() {
    let (sender, mut receiver) = channel(String::from("old"));
    let old = receiver.borrow_and_update();
    sender.send("new".into()).unwrap();
    let other = sender.borrow();
    assert_eq!((&**old, &**other), ("old", "new"));
    drop((old, other));
    assert_eq!(changed(&mut receiver), Some(true));
}

#[cfg(panic = "unwind")]
#[test]
fn a_change_in_place_while_a_ref_is_alive_panics_and_says_where_it_was_made() {
    let (sender, receiver) = channel(1);
    let value = receiver.borrow();
    let line = line!() - 1;
    let texts = [
        panic_of(|| sender.send_modify(|it| *it = 2)),
        panic_of(|| sender.send_if_modified(|_| true)),
        panic_of(|| sender.send_replace(2)),
    ];
    for text in texts {
        assert!(text.contains("while a Ref is alive"), "{text}");
        assert!(text.contains(&format!("watch.rs:{line}:")), "{text}");
    }
    drop(value);
    sender.send_modify(|it| *it = 2);
    assert_eq!(*receiver.borrow(), 2);
}

#[cfg(panic = "unwind")]
#[test]
fn a_closure_that_panics_leaves_the_channel_in_order() {
    let (sender, mut receiver) = channel(1);
    let result = catch_unwind(AssertUnwindSafe(|| {
        sender.send_modify(|value| {
            *value = 2;
            panic!("in the closure");
        });
    }));
    assert!(result.is_err());
    assert!(!receiver.has_changed().unwrap());
    assert_eq!(*receiver.borrow(), 2);

    receiver.mark_changed();
    let result = catch_unwind(AssertUnwindSafe(|| {
        _ = receiver
            .wait_for(|_| panic!("in the condition"))
            .now_or_never();
    }));
    assert!(result.is_err());
    sender.send_modify(|value| *value = 3);
    assert_eq!(*receiver.borrow(), 3);
}

#[cfg(panic = "unwind")]
#[test]
fn a_closure_may_use_the_channel_but_not_its_value() {
    let (sender, receiver) = channel(1);
    sender.send_modify(|value| {
        let subscribed = sender.subscribe();
        drop(sender.clone());
        assert!(!subscribed.has_changed().unwrap());
        assert_eq!(sender.receiver_count(), 2);
        for text in [
            panic_of(|| _ = receiver.borrow()),
            panic_of(|| _ = sender.send(5)),
            panic_of(|| sender.send_modify(|_| ())),
            panic_of(|| _ = sender.send_replace(6)),
        ] {
            assert!(text.contains("its own channel"), "{text}");
        }
        *value = 2;
    });
    assert_eq!(*receiver.borrow(), 2);
}

#[test]
fn the_condition_of_wait_for_may_send() {
    let (sender, mut receiver) = channel(1);
    let sent = receiver.wait_for(|value| {
        if *value < 4 {
            sender.send(value + 1).unwrap();
        }
        *value == 4
    });
    assert_eq!(*sent.now_or_never().unwrap().unwrap(), 4);
}

#[test]
fn the_drop_of_a_value_may_send() {
    let channel = Rc::new(RefCell::new(
        None::<Sender<Option<OnDrop<Box<dyn FnMut()>>>>>,
    ));
    let (sender, receiver) = {
        let channel = channel.clone();
        watch::channel(Some(OnDrop(Box::new(move || {
            if let Some(sender) = channel.take() {
                sender.send(None).unwrap();
            }
        }) as Box<dyn FnMut()>)))
    };
    *channel.borrow_mut() = Some(sender.clone());
    let drops = Rc::new(Cell::new(0));
    let counted = drops.clone();
    let second = Some(OnDrop(
        Box::new(move || counted.set(counted.get() + 1)) as Box<dyn FnMut()>
    ));
    _ = sender.send(second);
    assert!(receiver.borrow().is_none());
    assert_eq!(drops.get(), 1, "the inner send came last");
}

#[cfg(panic = "unwind")]
#[test]
fn a_waker_that_panics_leaves_the_others_their_wakes() {
    let (sender, receiver) = channel(0);
    let (wakes, counting) = Counting::new();
    let mut receivers = [receiver.clone(), receiver.clone(), receiver];
    let mut waits: Vec<_> = receivers
        .iter_mut()
        .map(|it| Box::pin(it.changed()))
        .collect();
    let wakers = [counting.clone(), panics(), counting];
    for (wait, waker) in waits.iter_mut().zip(&wakers) {
        let poll = wait.as_mut().poll(&mut Context::from_waker(waker));
        assert!(poll.is_pending());
    }
    sender.send(1).unwrap();
    assert_eq!(wakes.wakes(), 2);
}

#[test]
fn a_waker_may_drop_waiters_and_send_while_it_is_woken() {
    type Wait = std::pin::Pin<Box<dyn Future<Output = Receiver<i32>>>>;
    let (sender, receiver) = channel(0);
    let sender = Rc::new(sender);
    let waits: Rc<RefCell<Vec<Wait>>> = Rc::default();
    let sent = Rc::new(Cell::new(false));
    let waker = {
        let (waits, sender, sent) = (waits.clone(), sender.clone(), sent.clone());
        on_wake(move || {
            // The second waiter is queued, the last one may have been woken.
            let dropped = waits.borrow_mut().drain(1..3).collect::<Vec<_>>();
            drop(dropped);
            if !sent.replace(true) {
                sender.send(2).unwrap();
            }
        })
    };
    let (wakes, counting) = Counting::new();
    for index in 0..4 {
        let mut receiver = receiver.clone();
        let mut wait: Wait = Box::pin(async move {
            receiver.changed().await.unwrap();
            receiver
        });
        let waker = if index == 0 { &waker } else { &counting };
        assert!(
            wait.as_mut()
                .poll(&mut Context::from_waker(waker))
                .is_pending()
        );
        waits.borrow_mut().push(wait);
    }
    drop(waker);
    sender.send(1).unwrap();
    assert_eq!(wakes.wakes(), 1, "of the two that were left");
    for mut wait in waits.take() {
        let Poll::Ready(receiver) = wait.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        else {
            panic!("there is a new value");
        };
        assert_eq!(*receiver.borrow(), 2);
        assert!(!receiver.has_changed().unwrap());
    }
}

#[test]
fn a_waiter_that_is_added_by_a_wake_waits_for_the_next_value() {
    let (sender, mut receiver) = channel(0);
    let (wakes, counting) = Counting::new();
    let added: Rc<RefCell<Vec<std::pin::Pin<Box<dyn Future<Output = ()>>>>>> = Rc::default();
    let waker = {
        let (added, sender) = (added.clone(), sender.clone());
        on_wake(move || {
            let mut receiver = sender.subscribe();
            let mut wait = Box::pin(async move { receiver.changed().await.unwrap() });
            let poll = wait.as_mut().poll(&mut Context::from_waker(&counting));
            assert!(poll.is_pending());
            added.borrow_mut().push(wait);
        })
    };
    let mut wait = pin!(receiver.changed());
    assert!(
        wait.as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    sender.send(1).unwrap();
    assert_eq!((added.borrow().len(), wakes.wakes()), (1, 0));
    sender.send(2).unwrap();
    assert_eq!((added.borrow().len(), wakes.wakes()), (1, 1));
}

#[test]
fn a_value_that_is_sent_by_the_clone_of_the_waker_is_seen() {
    let (sender, mut receiver) = channel(0);
    let waker = on_clone(move || sender.send(1).unwrap());
    let mut wait = pin!(receiver.changed());
    let poll = wait.as_mut().poll(&mut Context::from_waker(&waker));
    assert_eq!(poll, Poll::Ready(Ok(())));
}

#[test]
fn changed_wait_for_and_closed_consume_the_budget() {
    wakeful::block_on(async {
        let (sender, mut receiver) = channel(0);
        let unwatched = Sender::new(0);
        for kind in 0..3 {
            wakeful::task::yield_now().await;
            poll_fn(|cx| {
                let mut polls = 0;
                loop {
                    receiver.mark_changed();
                    let poll = match kind {
                        0 => pin!(receiver.changed()).poll(cx).is_ready(),
                        1 => pin!(receiver.wait_for(|_| true)).poll(cx).is_ready(),
                        _ => pin!(unwatched.closed()).poll(cx).is_ready(),
                    };
                    if !poll {
                        break;
                    }
                    polls += 1;
                    assert!(polls < 1000, "without an end: {kind}");
                }
                assert!(polls > 10 && !has_budget_remaining());
                Poll::Ready(())
            })
            .await;
        }
        drop(sender);
    });
}

#[test]
fn a_stream_begins_with_the_current_value_and_ends_with_the_senders() {
    let (sender, receiver) = channel(1);
    let mut stream = pin!(receiver.into_stream());
    assert_eq!(stream.next().now_or_never(), Some(Some(1)));
    assert_eq!(stream.next().now_or_never(), None);
    sender.send(2).unwrap();
    drop(sender);
    assert_eq!(stream.next().now_or_never(), Some(Some(2)));
    assert_eq!(stream.next().now_or_never(), Some(None));
}

#[derive(Clone, Copy, Debug)]
enum Action {
    Send,
    Modify(bool),
    Replace,
    Hold,
    Release,
    Subscribe,
    Clone(usize),
    Drop(usize),
    Update(usize),
    Changed(usize),
    Mark(usize, bool),
}

fn action() -> impl Strategy<Value = Action> {
    let n = 0..8usize;
    prop_oneof![
        4 => Just(Action::Send),
        1 => any::<bool>().prop_map(Action::Modify),
        1 => Just(Action::Replace),
        1 => Just(Action::Hold),
        1 => Just(Action::Release),
        1 => Just(Action::Subscribe),
        1 => n.clone().prop_map(Action::Clone),
        1 => n.clone().prop_map(Action::Drop),
        2 => n.clone().prop_map(Action::Update),
        3 => n.clone().prop_map(Action::Changed),
        1 => (n, any::<bool>()).prop_map(|(n, seen)| Action::Mark(n, seen)),
    ]
}

proptest! {
    /// The model: the value, and for each receiver whether it has seen it.
    #[test]
    fn a_watch_channel_does_what_its_model_does(
        actions in proptest::collection::vec(action(), 0..120)
    ) {
        let sender = Sender::new(0);
        let mut value = 0;
        let mut receivers: Vec<(Receiver<i32>, bool)> = Vec::new();
        let holder = sender.clone();
        let mut held: Option<(watch::Ref<'_, i32>, i32)> = None;
        for action in actions {
            let count = receivers.len();
            let at = |n: usize| n % count.max(1);
            let mut sent = false;
            match action {
                Action::Send => {
                    sent = sender.send(value + 1).is_ok();
                    prop_assert_eq!(sent, count > 0);
                    value += i32::from(sent);
                }
                Action::Modify(modified) if held.is_none() => {
                    value += 1;
                    sent = sender.send_if_modified(|it| {
                        *it += 1;
                        modified
                    });
                    prop_assert_eq!(sent, modified);
                }
                Action::Replace if held.is_none() => {
                    prop_assert_eq!(sender.send_replace(value + 1), value);
                    value += 1;
                    sent = true;
                }
                Action::Hold => held = Some((holder.borrow(), value)),
                Action::Release => held = None,
                Action::Subscribe if count < 8 => receivers.push((sender.subscribe(), true)),
                Action::Clone(n) if (1..8).contains(&count) => {
                    let (receiver, seen) = &receivers[at(n)];
                    let copy = (receiver.clone(), *seen);
                    receivers.push(copy);
                }
                Action::Drop(n) if count > 0 => drop(receivers.swap_remove(at(n))),
                Action::Update(n) if count > 0 => {
                    let (receiver, seen) = &mut receivers[at(n)];
                    prop_assert_eq!(receiver.borrow_and_update().has_changed(), !*seen);
                    *seen = true;
                }
                Action::Changed(n) if count > 0 => {
                    let (receiver, seen) = &mut receivers[at(n)];
                    prop_assert_eq!(changed(receiver), (!*seen).then_some(true));
                    *seen = true;
                }
                Action::Mark(n, mark) if count > 0 => {
                    let (receiver, seen) = &mut receivers[at(n)];
                    match mark {
                        true => receiver.mark_unchanged(),
                        false => receiver.mark_changed(),
                    }
                    *seen = mark;
                }
                _ => {}
            }
            for (receiver, seen) in &mut receivers {
                *seen &= !sent;
                prop_assert_eq!(receiver.has_changed(), Ok(!*seen));
                prop_assert_eq!(*receiver.borrow(), value);
            }
            if let Some((held, value)) = &held {
                prop_assert_eq!(**held, *value);
            }
            prop_assert_eq!(sender.receiver_count(), receivers.len());
        }
    }
}
