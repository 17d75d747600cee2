//! Locks: `Semaphore`, `Mutex` and `RwLock` against one reference, a queue of requests for permits;
//! `Notify` against a queue of waiters.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use wakeful::sync::{Mutex, Notify, OwnedNotified, RwLock, Semaphore};

use super::support::Counting;

const SLOTS: usize = 5;
const PERMITS: usize = 3;

/// Guard of permits. Its drop gives them back.
trait Guard {
    /// Drops the permits for good. `false`: the guard can't.
    fn forget(self: Box<Self>) -> bool {
        false
    }
}

impl<T> Guard for wakeful::sync::OwnedMutexGuard<T> {}
impl<T> Guard for wakeful::sync::OwnedRwLockReadGuard<T> {}
impl<T> Guard for wakeful::sync::OwnedRwLockWriteGuard<T> {}
impl Guard for wakeful::sync::OwnedSemaphorePermit {
    fn forget(self: Box<Self>) -> bool {
        wakeful::sync::OwnedSemaphorePermit::forget(*self);
        true
    }
}

type Request = Pin<Box<dyn Future<Output = Option<Box<dyn Guard>>>>>;

#[derive(Clone)]
enum Subject {
    Semaphore(Rc<Semaphore>),
    Mutex(Rc<Mutex<()>>),
    ReadWrite(Rc<RwLock<()>>),
}

impl Subject {
    fn permits(&self) -> usize {
        match self {
            Subject::Mutex(_) => 1,
            _ => PERMITS,
        }
    }

    /// Returns how many permits a request may be for.
    fn possible(&self, wanted: usize) -> usize {
        match self {
            Subject::Semaphore(_) => wanted,
            Subject::Mutex(_) => 1,
            Subject::ReadWrite(_) if wanted < 2 => 1,
            Subject::ReadWrite(_) => PERMITS,
        }
    }

    fn request(&self, permits: usize) -> Request {
        let boxed = |guard| -> Option<Box<dyn Guard>> { Some(guard) };
        match self.clone() {
            Subject::Semaphore(it) => Box::pin(async move {
                let permits = it.acquire_many_owned(permits as u32).await.ok()?;
                Some(Box::new(permits) as Box<dyn Guard>)
            }),
            Subject::Mutex(it) => Box::pin(async move { boxed(Box::new(it.lock_owned().await)) }),
            Subject::ReadWrite(it) if permits == 1 => {
                Box::pin(async move { boxed(Box::new(it.read_owned().await)) })
            }
            Subject::ReadWrite(it) => {
                Box::pin(async move { boxed(Box::new(it.write_owned().await)) })
            }
        }
    }

    fn try_request(&self, permits: usize) -> Option<Box<dyn Guard>> {
        match self.clone() {
            Subject::Semaphore(it) => {
                Some(Box::new(it.try_acquire_many_owned(permits as u32).ok()?))
            }
            Subject::Mutex(it) => Some(Box::new(it.try_lock_owned().ok()?)),
            Subject::ReadWrite(it) if permits == 1 => Some(Box::new(it.try_read_owned().ok()?)),
            Subject::ReadWrite(it) => Some(Box::new(it.try_write_owned().ok()?)),
        }
    }
}

fn lock() -> impl Strategy<Value = u8> {
    0..3_u8
}

#[derive(Clone, Debug)]
enum Op {
    /// Makes a request for a number of permits, in a slot.
    Start(usize, usize),
    Poll(usize),
    Drop(usize),
    Try(usize),
    Release(Index),
    /// The rest is for semaphores only.
    Forget(Index),
    Add(usize),
    Remove(usize),
    Close,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (0..SLOTS, 0..=PERMITS + 1).prop_map(|(slot, permits)| Op::Start(slot, permits)),
        6 => (0..SLOTS).prop_map(Op::Poll),
        2 => (0..SLOTS).prop_map(Op::Drop),
        1 => (0..=PERMITS).prop_map(Op::Try),
        4 => any::<Index>().prop_map(Op::Release),
        1 => any::<Index>().prop_map(Op::Forget),
        1 => (0..3_usize).prop_map(Op::Add),
        1 => (0..3_usize).prop_map(Op::Remove),
        1 => Just(Op::Close),
    ]
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Empty,
    New(usize),
    Queued(usize),
    Granted(usize),
    Refused,
}

struct Reference {
    permits: usize,
    closed: bool,
    queue: VecDeque<usize>,
    states: [State; SLOTS],
    wakes: [usize; SLOTS],
}

impl Reference {
    fn grant(&mut self) {
        while let Some(&slot) = self.queue.front() {
            let State::Queued(needed) = self.states[slot] else {
                unreachable!("it is in the queue");
            };
            if needed > self.permits {
                return;
            }
            self.permits -= needed;
            self.states[slot] = State::Granted(needed);
            self.wakes[slot] += 1;
            self.queue.pop_front();
        }
    }

    fn give(&mut self, permits: usize) {
        self.permits += permits;
        self.grant();
    }

