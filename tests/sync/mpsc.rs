//! `wakeful::sync::mpsc`.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::stream::FusedStream;
use futures_util::{FutureExt, SinkExt, Stream, StreamExt};
use wakeful::sync::mpsc::error::{SendError, SendTimeoutError, TryRecvError, TrySendError};
use wakeful::sync::mpsc::{self, channel, unbounded_channel};
use wakeful::task::yield_now;

use super::support::{Counting, Ledger, OnDrop, panic_of};

#[path = "mpsc/model.rs"]
mod model;
#[path = "mpsc/user_code.rs"]
mod user_code;

fn poll<F: Future + ?Sized>(future: &mut Pin<Box<F>>, waker: &Waker) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(waker))
}

#[test]
fn senders_get_places_in_the_order_in_which_they_began_to_wait() {
    wakeful::block_on(async {
        let (sender, mut receiver) = channel(1);
        for number in 0..5 {
            let sender = sender.clone();
            wakeful::spawn(async move { sender.send(number).await.unwrap() });
        }
        yield_now().await;
        assert_eq!(sender.try_send(9), Err(TrySendError::Full(9)));
        assert_eq!(receiver.try_recv(), Ok(0));
        // The free place is the first waiter's.
        assert_eq!(sender.try_send(9), Err(TrySendError::Full(9)));
        assert_eq!(sender.capacity(), 0);
        for number in 1..5 {
            assert_eq!(receiver.recv().await, Some(number));
        }
    });
}

#[test]
fn a_dropped_permit_gives_its_place_to_the_next_waiter() {
    let (sender, mut receiver) = channel(1);
    let permit = sender.try_reserve().unwrap();
    let (wakes, waker) = Counting::new();
    let mut waiting = Box::pin(sender.send(1));
    assert!(poll(&mut waiting, &waker).is_pending());
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    drop(permit);
    assert_eq!(wakes.wakes(), 1);
    assert_eq!(poll(&mut waiting, &waker), Poll::Ready(Ok(())));
    assert_eq!(receiver.try_recv(), Ok(1));
    let mut permits = sender.try_reserve_many(1).unwrap();
    let mut waiting = Box::pin(sender.send(2));
    assert!(poll(&mut waiting, &waker).is_pending());
    drop(permits.next());
    assert_eq!(wakes.wakes(), 2);
    drop(permits);
    assert_eq!(poll(&mut waiting, &waker), Poll::Ready(Ok(())));
    assert_eq!(sender.capacity(), 0);
}

#[test]
fn a_waiter_that_is_dropped_after_its_grant_passes_the_place_on() {
    let (sender, mut receiver) = channel(1);
    sender.try_send(0).unwrap();
    let (wakes, waker) = Counting::new();
    let mut first = Box::pin(sender.send(1));
    let mut second = Box::pin(sender.send(2));
    assert!(poll(&mut first, Waker::noop()).is_pending());
    assert!(poll(&mut second, &waker).is_pending());
    assert_eq!(receiver.try_recv(), Ok(0));
    assert_eq!(wakes.wakes(), 0);
    drop(first);
    assert_eq!(wakes.wakes(), 1);
    assert_eq!(poll(&mut second, &waker), Poll::Ready(Ok(())));
    assert_eq!(receiver.try_recv(), Ok(2), "a dropped send sends nothing");
}

#[test]
fn a_large_reservation_is_not_overtaken_and_blocks_no_send_when_it_is_dropped() {
    let (sender, mut receiver) = channel(2);
    sender.try_send(0).unwrap();
    let (wakes, waker) = Counting::new();
    let mut large = Box::pin(sender.reserve_many(2));
    let mut small = Box::pin(sender.send(1));
    assert!(poll(&mut large, Waker::noop()).is_pending());
    assert!(poll(&mut small, &waker).is_pending());
    assert_eq!(sender.try_send(9), Err(TrySendError::Full(9)));
    drop(large);
    assert_eq!(wakes.wakes(), 1);
    assert_eq!(poll(&mut small, &waker), Poll::Ready(Ok(())));
    assert_eq!(receiver.try_recv(), Ok(0));
    assert_eq!(receiver.try_recv(), Ok(1));
    assert_eq!(
        sender.reserve_many(3).now_or_never().unwrap().err(),
        Some(SendError(()))
    );
    assert_eq!(
        sender
            .reserve_many(0)
            .now_or_never()
            .unwrap()
            .unwrap()
            .len(),
        0
    );
}

