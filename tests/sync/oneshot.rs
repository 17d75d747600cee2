use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_util::FutureExt;
use wakeful::sync::oneshot::error::{RecvError, TryRecvError};
use wakeful::sync::oneshot::{self, Receiver, Sender, channel};
use wakeful::task::coop::has_budget_remaining;

use super::support::{Counting, Ledger, OnDrop, poll_once};
use super::user_code::{on_clone, on_drop, on_wake, panics};

fn closed<T>(sender: &mut Sender<T>, waker: &Waker) -> bool {
    sender
        .poll_closed(&mut Context::from_waker(waker))
        .is_ready()
}

#[test]
fn the_compiler_names_what_to_use_between_threads() {
    trybuild::TestCases::new().compile_fail("ui/sync/*.rs");
}

#[test]
fn a_send_wakes_the_receiver_once() {
    let (wakes, waker) = Counting::new();
    let (sender, mut receiver) = channel();
    assert!(poll_once(&mut receiver, &waker).is_pending());
    sender.send(1).unwrap();
    assert_eq!(wakes.wakes(), 1);
    assert_eq!(poll_once(&mut receiver, &waker), Poll::Ready(Ok(1)));
    assert_eq!(Arc::strong_count(&wakes), 2, "the channel keeps no waker");
}

#[test]
fn a_value_goes_from_task_to_task() {
    wakeful::block_on(async {
        let (sender, receiver) = channel();
        let task = wakeful::spawn(receiver);
        wakeful::task::yield_now().await;
        sender.send("value").unwrap();
        assert_eq!(task.await.unwrap(), Ok("value"));
    });
}

#[test]
fn a_sender_that_is_dropped_wakes_the_receiver_with_an_error() {
    let (wakes, waker) = Counting::new();
    let (sender, mut receiver) = channel::<i32>();
    assert!(poll_once(&mut receiver, &waker).is_pending());
    drop(sender);
    assert_eq!(wakes.wakes(), 1);
    assert!(receiver.is_empty() && !receiver.is_terminated());
    assert!(matches!(
        poll_once(&mut receiver, &waker),
        Poll::Ready(Err(RecvError { .. }))
    ));
    assert!(receiver.is_terminated());
}

#[test]
fn a_receiver_that_is_dropped_gives_the_value_back_and_wakes_closed() {
    let (wakes, waker) = Counting::new();
    let (mut sender, receiver) = channel();
    assert!(!closed(&mut sender, &waker));
    assert!(!sender.is_closed());
    drop(receiver);
    assert_eq!(wakes.wakes(), 1);
    assert!(sender.is_closed() && closed(&mut sender, &waker));
    assert_eq!(sender.send(7), Err(7));
}

#[test]
fn a_receiver_that_is_closed_still_gets_what_was_sent_before() {
    let (sender, mut receiver) = channel();
    sender.send(1).unwrap();
    receiver.close();
    assert_eq!(receiver.try_recv(), Ok(1));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));

    let (sender, mut receiver) = channel();
    receiver.close();
    assert_eq!(sender.send(2), Err(2));
    assert!(matches!((&mut receiver).now_or_never(), Some(Err(_))));
    receiver.close();
}

#[test]
fn a_receiver_that_closes_itself_is_ready_and_keeps_no_waker() {
    let (wakes, waker) = Counting::new();
    let (sender, mut receiver) = channel::<i32>();
    assert!(poll_once(&mut receiver, &waker).is_pending());
    receiver.close();
    assert!(poll_once(&mut receiver, &waker).is_ready());
    assert_eq!(Arc::strong_count(&wakes), 2, "the channel keeps no waker");
    assert!(sender.is_closed());
}

#[test]
fn try_recv_says_empty_until_the_sender_is_gone() {
    let (sender, mut receiver) = channel::<i32>();
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    assert!(!receiver.is_terminated());
    drop(sender);
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
    assert!(receiver.is_terminated());
}

#[test]
fn a_receiver_that_is_polled_after_its_output_panics() {
    let (sender, mut receiver) = channel();
    sender.send(1).unwrap();
    receiver.try_recv().unwrap();
    let text = super::support::panic_of(|| (&mut receiver).now_or_never());
    assert!(text.contains("after it had returned its output"), "{text}");
}

#[test]
fn only_the_last_task_that_polled_is_woken() {
    let (first, first_waker) = Counting::new();
    let (second, second_waker) = Counting::new();
    let (mut sender, mut receiver) = channel();
    for waker in [&first_waker, &second_waker] {
        assert!(poll_once(&mut receiver, waker).is_pending());
        assert!(!closed(&mut sender, waker));
    }
    assert_eq!(Arc::strong_count(&first), 2, "the old wakers are dropped");
    sender.send(1).unwrap();
    assert_eq!((first.wakes(), second.wakes()), (0, 1));
    assert_eq!(Arc::strong_count(&second), 2, "so is that of the sender");
    drop(receiver);
}