    fn take(&mut self, permits: usize) -> bool {
        let can = !self.closed && self.queue.is_empty() && permits <= self.permits;
        if can {
            self.permits -= permits;
        }
        can
    }

    /// `Some(None)`: the request ends without permits.
    fn poll(&mut self, slot: usize) -> Option<Option<usize>> {
        let state = self.states[slot];
        let result = match state {
            State::New(_) if self.closed => None,
            State::New(needed) if self.take(needed) => Some(needed),
            State::New(needed) => {
                self.states[slot] = State::Queued(needed);
                self.queue.push_back(slot);
                return None;
            }
            State::Granted(needed) => Some(needed),
            State::Refused => None,
            State::Queued(_) | State::Empty => return None,
        };
        self.states[slot] = State::Empty;
        Some(result)
    }

    fn drop(&mut self, slot: usize) {
        match std::mem::replace(&mut self.states[slot], State::Empty) {
            State::Queued(_) => {
                self.queue.retain(|&it| it != slot);
                self.grant();
            }
            State::Granted(permits) => self.give(permits),
            _ => {}
        }
    }

    fn close(&mut self) {
        self.closed = true;
        for slot in self.queue.drain(..) {
            self.states[slot] = State::Refused;
            self.wakes[slot] += 1;
        }
    }

    fn available(&self) -> usize {
        match self.queue.is_empty() {
            true => self.permits,
            false => 0,
        }
    }
}

struct Case {
    lock: Subject,
    reference: Reference,
    requests: [Option<Request>; SLOTS],
    countings: [Arc<Counting>; SLOTS],
    held: Vec<(usize, Box<dyn Guard>)>,
}

impl Case {
    fn apply(&mut self, op: Op) {
        match op {
            Op::Start(slot, wanted) => {
                self.drop(slot);
                let permits = self.lock.possible(wanted);
                self.requests[slot] = Some(self.lock.request(permits));
                self.reference.states[slot] = State::New(permits);
            }
            Op::Poll(slot) => self.poll(slot),
            Op::Drop(slot) => self.drop(slot),
            Op::Try(wanted) => {
                let permits = self.lock.possible(wanted);
                let guard = self.lock.try_request(permits);
                assert_eq!(guard.is_some(), self.reference.take(permits));
                self.held.extend(guard.map(|guard| (permits, guard)));
            }
            Op::Release(which) if !self.held.is_empty() => {
                let (permits, guard) = self.held.swap_remove(which.index(self.held.len()));
                drop(guard);
                self.reference.give(permits);
            }
            Op::Forget(which) if !self.held.is_empty() => {
                let (permits, guard) = self.held.swap_remove(which.index(self.held.len()));
                if !guard.forget() {
                    self.reference.give(permits);
                }
            }
            Op::Release(_) | Op::Forget(_) => {}
            Op::Add(permits) => {
                if let Subject::Semaphore(semaphore) = &self.lock {
                    semaphore.add_permits(permits);
                    self.reference.give(permits);
                }
            }
            Op::Remove(permits) => {
                if let Subject::Semaphore(semaphore) = &self.lock {
                    let expected = self.reference.available().min(permits);
                    assert_eq!(semaphore.forget_permits(permits), expected);
                    self.reference.permits -= expected;
                }
            }
            Op::Close => {
                if let Subject::Semaphore(semaphore) = &self.lock {
                    semaphore.close();
                    self.reference.close();
                }
            }
        }
    }

    fn poll(&mut self, slot: usize) {
        let Some(request) = &mut self.requests[slot] else {
            return;
        };
        let waker = self.countings[slot].clone().into();
        let polled = request.as_mut().poll(&mut Context::from_waker(&waker));
        let expected = self.reference.poll(slot);
        match (polled, expected) {
            (Poll::Pending, None) => return,
            (Poll::Ready(None), Some(None)) => {}
            (Poll::Ready(Some(guard)), Some(Some(permits))) => self.held.push((permits, guard)),
            (polled, expected) => panic!("ready: {}, not {expected:?}", polled.is_ready()),
        }
        self.requests[slot] = None;
    }

    fn drop(&mut self, slot: usize) {
        self.requests[slot] = None;
        self.reference.drop(slot);
    }

    fn check(&self) {
        for (counting, wakes) in self.countings.iter().zip(self.reference.wakes) {
            assert_eq!(counting.wakes(), wakes);
        }
        if let Subject::Semaphore(semaphore) = &self.lock {
            assert_eq!(semaphore.available_permits(), self.reference.available());
        }
    }
}

proptest! {
    #![proptest_config(super::config())]

    #[test]
    fn locks_serve_requests_in_order(which in lock(), ops in vec(op(), 1..80)) {
        let lock = match which {
            0 => Subject::Semaphore(Rc::new(Semaphore::new(PERMITS))),
            1 => Subject::Mutex(Rc::new(Mutex::new(()))),
            _ => Subject::ReadWrite(Rc::new(RwLock::with_max_readers((), PERMITS as u32))),
        };
        let reference = Reference {
            permits: lock.permits(),
            closed: false,
            queue: VecDeque::new(),
            states: [State::Empty; SLOTS],
            wakes: [0; SLOTS],
        };
        let mut case = Case {
            lock,
            reference,
            requests: Default::default(),
            countings: Default::default(),
            held: Vec::new(),
        };
        for op in ops {
            case.apply(op);
            case.check();
        }
    }
}

