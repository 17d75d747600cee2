//! Any sequence of calls, against a queue and a list of waiters.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;
use proptest::test_runner::Config;

use super::super::support::Counting;
use wakeful::sync::mpsc::error::{SendError, TryRecvError, TrySendError};
use wakeful::sync::mpsc::{OwnedPermit, Receiver, Sender, channel};

#[derive(Clone, Copy, Debug)]
enum Op {
    TrySend,
    /// Makes the future of a send, and polls it.
    Send,
    /// The same for a reservation.
    Reserve,
    /// Polls one of the waiting futures again, perhaps with another waker.
    Poll(usize, bool),
    DropFuture(usize),
    TryReserve,
    UsePermit(usize),
    DropPermit(usize),
    TryRecv,
    /// Polls the receiver.
    Recv,
    RecvMany(usize),
    Close,
    DropReceiver,
    Clone,
    DropSender,
}

fn op() -> impl Strategy<Value = Op> {
    let at = 0_usize..8;
    prop_oneof![
        3 => Just(Op::TrySend),
        4 => Just(Op::Send),
        3 => Just(Op::Reserve),
        6 => (at.clone(), any::<bool>()).prop_map(|(at, other)| Op::Poll(at, other)),
        2 => at.clone().prop_map(Op::DropFuture),
        2 => Just(Op::TryReserve),
        3 => at.clone().prop_map(Op::UsePermit),
        2 => at.clone().prop_map(Op::DropPermit),
        5 => Just(Op::TryRecv),
        5 => Just(Op::Recv),
        2 => (0_usize..4).prop_map(Op::RecvMany),
        1 => Just(Op::Close),
        1 => Just(Op::DropReceiver),
        1 => Just(Op::Clone),
        1 => Just(Op::DropSender),
    ]
}

type Number = Rc<u32>;

/// What a future returned.
enum Done {
    Sent(Result<(), SendError<Number>>),
    Reserved(Result<OwnedPermit<Number>, SendError<()>>),
}

/// A future that waits, and what the model knows of it.
struct Waiting {
    future: Pin<Box<dyn Future<Output = Done>>>,
    /// The message of a send.
    number: Option<u32>,
    wakes: Arc<Counting>,
    waker: Waker,
    granted: bool,
    /// Wakes that it has to have got.
    expected: usize,
}

/// The channel, and the same as a queue and a list.
struct Both {
    senders: Vec<Sender<Number>>,
    receiver: Option<Receiver<Number>>,
    permits: Vec<OwnedPermit<Number>>,
    /// In the order in which they began to wait.
    waiting: Vec<Waiting>,
    messages: VecDeque<u32>,
    free: usize,
    capacity: usize,
    closed: bool,
    next: u32,
    /// Whether the receiver waits, with its wakes, and how many it has to have got.
    receives: bool,
    receiver_wakes: Arc<Counting>,
    receiver_waker: Waker,
    receiver_expected: usize,
    /// Shared by all messages: its count is the number of those that are alive.
    alive: Rc<RefCell<Vec<Number>>>,
}

impl Both {
    fn new(capacity: usize) -> Both {
        let (sender, receiver) = channel(capacity);
        let (receiver_wakes, receiver_waker) = Counting::new();
        Both {
            senders: vec![sender],
            receiver: Some(receiver),
            permits: Vec::new(),
            waiting: Vec::new(),
            messages: VecDeque::new(),
            free: capacity,
            capacity,
            closed: false,
            next: 0,
            receives: false,
            receiver_wakes,
            receiver_waker,
            receiver_expected: 0,
            alive: Rc::default(),
        }
    }

    fn number(&mut self) -> Number {
        self.next += 1;
        let number = Rc::new(self.next);
        self.alive.borrow_mut().push(number.clone());
        number
    }

    fn is_gone(&self) -> bool {
        self.receiver.is_none()
    }

    /// Number of senders: futures and permits have some, too.
    fn strong(&self) -> usize {
        self.senders.len() + self.permits.len() + self.waiting.len()
    }

    fn is_finished(&self) -> bool {
        self.strong() == 0 || (self.closed && self.free == self.capacity)
    }

    fn has_queued(&self) -> bool {
        self.waiting.iter().any(|it| !it.granted) && !self.closed
    }

    fn can_take(&self) -> bool {
        !self.closed && self.free > 0 && !self.has_queued()
    }

    /// A place is free: it is the first waiter's.
    fn freed(&mut self) {
        self.free += 1;
        if self.closed {
            return self.wake_receiver_if(self.is_finished());
        }
        if let Some(first) = self.waiting.iter_mut().find(|it| !it.granted) {
            first.granted = true;
            first.expected += 1;
            self.free -= 1;
        }
    }

