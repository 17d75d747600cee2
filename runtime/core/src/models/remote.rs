//! Models of the remote queue: the sleep handshake, events, and the end. A message is a number.

use loom::sync::Arc;
use loom::thread;

use super::model;
use super::support::{Event, Held};
use crate::executor::remote::{Remote, Sent};
use crate::primitives::Queue;
use crate::primitives::atomic::{AtomicU8, Ordering};

/// Interface of a `Remote`, correct or flawed.
pub(super) trait MessageQueue: Send + Sync + 'static {
    fn send(&self, message: usize) -> Sent;
    fn is_pending(&self) -> bool;
    fn receive(&self, f: &mut dyn FnMut(usize));
    fn fall_asleep(&self) -> bool;
    fn wake_up(&self);
    fn close(&self);
    fn pop(&self) -> Option<usize>;
}

impl MessageQueue for Remote<usize> {
    fn send(&self, message: usize) -> Sent {
        self.send(message)
    }
    fn is_pending(&self) -> bool {
        self.is_pending()
    }
    fn receive(&self, f: &mut dyn FnMut(usize)) {
        let events = self.receive(f);
        assert_eq!(events, 0, "no event was raised");
    }
    fn fall_asleep(&self) -> bool {
        self.fall_asleep()
    }
    fn wake_up(&self) {
        self.wake_up();
    }
    fn close(&self) {
        self.close();
    }
    fn pop(&self) -> Option<usize> {
        self.pop()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    /// The sender never returns `Notify`.
    Silent,
    /// Every sender that finds `ASLEEP` returns `Notify`.
    Noisy,
    /// The sender sets `PENDING` before it pushes.
    FlagsFirst,
    /// The loop sets `ASLEEP` unconditionally.
    SleepsBlindly,
    /// The loop checks the flag and sets `ASLEEP` in two steps.
    ChecksThenSleeps,
    /// The loop pops before it clears `PENDING`.
    ClearsLate,
    /// A sender that finds `CLOSED` leaves its message in the queue.
    LeavesLate,
}

const PENDING: u8 = 1;
const ASLEEP: u8 = 2;
const CLOSED: u8 = 4;

/// A copy of `Remote` with one flaw.
pub(super) struct Flawed {
    queue: Queue<usize>,
    flag: AtomicU8,
    flaw: Flaw,
}

impl Flawed {
    pub(super) fn new(flaw: Flaw) -> Flawed {
        Flawed {
            queue: Queue::new(),
            flag: AtomicU8::new(0),
            flaw,
        }
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }

    fn pop_all(&self, f: &mut dyn FnMut(usize)) {
        for _ in 0..self.queue.len() {
            self.queue.pop().map(&mut *f);
        }
    }
}

impl MessageQueue for Flawed {
    fn send(&self, message: usize) -> Sent {
        if !self.has(Flaw::FlagsFirst) {
            self.queue.push(message);
        }
        let before = self.flag.fetch_or(PENDING, Ordering::AcqRel);
        if self.has(Flaw::FlagsFirst) {
            self.queue.push(message);
        }
        if before & CLOSED != 0 && !self.has(Flaw::LeavesLate) {
            Sent::Closed
        } else if before == ASLEEP && !self.has(Flaw::Silent)
            || before & ASLEEP != 0 && self.has(Flaw::Noisy)
        {
            Sent::Notify
        } else {
            Sent::Done
        }
    }

    fn is_pending(&self) -> bool {
        self.flag.load(Ordering::Relaxed) & PENDING != 0
    }

    fn receive(&self, f: &mut dyn FnMut(usize)) {
        if self.has(Flaw::ClearsLate) {
            self.pop_all(f);
        }
        self.flag.fetch_and(!PENDING, Ordering::AcqRel);
        if !self.has(Flaw::ClearsLate) {
            self.pop_all(f);
        }
    }