#[test]
fn a_call_of_closed_that_is_dropped_keeps_no_waker() {
    let (wakes, waker) = Counting::new();
    let (mut sender, receiver) = channel::<i32>();
    {
        let mut closed = pin!(sender.closed());
        let pending = closed.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(pending.is_pending());
        assert_eq!(Arc::strong_count(&wakes), 3);
    }
    assert_eq!(Arc::strong_count(&wakes), 2);
    drop(receiver);
    assert_eq!(wakes.wakes(), 0);
}

#[test]
fn a_value_that_is_not_received_is_dropped_with_the_receiver() {
    let ledger = Ledger::new();
    let (sender, receiver) = channel();
    sender.send(ledger.guard()).unwrap();
    assert_eq!(ledger.dropped(), 0);
    drop(receiver);
    ledger.assert_all_dropped(1);
}

#[test]
fn receivers_and_closed_consume_the_budget() {
    wakeful::block_on(async {
        let received = Rc::new(Cell::new(0));
        let task = {
            let received = received.clone();
            wakeful::spawn(async move {
                loop {
                    let (sender, receiver) = channel();
                    sender.send(1).unwrap();
                    received.set(received.get() + receiver.await.unwrap());
                }
            })
        };
        wakeful::task::yield_now().await;
        assert!((1..1000).contains(&received.get()), "{}", received.get());
        task.abort();

        let (mut sender, receiver) = channel::<()>();
        drop(receiver);
        poll_fn(|cx| {
            while has_budget_remaining() {
                assert!(sender.poll_closed(cx).is_ready());
            }
            assert!(sender.poll_closed(cx).is_pending());
            Poll::Ready(())
        })
        .await;
    });
}

#[test]
fn a_value_that_is_sent_by_the_clone_of_the_waker_is_received() {
    let (sender, mut receiver) = channel();
    let sender = RefCell::new(Some(sender));
    let waker = on_clone(move || {
        if let Some(sender) = sender.take() {
            sender.send(5).unwrap();
        }
    });
    assert_eq!(poll_once(&mut receiver, &waker), Poll::Ready(Ok(5)));
}

#[test]
fn a_waker_may_drop_the_receiver_while_it_is_woken() {
    let ledger = Ledger::new();
    let (sender, receiver) = channel();
    let receiver: Rc<RefCell<Option<Receiver<_>>>> = Rc::new(RefCell::new(Some(receiver)));
    let waker = {
        let receiver = receiver.clone();
        on_wake(move || drop(receiver.take()))
    };
    let pending = receiver
        .borrow_mut()
        .as_mut()
        .map(|it| poll_once(it, &waker).is_pending());
    assert_eq!(pending, Some(true));
    drop(waker);
    sender.send(ledger.guard()).unwrap();
    assert!(receiver.borrow().is_none());
    ledger.assert_all_dropped(1);
}

#[test]
fn a_value_may_use_the_channel_when_it_is_dropped() {
    let (outer, mut other) = channel();
    let outer = RefCell::new(Some(outer));
    let (sender, receiver) = channel();
    sender
        .send(OnDrop(move || outer.take().unwrap().send(1).unwrap()))
        .unwrap_or_else(|_| panic!("the receiver is there"));
    drop(receiver);
    assert_eq!(other.try_recv(), Ok(1));
}

#[test]
fn a_waker_may_use_the_channel_when_it_is_dropped() {
    let (sender, mut receiver) = channel();
    let sender = RefCell::new(Some(sender));
    let waker = on_drop(move || _ = sender.take().unwrap().send(1));
    assert!(poll_once(&mut receiver, &waker).is_pending());
    drop(waker);
    let (_, other) = Counting::new();
    assert!(poll_once(&mut receiver, &other).is_pending());
    assert_eq!(poll_once(&mut receiver, &other), Poll::Ready(Ok(1)));
}

#[cfg(panic = "unwind")]
#[test]
fn a_waker_that_panics_harms_neither_half() {
    let (sender, mut receiver) = channel();
    assert!(poll_once(&mut receiver, &panics()).is_pending());
    sender.send(1).unwrap();
    assert_eq!(receiver.try_recv(), Ok(1));

    let (mut sender, receiver) = oneshot::channel::<i32>();
    assert!(!closed(&mut sender, &panics()));
    drop(receiver);
    assert!(sender.is_closed());
}