    fn wake_receiver_if(&mut self, wake: bool) {
        if wake && self.receives {
            self.receives = false;
            self.receiver_expected += 1;
        }
    }

    fn sent(&mut self, number: u32) {
        if self.is_gone() {
            return self.freed();
        }
        self.messages.push_back(number);
        self.wake_receiver_if(true);
    }

    fn received(&mut self) -> Option<u32> {
        let number = self.messages.pop_front()?;
        // No wake of the receiver, which is the caller.
        let receives = std::mem::take(&mut self.receives);
        self.freed();
        self.receives = receives;
        Some(number)
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::TrySend => self.try_send(),
            Op::Send | Op::Reserve => self.start(matches!(op, Op::Send)),
            Op::Poll(at, other) if at < self.waiting.len() => {
                if other {
                    let waiting = &mut self.waiting[at];
                    let (wakes, waker) = Counting::new();
                    if waiting.granted || self.closed {
                        assert_eq!(waiting.wakes.wakes(), waiting.expected);
                    }
                    (waiting.wakes, waiting.waker, waiting.expected) = (wakes, waker, 0);
                }
                self.poll(at);
            }
            Op::DropFuture(at) if at < self.waiting.len() => {
                let waiting = self.waiting.remove(at);
                drop(waiting.future);
                if waiting.granted {
                    self.freed();
                }
                self.wake_receiver_if(self.strong() == 0);
            }
            Op::TryReserve => {
                let Some(sender) = self.senders.last().cloned() else {
                    return;
                };
                let can_take = self.can_take();
                match sender.try_reserve_owned() {
                    Ok(permit) => {
                        assert!(can_take);
                        self.free -= 1;
                        self.permits.push(permit);
                    }
                    Err(TrySendError::Closed(_)) => assert!(self.closed),
                    Err(TrySendError::Full(_)) => assert!(!self.closed && !can_take),
                }
            }
            Op::UsePermit(at) if at < self.permits.len() => {
                let number = self.number();
                let permit = self.permits.swap_remove(at);
                let sender = permit.send(number);
                self.sent(self.next);
                drop(sender);
                self.wake_receiver_if(self.strong() == 0);
            }
            Op::DropPermit(at) if at < self.permits.len() => {
                drop(self.permits.swap_remove(at));
                self.freed();
                self.wake_receiver_if(self.strong() == 0);
            }
            Op::TryRecv => self.try_recv(),
            Op::Recv => self.recv(),
            Op::RecvMany(limit) => self.recv_many(limit),
            Op::Close => {
                if let Some(receiver) = &mut self.receiver {
                    receiver.close();
                    self.closing();
                }
            }
            Op::DropReceiver => {
                if let Some(receiver) = self.receiver.take() {
                    drop(receiver);
                    self.closing();
                    self.free += self.messages.drain(..).len();
                    self.receives = false;
                }
            }
            Op::Clone => {
                if let Some(sender) = self.senders.last().cloned() {
                    self.senders.push(sender);
                }
            }
            Op::DropSender => {
                drop(self.senders.pop());
                self.wake_receiver_if(self.strong() == 0);
            }
            _ => {}
        }
    }

    fn try_send(&mut self) {
        if self.senders.is_empty() {
            return;
        }
        let number = self.number();
        let can_take = self.can_take();
        let sent = self.senders[0].try_send(number);
        match sent {
            Ok(()) => {
                assert!(can_take);
                self.free -= 1;
                self.sent(self.next);
            }
            Err(TrySendError::Closed(number)) => assert!(self.closed && *number == self.next),
            Err(TrySendError::Full(number)) => {
                assert!(!self.closed && !can_take && *number == self.next);
            }
        }
    }

    fn start(&mut self, is_send: bool) {
        let Some(sender) = self.senders.last().cloned() else {
            return;
        };
        let number = is_send.then(|| self.number());
        let (wakes, waker) = Counting::new();
        let mut waiting = Waiting {
            number: number.as_ref().map(|number| **number),
            future: match number {
                Some(number) => Box::pin(async move { Done::Sent(sender.send(number).await) }),
                None => Box::pin(async move { Done::Reserved(sender.reserve_owned().await) }),
            },
            wakes,
            waker,
            granted: false,
            expected: 0,
        };
        if self.can_take() {
            waiting.granted = true;
            self.free -= 1;
        }
        self.waiting.push(waiting);
        self.poll(self.waiting.len() - 1);
    }

    fn poll(&mut self, at: usize) {
        let waiting = &mut self.waiting[at];
        let mut cx = Context::from_waker(&waiting.waker);
        let poll = waiting.future.as_mut().poll(&mut cx);
        let ready = waiting.granted || self.closed;
        assert_eq!(poll.is_ready(), ready, "future {at}");
        let Poll::Ready(done) = poll else {
            return;
        };
        let waiting = self.waiting.remove(at);
        drop(waiting.future);
        let closed = self.closed;
        match done {
            Done::Sent(Ok(())) => {
                assert!(!closed);
                self.sent(waiting.number.unwrap());
            }
            Done::Sent(Err(SendError(number))) => {
                assert!(closed);
                assert_eq!(Some(*number), waiting.number);
            }
            Done::Reserved(Ok(permit)) => {
                assert!(!closed);
                self.permits.push(permit);
            }
            Done::Reserved(Err(SendError(()))) => assert!(closed),
        }
        if closed && waiting.granted {
            self.freed();
        }
        self.wake_receiver_if(self.strong() == 0);
    }

    fn try_recv(&mut self) {
        let Some(receiver) = &mut self.receiver else {
            return;
        };
        let result = receiver.try_recv();
        let expected = self.received();
        match result {
            Ok(number) => assert_eq!(Some(*number), expected),
            Err(error) => {
                assert_eq!(expected, None);
                let disconnected = error == TryRecvError::Disconnected;
                assert_eq!(disconnected, self.is_finished());
            }
        }
    }

    fn recv(&mut self) {
        let Some(receiver) = &mut self.receiver else {
            return;
        };
        let mut cx = Context::from_waker(&self.receiver_waker);
        match receiver.poll_recv(&mut cx) {
            Poll::Ready(number) => {
                let expected = self.received();
                assert_eq!(number.as_deref().copied(), expected);
                assert!(expected.is_some() || self.is_finished());
            }
            Poll::Pending => {
                assert!(self.messages.is_empty() && !self.is_finished());
                self.receives = true;
            }
        }
    }

    fn recv_many(&mut self, limit: usize) {
        let Some(receiver) = &mut self.receiver else {
            return;
        };
        let mut buffer = Vec::new();
        let mut cx = Context::from_waker(&self.receiver_waker);
        match receiver.poll_recv_many(&mut cx, &mut buffer, limit) {
            Poll::Ready(count) => {
                assert_eq!(buffer.len(), count);
                assert_eq!(count, limit.min(self.messages.len()));
                assert!(count > 0 || limit == 0 || self.is_finished());
                for number in buffer {
                    assert_eq!(Some(*number), self.received());
                }
            }
            Poll::Pending => {
                assert!(self.messages.is_empty() && !self.is_finished());
                self.receives = true;
            }
        }
    }

    /// The channel has been closed, perhaps not for the first time.
    fn closing(&mut self) {
        if self.closed {
            return;
        }
        self.closed = true;
        for waiting in self.waiting.iter_mut().filter(|it| !it.granted) {
            waiting.expected += 1;
        }
        self.wake_receiver_if(self.is_finished());
    }

    /// Compares what can be seen.
    fn compare(&self) {
        for (at, waiting) in self.waiting.iter().enumerate() {
            assert_eq!(
                waiting.wakes.wakes(),
                waiting.expected,
                "wakes of future {at}"
            );
        }
        assert_eq!(
            self.receiver_wakes.wakes(),
            self.receiver_expected,
            "wakes of the receiver"
        );
        if let Some(receiver) = &self.receiver {
            assert_eq!(receiver.len(), self.messages.len());
            assert_eq!(receiver.sender_strong_count(), self.strong());
            let capacity = if self.has_queued() { 0 } else { self.free };
            assert_eq!(receiver.capacity(), capacity);
            assert_eq!(receiver.is_closed(), self.closed || self.strong() == 0);
        }
        let mut alive = self.alive.borrow_mut();
        alive.retain(|number| Rc::strong_count(number) > 1);
        let waiting = self.waiting.iter().filter_map(|it| it.number);
        let mut expected: Vec<u32> = self.messages.iter().copied().chain(waiting).collect();
        expected.sort_unstable();
        let mut found: Vec<u32> = alive.iter().map(|number| **number).collect();
        found.sort_unstable();
        assert_eq!(found, expected, "the messages that are alive");
    }
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::default() })]

    #[test]
    fn a_channel_does_what_a_queue_and_a_list_of_waiters_do(
        capacity in 1_usize..4,
        ops in proptest::collection::vec(op(), 1..80),
    ) {
        let mut both = Both::new(capacity);
        for op in ops {
            both.apply(op);
            both.compare();
        }
        drop(both);
    }
}