    fn fall_asleep(&self) -> bool {
        if self.has(Flaw::SleepsBlindly) {
            self.flag.store(ASLEEP, Ordering::Release);
            return true;
        }
        if self.has(Flaw::ChecksThenSleeps) {
            let free = self.flag.load(Ordering::Acquire) == 0;
            if free {
                self.flag.store(ASLEEP, Ordering::Release);
            }
            return free;
        }
        self.flag
            .compare_exchange(0, ASLEEP, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    fn wake_up(&self) {
        self.flag.fetch_and(!ASLEEP, Ordering::AcqRel);
    }

    fn close(&self) {
        self.flag.fetch_or(CLOSED, Ordering::AcqRel);
    }

    fn pop(&self) -> Option<usize> {
        self.queue.pop()
    }
}

pub(super) struct Post<L> {
    pub(super) line: L,
    pub(super) event: Event,
}

impl<L: MessageQueue> Post<L> {
    /// Sends, and notifies if necessary. Returns the number of notifications.
    pub(super) fn send(&self, message: usize) -> usize {
        match self.line.send(message) {
            Sent::Done => 0,
            Sent::Notify => {
                self.event.set();
                1
            }
            Sent::Closed => panic!("the queue is not closed in this model"),
        }
    }

    /// Sleeps if there is nothing to receive. Returns the number of sleeps.
    pub(super) fn sleep(&self) -> usize {
        let sleeps = self.line.fall_asleep();
        if sleeps {
            self.event.wait();
            self.line.wake_up();
        }
        usize::from(sleeps)
    }
}

/// Two threads send one and two messages; the loop sleeps until it has all. Each sleep is ended by
/// one notification, and there are no others.
fn two_senders<L: MessageQueue>(line: L) {
    let post = Held::new(Arc::new(Post {
        line,
        event: Event::new(),
    }));
    let (one, two) = (Arc::clone(&post), Arc::clone(&post));
    let one = thread::spawn(move || one.send(1));
    let two = thread::spawn(move || two.send(2) + two.send(3));
    let mut got = Vec::new();
    let mut sleeps = 0;
    loop {
        if post.line.is_pending() {
            post.line.receive(&mut |message| got.push(message));
        }
        if got.len() == 3 {
            break;
        }
        sleeps += post.sleep();
    }
    let notified = one.join().unwrap() + two.join().unwrap();
    assert_eq!(notified, sleeps, "an unnecessary notification");
    let second = got.iter().position(|&message| message == 2);
    assert!(second < got.iter().position(|&message| message == 3));
    got.sort_unstable();
    assert_eq!(got, [1, 2, 3]);
}

/// Two threads send while the loop closes the queue: each message is taken out once.
fn two_senders_and_a_close<L: MessageQueue>(line: L) {
    let line = Arc::new(line);
    let senders = [1, 2].map(|message| {
        let line = line.clone();
        thread::spawn(move || {
            let mut got = Vec::new();
            if line.send(message) == Sent::Closed {
                got.extend(std::iter::from_fn(|| line.pop()));
            }
            got
        })
    });
    line.close();
    let mut got: Vec<usize> = std::iter::from_fn(|| line.pop()).collect();
    for sender in senders {
        got.extend(sender.join().unwrap());
    }
    got.sort_unstable();
    assert_eq!(got, [1, 2], "a message stayed in the queue");
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Events {
    Sound,
    /// The event is raised before the push.
    RaisesFirst,
    /// The loop pops from the other queue before it takes the event.
    TakesLate,
}

/// Two threads push to other queues and raise events, and one sends a message as well; the loop
/// sleeps until it has all, and pops from a queue only after its event.
fn events_and_a_sleeping_loop(events: Events) {
    struct Both {
        post: Post<Remote<usize>>,
        others: [Queue<usize>; 2],
    }
    let both = Held::new(Arc::new(Both {
        post: Post {
            line: Remote::new(),
            event: Event::new(),
        },
        others: [Queue::new(), Queue::new()],
    }));
    let senders = [0, 1].map(|kind| {
        let both = Arc::clone(&both);
        thread::spawn(move || {
            let Both { post, others } = &*both;
            let push = || others[kind].push(kind);
            if events != Events::RaisesFirst {
                push();
            }
            let mut notified = 0;
            if post.line.raise(kind as u32) == Sent::Notify {
                post.event.set();
                notified += 1;
            }
            if events == Events::RaisesFirst {
                push();
            }
            if kind == 0 {
                notified += post.send(2);
            }
            notified
        })
    });
    let Both { post, others } = &**both;
    let (mut got, mut sleeps) = (Vec::new(), 0);
    loop {
        if post.line.is_pending() {
            if events == Events::TakesLate {
                got.extend(others.iter().filter_map(Queue::pop));
            }
            let kinds = post.line.receive(|message| got.push(message));
            if events != Events::TakesLate {
                let raised = |kind: &usize| kinds & 1 << kind != 0;
                got.extend(
                    [0, 1]
                        .into_iter()
                        .filter(raised)
                        .filter_map(|kind| others[kind].pop()),
                );
            }
        }
        if got.len() == 3 {
            break;
        }
        sleeps += post.sleep();
    }
    let notified: usize = senders.map(|sender| sender.join().unwrap()).iter().sum();
    assert_eq!(notified, sleeps, "an unnecessary notification");
    got.sort_unstable();
    assert_eq!(got, [0, 1, 2]);
}

#[test]
fn events_and_a_message_notify_a_sleeping_loop_once() {
    model(|| events_and_a_sleeping_loop(Events::Sound));
}

#[test]
#[should_panic(expected = "deadlock")]
fn without_the_push_before_the_event() {
    model(|| events_and_a_sleeping_loop(Events::RaisesFirst));
}

#[test]
#[should_panic(expected = "deadlock")]
fn without_taking_the_event_before_the_pop() {
    model(|| events_and_a_sleeping_loop(Events::TakesLate));
}

#[test]
fn two_senders_notify_a_sleeping_loop_once() {
    model(|| two_senders(Remote::new()));
}

#[test]
fn no_message_stays_in_a_closed_queue() {
    model(|| two_senders_and_a_close(Remote::new()));
}

#[test]
fn receiving_while_a_sender_pushes() {
    model(|| {
        let line = Arc::new(Remote::new());
        let sender = line.clone();
        let sender = thread::spawn(move || {
            for message in 1..=3 {
                assert_eq!(sender.send(message), Sent::Done);
            }
        });
        let mut got = Vec::new();
        for _ in 0..2 {
            let events = line.receive(|message| got.push(message));
            assert_eq!(events, 0, "no event was raised");
        }
        sender.join().unwrap();
        // An event that was raised after the last receive is still set.
        assert!(got.len() == 3 || line.is_pending());
        let _ = line.receive(|message| got.push(message));
        assert_eq!(got, [1, 2, 3]);
        assert!(line.fall_asleep());
    });
}

#[test]
#[should_panic(expected = "deadlock")]
fn without_the_notification() {
    model(|| two_senders(Flawed::new(Flaw::Silent)));
}

#[test]
#[should_panic(expected = "an unnecessary notification")]
fn without_checking_for_the_first_message() {
    model(|| two_senders(Flawed::new(Flaw::Noisy)));
}

#[test]
#[should_panic(expected = "deadlock")]
fn without_the_push_before_the_flag() {
    model(|| two_senders(Flawed::new(Flaw::FlagsFirst)));
}

#[test]
#[should_panic(expected = "deadlock")]
fn without_checking_before_the_sleep() {
    model(|| two_senders(Flawed::new(Flaw::SleepsBlindly)));
}

#[test]
#[should_panic(expected = "deadlock")]
fn without_one_step_for_checking_and_sleeping() {
    model(|| two_senders(Flawed::new(Flaw::ChecksThenSleeps)));
}

#[test]
#[should_panic(expected = "deadlock")]
fn without_clearing_before_the_pops() {
    model(|| two_senders(Flawed::new(Flaw::ClearsLate)));
}

#[test]
#[should_panic(expected = "a message stayed in the queue")]
fn without_the_sender_emptying_after_the_close() {
    model(|| two_senders_and_a_close(Flawed::new(Flaw::LeavesLate)));
}