#[test]
fn close_fails_waiting_senders_and_keeps_messages_and_permits() {
    let (sender, mut receiver) = channel(2);
    sender.try_send(0).unwrap();
    let permit = sender.try_reserve().unwrap();
    let (wakes, waker) = Counting::new();
    let mut waiting = Box::pin(sender.send(1));
    assert!(poll(&mut waiting, &waker).is_pending());
    receiver.close();
    assert_eq!(wakes.wakes(), 1);
    assert_eq!(poll(&mut waiting, &waker), Poll::Ready(Err(SendError(1))));
    assert_eq!(sender.try_send(1), Err(TrySendError::Closed(1)));
    assert!(sender.reserve().now_or_never().unwrap().is_err());
    assert_eq!(receiver.try_recv(), Ok(0));
    // A message may still come.
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    let mut recv = Box::pin(receiver.recv());
    assert!(poll(&mut recv, &waker).is_pending());
    permit.send(2);
    assert_eq!(wakes.wakes(), 2);
    assert_eq!(poll(&mut recv, &waker), Poll::Ready(Some(2)));
    drop(recv);
    assert_eq!(receiver.recv().now_or_never(), Some(None));
}

#[test]
fn a_permit_that_is_dropped_after_close_ends_the_receiver() {
    let (sender, mut receiver) = channel::<()>(1);
    let permit = sender.try_reserve_owned().unwrap();
    receiver.close();
    let (wakes, waker) = Counting::new();
    let mut recv = Box::pin(receiver.recv());
    assert!(poll(&mut recv, &waker).is_pending());
    let sender = permit.release();
    assert_eq!(wakes.wakes(), 1);
    assert_eq!(poll(&mut recv, &waker), Poll::Ready(None));
    drop(sender);
}

#[test]
fn a_waiter_that_got_its_place_before_close_returns_it_with_an_error() {
    let (sender, mut receiver) = channel(1);
    sender.try_send(0).unwrap();
    let mut waiting = Box::pin(sender.send(1));
    assert!(poll(&mut waiting, Waker::noop()).is_pending());
    assert_eq!(receiver.try_recv(), Ok(0));
    receiver.close();
    let (wakes, waker) = Counting::new();
    let mut recv = Box::pin(receiver.recv());
    assert!(poll(&mut recv, &waker).is_pending());
    assert_eq!(
        poll(&mut waiting, Waker::noop()),
        Poll::Ready(Err(SendError(1)))
    );
    assert_eq!(wakes.wakes(), 1);
    assert_eq!(poll(&mut recv, &waker), Poll::Ready(None));
}

#[test]
fn the_drop_of_a_receiver_drops_all_messages_even_if_one_panics() {
    struct Bad(u32, Rc<RefCell<Vec<u32>>>);
    impl Drop for Bad {
        fn drop(&mut self) {
            self.1.borrow_mut().push(self.0);
            assert!(
                self.0.is_multiple_of(2),
                "the drop of an odd message panics"
            );
        }
    }
    let dropped = Rc::new(RefCell::new(Vec::new()));
    let (sender, receiver) = channel(9);
    for number in 0..5 {
        sender.try_send(Bad(number, dropped.clone())).unwrap();
    }
    drop(receiver);
    assert_eq!(*dropped.borrow(), [0, 1, 2, 3, 4]);
    assert_eq!(Rc::strong_count(&dropped), 1);
    assert!(matches!(
        sender.try_send(Bad(6, dropped.clone())),
        Err(TrySendError::Closed(_))
    ));
    assert_eq!(sender.capacity(), 9);
}