#[derive(Clone, Debug)]
enum Event {
    Start(usize),
    Poll(usize),
    Enable(usize),
    Drop(usize),
    One,
    Last,
    All,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..SLOTS).prop_map(Event::Start),
        6 => (0..SLOTS).prop_map(Event::Poll),
        2 => (0..SLOTS).prop_map(Event::Enable),
        3 => (0..SLOTS).prop_map(Event::Drop),
        3 => Just(Event::One),
        2 => Just(Event::Last),
        1 => Just(Event::All),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Wait {
    Empty,
    New,
    Queued,
    /// By `notify_one`, or by `notify_last`.
    Notified {
        last: bool,
    },
    /// By `notify_waiters`, or after `enable` has returned `true`.
    Kept,
}

struct Waiters {
    stored: bool,
    queue: VecDeque<usize>,
    states: [Wait; SLOTS],
    /// Whether a waiter has a waker.
    polled: [bool; SLOTS],
    wakes: [usize; SLOTS],
}

impl Waiters {
    fn notify(&mut self, last: bool) {
        let slot = match last {
            true => self.queue.pop_back(),
            false => self.queue.pop_front(),
        };
        match slot {
            Some(slot) => self.wake(slot, Wait::Notified { last }),
            None => self.stored = true,
        }
    }

    fn wake(&mut self, slot: usize, state: Wait) {
        self.states[slot] = state;
        self.wakes[slot] += usize::from(self.polled[slot]);
        self.polled[slot] = false;
    }

    fn all(&mut self) {
        for slot in 0..SLOTS {
            if matches!(self.states[slot], Wait::New | Wait::Queued) {
                self.wake(slot, Wait::Kept);
            }
        }
        self.queue.clear();
    }

    /// Whether the waiter has been notified. It is queued otherwise.
    fn begin(&mut self, slot: usize) -> bool {
        match self.states[slot] {
            Wait::New if std::mem::take(&mut self.stored) => true,
            Wait::New => {
                self.states[slot] = Wait::Queued;
                self.queue.push_back(slot);
                false
            }
            Wait::Queued => false,
            Wait::Notified { .. } | Wait::Kept => true,
            Wait::Empty => unreachable!("there is a future"),
        }
    }

    fn drop(&mut self, slot: usize) {
        self.polled[slot] = false;
        match std::mem::replace(&mut self.states[slot], Wait::Empty) {
            Wait::Queued => self.queue.retain(|&it| it != slot),
            Wait::Notified { last } => self.notify(last),
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(super::config())]

    #[test]
    fn notifications_reach_the_waiters_in_order(events in vec(event(), 1..80)) {
        let notify = Rc::new(Notify::new());
        let countings: [Arc<Counting>; SLOTS] = Default::default();
        let mut futures: [Option<Pin<Box<OwnedNotified>>>; SLOTS] = Default::default();
        let mut reference = Waiters {
            stored: false,
            queue: VecDeque::new(),
            states: [Wait::Empty; SLOTS],
            polled: [false; SLOTS],
            wakes: [0; SLOTS],
        };
        for event in events {
            match event {
                Event::Start(slot) => {
                    futures[slot] = None;
                    reference.drop(slot);
                    futures[slot] = Some(Box::pin(notify.clone().notified_owned()));
                    reference.states[slot] = Wait::New;
                }
                Event::Poll(slot) => {
                    let Some(future) = &mut futures[slot] else { continue };
                    let waker = countings[slot].clone().into();
                    let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
                    let expected = reference.begin(slot);
                    prop_assert_eq!(polled.is_ready(), expected);
                    reference.polled[slot] = true;
                    if expected {
                        futures[slot] = None;
                        reference.states[slot] = Wait::Kept;
                        reference.drop(slot);
                    }
                }
                Event::Enable(slot) => {
                    let Some(future) = &mut futures[slot] else { continue };
                    let expected = reference.begin(slot);
                    prop_assert_eq!(future.as_mut().enable(), expected);
                    if expected {
                        reference.states[slot] = Wait::Kept;
                    }
                }
                Event::Drop(slot) => {
                    futures[slot] = None;
                    reference.drop(slot);
                }
                Event::One => {
                    notify.notify_one();
                    reference.notify(false);
                }
                Event::Last => {
                    notify.notify_last();
                    reference.notify(true);
                }
                Event::All => {
                    notify.notify_waiters();
                    reference.all();
                }
            }
            for (counting, wakes) in countings.iter().zip(reference.wakes) {
                prop_assert_eq!(counting.wakes(), wakes);
            }
        }
    }
}
