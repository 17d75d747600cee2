//! What the watchdog asks of signal handlers, and what they answer: tables that nothing allocates.
//!
//! A request takes a slot, which goes through these phases. The watchdog, one thread, makes the
//! arrows (1), (4) and (5), handlers make (2) and (3):
//!
//! ```text
//! FREE --(1) ask--> ASKED --(2) begin--> WRITING --(3) finish--> WRITTEN --(4) take--> FREE
//!                     |                                             |
//!                     `--(5) given up: FREE                         `--(1) a late answer: ASKED
//! ```
//!
//! A handler that is late holds its slot until it finishes, and nothing else: the next request
//! takes another one, and the late answer is dropped when its slot is used again. Each request has
//! a ticket, which is in the same word as the phase. So a handler that saw one request does not
//! begin another one, which may be of another thread.

use std::sync::atomic::{AtomicI32, AtomicU32, AtomicUsize, Ordering};

/// How many requests there may be whose handlers have not finished.
const SLOTS: usize = 4;
const FRAMES: usize = 256;

const FREE: u32 = 0;
const ASKED: u32 = 1;
const WRITING: u32 = 2;
const WRITTEN: u32 = 3;
const PHASE: u32 = 3;
/// The rest of the word is the ticket.
const TICKET: u32 = 4;

pub(super) struct Answers([Slot; SLOTS]);

struct Slot {
    state: AtomicU32,
    /// The thread that is asked. Set before `ASKED`.
    target: AtomicI32,
    length: AtomicUsize,
    frames: [AtomicUsize; FRAMES],
}

/// What the watchdog waits for.
pub(super) struct Request<'a> {
    slot: &'a Slot,
    ticket: u32,
}

/// What a handler writes.
pub(super) struct Answer<'a> {
    slot: &'a Slot,
    ticket: u32,
    length: usize,
}

impl Answers {
    pub(super) const fn new() -> Answers {
        Answers(
            [const {
                Slot {
                    state: AtomicU32::new(FREE),
                    target: AtomicI32::new(0),
                    length: AtomicUsize::new(0),
                    frames: [const { AtomicUsize::new(0) }; FRAMES],
                }
            }; SLOTS],
        )
    }

    /// The watchdog: asks a thread. `None` while all slots have late handlers.
    pub(super) fn ask(&self, thread: i32) -> Option<Request<'_>> {
        self.0.iter().find_map(|slot| {
            let state = slot.state.load(Ordering::Acquire);
            // A `WRITTEN` that was not taken is an answer that came too late.
            if !matches!(state & PHASE, FREE | WRITTEN) {
                return None;
            }
            let ticket = (state & !PHASE).wrapping_add(TICKET);
            slot.target.store(thread, Ordering::Relaxed);
            slot.state.store(ticket | ASKED, Ordering::Release);
            Some(Request { slot, ticket })
        })
    }

    /// A handler: begins to answer if that thread was asked. Async-signal-safe.
    pub(super) fn begin(&self, thread: i32) -> Option<Answer<'_>> {
        self.0.iter().find_map(|slot| {
            let state = slot.state.load(Ordering::Acquire);
            if state & PHASE != ASKED || slot.target.load(Ordering::Relaxed) != thread {
                return None;
            }
            let ticket = state & !PHASE;
            let writing = ticket | WRITING;
            let swap =
                slot.state
                    .compare_exchange(state, writing, Ordering::Relaxed, Ordering::Relaxed);
            swap.ok().map(|_| Answer {
                slot,
                ticket,
                length: 0,
            })
        })
    }
}

impl Answer<'_> {
    /// Adds a frame. Whether there is room for one more.
    pub(super) fn push(&mut self, frame: usize) -> bool {
        if let Some(place) = self.slot.frames.get(self.length) {
            place.store(frame, Ordering::Relaxed);
            self.length += 1;
        }
        self.length < FRAMES
    }

    pub(super) fn finish(self) {
        self.slot.length.store(self.length, Ordering::Relaxed);
        let written = self.ticket | WRITTEN;
        self.slot.state.store(written, Ordering::Release);
    }
}

impl Request<'_> {
    pub(super) fn is_answered(&self) -> bool {
        self.slot.state.load(Ordering::Acquire) == self.ticket | WRITTEN
    }

    /// The answer; if there is none yet, the request is given up.
    pub(super) fn take(self) -> Option<Vec<usize>> {
        let Request { slot, ticket } = self;
        let free = ticket | FREE;
        let given_up =
            slot.state
                .compare_exchange(ticket | ASKED, free, Ordering::Relaxed, Ordering::Acquire);
        if given_up != Err(ticket | WRITTEN) {
            return None;
        }
        let length = slot.length.load(Ordering::Relaxed);
        let frames = slot.frames[..length].iter();
        let frames = frames.map(|frame| frame.load(Ordering::Relaxed)).collect();
        slot.state.store(free, Ordering::Release);
        Some(frames)
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    fn answer(answers: &Answers, thread: i32, frame: usize) {
        let mut answer = answers.begin(thread).expect("it was asked");
        assert!(answer.push(frame));
        answer.finish();
    }

    #[test]
    fn an_answer_in_time_is_taken_again_and_again() {
        let answers = Answers::new();
        for frame in 1..=10 {
            let request = answers.ask(7).unwrap();
            assert!(!request.is_answered());
            assert!(answers.begin(8).is_none(), "another thread was asked");
            answer(&answers, 7, frame);
            assert!(request.is_answered());
            assert_eq!(request.take(), Some(vec![frame]));
            assert!(answers.begin(7).is_none(), "nothing is asked any more");
        }
    }

    #[test]
    fn after_a_handler_that_was_late_stacks_are_captured_again() {
        let answers = Answers::new();
        for _ in 0..3 * SLOTS {
            let late = answers.ask(7).unwrap();
            let mut writing = answers.begin(7).unwrap();
            writing.push(1);
            assert_eq!(late.take(), None);
            // The handler is still at it: another slot serves.
            let request = answers.ask(7).unwrap();
            answer(&answers, 7, 2);
            assert_eq!(request.take(), Some(vec![2]));
            writing.finish();
        }
    }

    #[test]
    fn a_handler_that_never_finishes_costs_one_slot() {
        let answers = Answers::new();
        let mut stuck = Vec::new();
        for thread in 1..SLOTS as i32 {
            let request = answers.ask(thread).unwrap();
            stuck.push(answers.begin(thread).unwrap());
            assert_eq!(request.take(), None);
        }
        for frame in 1..=10 {
            let request = answers.ask(99).unwrap();
            answer(&answers, 99, frame);
            assert_eq!(request.take(), Some(vec![frame]));
        }
        let last = answers.ask(98).unwrap();
        stuck.push(answers.begin(98).unwrap());
        assert_eq!(last.take(), None);
        assert!(answers.ask(99).is_none(), "there is no slot left");
        stuck.into_iter().for_each(Answer::finish);
        assert!(answers.ask(99).is_some());
    }

    #[test]
    fn a_request_that_was_given_up_is_not_begun() {
        let answers = Answers::new();
        assert_eq!(answers.ask(7).unwrap().take(), None);
        assert!(answers.begin(7).is_none());
    }

    #[test]
    fn a_deep_stack_is_cut() {
        let answers = Answers::new();
        let request = answers.ask(7).unwrap();
        let mut answer = answers.begin(7).unwrap();
        let pushed = (0..FRAMES + 10).filter(|&frame| answer.push(frame)).count();
        assert_eq!(pushed, FRAMES - 1);
        answer.finish();
        assert_eq!(request.take().unwrap().len(), FRAMES);
    }
}