#[test]
fn a_message_that_contains_its_sender_is_dropped_with_the_receiver() {
    let ledger = Ledger::new();
    struct Own(
        #[expect(dead_code)] mpsc::Sender<Own>,
        #[expect(dead_code)] super::support::Guard,
    );
    let (sender, receiver) = channel(3);
    sender
        .try_send(Own(sender.clone(), ledger.guard()))
        .unwrap();
    let permit = sender.try_reserve().unwrap();
    let owned = sender.clone().try_reserve_owned().unwrap();
    drop(receiver);
    ledger.assert_all_dropped(1);
    // Places that were reserved before.
    permit.send(Own(sender.clone(), ledger.guard()));
    drop(owned.send(Own(sender.clone(), ledger.guard())));
    ledger.assert_all_dropped(3);
    assert_eq!((sender.strong_count(), sender.capacity()), (1, 3));
}

#[test]
fn the_last_sender_wakes_the_receiver_with_the_end() {
    let (sender, mut receiver) = channel::<()>(1);
    let weak = sender.downgrade();
    let second = weak.upgrade().unwrap();
    assert_eq!((weak.strong_count(), receiver.sender_weak_count()), (2, 1));
    let (wakes, waker) = Counting::new();
    let mut recv = Box::pin(receiver.recv());
    assert!(poll(&mut recv, &waker).is_pending());
    drop(sender);
    assert_eq!(wakes.wakes(), 0);
    drop(second);
    assert_eq!(wakes.wakes(), 1);
    assert!(weak.upgrade().is_none());
    assert_eq!(poll(&mut recv, &waker), Poll::Ready(None));
    drop(recv);
    assert!(receiver.is_closed());
    assert_eq!((weak.strong_count(), weak.clone().weak_count()), (0, 2));
}

#[test]
fn closed_waits_for_close_or_for_the_drop_of_the_receiver() {
    let (sender, mut receiver) = channel::<()>(1);
    let (wakes, waker) = Counting::new();
    let mut closed = Box::pin(sender.closed());
    assert!(poll(&mut closed, &waker).is_pending());
    receiver.close();
    assert_eq!(wakes.wakes(), 1);
    assert!(poll(&mut closed, &waker).is_ready());
    assert!(sender.closed().now_or_never().is_some());

    let (sender, receiver) = unbounded_channel::<()>();
    let mut closed = Box::pin(sender.closed());
    assert!(poll(&mut closed, &waker).is_pending());
    drop(receiver);
    assert_eq!(wakes.wakes(), 2);
    assert!(poll(&mut closed, &waker).is_ready());
}

#[test]
fn recv_many_takes_what_is_there_up_to_the_limit() {
    let (sender, mut receiver) = channel(4);
    let mut buffer = Vec::new();
    assert_eq!(receiver.recv_many(&mut buffer, 0).now_or_never(), Some(0));
    assert_eq!(receiver.recv_many(&mut buffer, 1).now_or_never(), None);
    (0..4).for_each(|number| sender.try_send(number).unwrap());
    let (wakes, waker) = Counting::new();
    let mut both = [4, 5].map(|number| Box::pin(sender.send(number)));
    for waiting in &mut both {
        assert!(poll(waiting, &waker).is_pending());
    }
    assert_eq!(receiver.recv_many(&mut buffer, 3).now_or_never(), Some(3));
    assert_eq!(wakes.wakes(), 2, "both places are given away");
    for waiting in &mut both {
        assert_eq!(poll(waiting, &waker), Poll::Ready(Ok(())));
    }
    assert_eq!(receiver.recv_many(&mut buffer, 99).now_or_never(), Some(3));
    assert_eq!(buffer, [0, 1, 2, 3, 4, 5]);
    drop(both);
    drop(sender);
    assert_eq!(receiver.recv_many(&mut buffer, 99).now_or_never(), Some(0));
    assert!(receiver.is_terminated());
}

