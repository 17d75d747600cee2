//! Requests of the watchdog to signal handlers, and their answers: static tables of atomics, as
//! signal handlers may not allocate or lock.
//!
//! A request takes a slot, which goes through these phases. The watchdog, which is one thread,
//! makes the transitions (1), (4) and (5); handlers make (2) and (3):
//!
//! ```text
//! FREE --(1) ask--> ASKED --(2) begin--> WRITING --(3) finish--> WRITTEN --(4) take--> FREE
//!                     |                                             |
//!                     `--(5) cancelled: FREE                         `--(1) a late answer: ASKED
//! ```
//!
//! A late handler holds its slot until it finishes, and nothing else: the next request takes
//! another slot, and the late answer is dropped when its slot is used again. Each request has a
//! ticket, in the same word as the phase, so a handler that read one request cannot begin another
//! one, which may be for another thread.

use std::sync::atomic::{AtomicI32, AtomicU32, AtomicUsize, Ordering};

/// Number of slots: the most requests whose handlers have not finished.
const SLOTS: usize = 4;
/// The most frames that an answer keeps.
const FRAMES: usize = 256;

const FREE: u32 = 0;
const ASKED: u32 = 1;
const WRITING: u32 = 2;
const WRITTEN: u32 = 3;
const PHASE: u32 = 3;
/// The rest of the word is the ticket.
const TICKET: u32 = 4;

/// Table of requests and answers.
pub(super) struct Answers([Slot; SLOTS]);

struct Slot {
    state: AtomicU32,
    /// The thread that the request is for. Set before `ASKED`.
    target: AtomicI32,
    length: AtomicUsize,
    frames: [AtomicUsize; FRAMES],
}

/// A request that the watchdog has made.
pub(super) struct Request<'a> {
    slot: &'a Slot,
    ticket: u32,
}

/// An answer that a handler writes.
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

    /// Makes a request to a thread. `None` while late handlers hold all slots. Called by the
    /// watchdog.
    pub(super) fn ask(&self, thread: i32) -> Option<Request<'_>> {
        self.0.iter().find_map(|slot| {
            let state = slot.state.load(Ordering::Acquire);
            // An answer that is `WRITTEN` and was not taken came too late.
            if !matches!(state & PHASE, FREE | WRITTEN) {
                return None;
            }
            let ticket = (state & !PHASE).wrapping_add(TICKET);
            slot.target.store(thread, Ordering::Relaxed);
            slot.state.store(ticket | ASKED, Ordering::Release);
            Some(Request { slot, ticket })
        })
    }

    /// Begins an answer if there is a request to this thread. Called by handlers;
    /// async-signal-safe.
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
    /// Adds a frame, and returns whether another one fits.
    pub(super) fn push(&mut self, frame: usize) -> bool {
        if let Some(place) = self.slot.frames.get(self.length) {
            place.store(frame, Ordering::Relaxed);
            self.length += 1;
        }
        self.length < FRAMES
    }

    /// Publishes the answer.
    pub(super) fn finish(self) {
        self.slot.length.store(self.length, Ordering::Relaxed);
        let written = self.ticket | WRITTEN;
        self.slot.state.store(written, Ordering::Release);
    }
}

impl Request<'_> {
    /// Whether the answer is complete.
    pub(super) fn is_answered(&self) -> bool {
        self.slot.state.load(Ordering::Acquire) == self.ticket | WRITTEN
    }

    /// Takes the answer. If there is none yet, the request is cancelled.
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
            // The handler still writes, so the request takes another slot.
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
    fn a_cancelled_request_is_not_begun() {
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