#[test]
fn a_loop_over_a_channel_that_is_always_ready_yields() {
    wakeful::block_on(async {
        let turns = Rc::new(Cell::new(0));
        let (sender, mut receiver) = channel(1);
        let counts = turns.clone();
        wakeful::spawn(async move {
            loop {
                counts.set(counts.get() + 1);
                yield_now().await;
            }
        });
        for number in 0..1000 {
            sender.send(number).await.unwrap();
            assert_eq!(receiver.recv().await, Some(number));
        }
        // 2,000 operations at 128 units of budget a poll.
        assert!(turns.get() >= 10, "{} turns", turns.get());
    });
}

#[test]
fn an_operation_that_waits_consumes_no_budget() {
    wakeful::block_on(async {
        let (sender, mut receiver) = channel::<u32>(1);
        for _ in 0..1000 {
            assert!(receiver.recv().now_or_never().is_none());
        }
        sender.try_send(1).unwrap();
        for _ in 0..1000 {
            assert!(sender.send(2).now_or_never().is_none());
        }
        assert!(wakeful::task::coop::has_budget_remaining());
    });
}

#[test]
fn send_timeout_returns_the_message() {
    let runtime = wakeful::Builder::new().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let (sender, mut receiver) = channel(1);
        let limit = Duration::from_secs(1);
        assert_eq!(sender.send_timeout(1, limit).await, Ok(()));
        assert_eq!(
            sender.send_timeout(2, limit).await,
            Err(SendTimeoutError::Timeout(2))
        );
        assert_eq!(receiver.recv().await, Some(1));
        assert_eq!(sender.send_timeout(3, limit).await, Ok(()));
        drop(receiver);
        assert_eq!(
            sender.send_timeout(4, limit).await,
            Err(SendTimeoutError::Closed(4))
        );
    });
}

#[test]
fn owned_permits_keep_the_channel_open() {
    let (sender, mut receiver) = channel(1);
    let other = sender.clone();
    let permit = sender.reserve_owned().now_or_never().unwrap().unwrap();
    assert!(permit.same_channel_as_sender(&other));
    let other = other.try_reserve_owned().unwrap_err().into_inner();
    drop(other);
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    let sender = permit.send(1);
    let mut second = Box::pin(sender.clone().reserve_owned());
    assert!(poll(&mut second, Waker::noop()).is_pending());
    assert_eq!(receiver.try_recv(), Ok(1));
    // It has got the place, and gives it back with its sender.
    drop(second);
    drop(sender.try_reserve_owned().unwrap());
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
    assert_eq!(receiver.capacity(), 1);
}

#[test]
fn an_unbounded_channel_takes_any_number_of_messages() {
    let (sender, mut receiver) = unbounded_channel();
    for number in 0..10_000 {
        sender.send(number).unwrap();
    }
    assert_eq!(receiver.len(), 10_000);
    let mut buffer = Vec::new();
    assert_eq!(
        receiver.recv_many(&mut buffer, 9_999).now_or_never(),
        Some(9_999)
    );
    receiver.close();
    assert_eq!(sender.send(1), Err(SendError(1)));
    assert_eq!(receiver.recv().now_or_never(), Some(Some(9_999)));
    assert_eq!(receiver.recv().now_or_never(), Some(None));
}

#[test]
fn a_stream_is_terminated_after_its_none() {
    let (sender, mut receiver) = channel(1);
    sender.try_send(7).unwrap();
    drop(sender);
    assert_eq!(receiver.size_hint(), (1, None));
    assert_eq!(receiver.next().now_or_never(), Some(Some(7)));
    assert!(!receiver.is_terminated());
    assert_eq!(receiver.next().now_or_never(), Some(None));
    assert!(receiver.is_terminated());
}

#[test]
fn a_sink_waits_for_a_place_and_gives_it_back() {
    let (sender, mut receiver) = channel(1);
    let mut sink = sender.clone().into_sink();
    assert_eq!(sink.send(1).now_or_never(), Some(Ok(())));
    assert_eq!(sink.send(2).now_or_never(), None);
    assert_eq!(receiver.try_recv(), Ok(1));
    // The sink waited, so the place is its own.
    assert_eq!(sender.try_send(3), Err(TrySendError::Full(3)));
    drop(sink);
    sender.try_send(4).unwrap();

    let mut sink = sender.into_sink();
    assert_eq!(sink.close().now_or_never(), Some(Ok(())));
    assert_eq!(sink.send(5).now_or_never(), Some(Err(SendError(None))));
    assert_eq!(receiver.try_recv(), Ok(4));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
}

#[test]
fn a_sink_whose_receiver_is_gone_returns_the_message() {
    let (sender, receiver) = channel(1);
    let mut sink = sender.into_sink();
    let mut cx = Context::from_waker(Waker::noop());
    assert!(sink.poll_ready_unpin(&mut cx).is_ready());
    drop(receiver);
    assert_eq!(sink.start_send_unpin(1), Err(SendError(Some(1))));
    assert_eq!(sink.sender().unwrap().capacity(), 1);
    assert_eq!(
        sink.poll_ready_unpin(&mut cx),
        Poll::Ready(Err(SendError(None)))
    );

    let (sender, receiver) = unbounded_channel();
    let mut sink = sender.into_sink();
    assert_eq!(sink.send(1).now_or_never(), Some(Ok(())));
    drop(receiver);
    assert_eq!(sink.send(2).now_or_never(), Some(Err(SendError(None))));
    assert_eq!(sink.start_send_unpin(2), Err(SendError(Some(2))));
}

#[test]
fn misuse_panics_and_names_the_caller() {
    assert!(panic_of(|| channel::<()>(0)).contains("at least 1"));
    let (sender, _receiver) = channel(2);
    let mut sink = sender.clone().into_sink();
    assert!(panic_of(AssertUnwindSafe(|| sink.start_send_unpin(1))).contains("poll_ready"));
    let mut send = Box::pin(sender.send(1));
    assert!(poll(&mut send, Waker::noop()).is_ready());
    let again = catch_unwind(AssertUnwindSafe(|| poll(&mut send, Waker::noop())));
    assert!(again.is_err());
    assert_eq!(sender.capacity(), 1, "the second poll keeps no place");
}

#[test]
fn a_dropped_send_drops_its_message() {
    let dropped = Cell::new(false);
    let (sender, _receiver) = channel(1);
    let message = || OnDrop(|| dropped.set(true));
    _ = sender.try_reserve().unwrap();
    let place = sender.try_reserve().unwrap();
    let mut send = Box::pin(sender.send(message()));
    assert!(poll(&mut send, Waker::noop()).is_pending());
    assert!(!dropped.get());
    drop(send);
    assert!(dropped.get());
    drop(place);
}

#[test]
fn a_sender_on_another_thread_is_refused_with_a_name_that_helps() {
    trybuild::TestCases::new().compile_fail("ui/sync/*.rs");
}

#[test]
fn a_runtime_that_ends_drops_the_messages() {
    let ledger = Ledger::new();
    wakeful::block_on(async {
        let (there, mut from_here) = channel(2);
        let (back, from_there) = channel(2);
        for _ in 0..3 {
            let (there, guard) = (there.clone(), ledger.guard());
            wakeful::spawn(async move { there.send(guard).await });
        }
        wakeful::spawn(async move {
            while let Some(message) = from_here.recv().await {
                back.send(message).await.unwrap();
                std::future::pending::<()>().await;
            }
        });
        wakeful::spawn(async move {
            let _from_there = from_there;
            std::future::pending::<()>().await;
        });
        for _ in 0..3 {
            yield_now().await;
        }
    });
    ledger.assert_all_dropped(3);
}
