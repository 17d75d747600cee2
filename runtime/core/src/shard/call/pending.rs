//! Calls of a shard that have not been answered, by number.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::shard::call::message::Answer;
use crate::slab::Slab;
use crate::task::waker::wake_catching_panics;

/// Table of the calls that a shard has made.
#[derive(Default)]
pub(in crate::shard) struct PendingCalls(RefCell<Slab<Entry>>);

/// A call, filled in place: moving entries in and out costs a tenth of a call. The waker and the
/// answer have fields of their own and are moved in registers: an enum of them would be written as
/// two words and moved as one piece, which defeats store-to-load forwarding.
#[derive(Default)]
struct Entry {
    state: CallState,
    waker: Option<Waker>,
    answer: Answer,
}

#[derive(Clone, Copy, Default)]
enum CallState {
    #[default]
    Free,
    Waiting,
    Answered,
    /// The future was dropped before the answer came.
    Abandoned,
}

/// Future of the answer to a call. Dropping it does not stop the call.
pub(super) struct PendingCall<'a> {
    calls: &'a PendingCalls,
    key: usize,
    done: bool,
}

/// Releases the entry of a call that has ended.
fn release(calls: &mut Slab<Entry>, key: usize) {
    calls[key].state = CallState::Free;
    calls.release(key);
}

impl PendingCalls {
    /// Adds a call, whose answer wakes `waker`.
    #[inline]
    pub(super) fn insert(&self, waker: Waker) -> PendingCall<'_> {
        let mut table = self.0.borrow_mut();
        let key = table.allocate();
        let entry = &mut table[key];
        entry.state = CallState::Waiting;
        entry.waker = Some(waker);
        PendingCall {
            calls: self,
            key,
            done: false,
        }
    }

    /// Stores the answer to a call and wakes its task. Drops the answer if the call was abandoned.
    #[inline]
    pub(super) fn answer(&self, key: usize, answer: Answer) {
        let mut table = self.0.borrow_mut();
        let entry = &mut table[key];
        if let CallState::Waiting = entry.state {
            entry.state = CallState::Answered;
            entry.answer = answer;
            let waker = entry.waker.take();
            drop(table);
            if let Some(waker) = waker {
                // It may be a foreign waker. Its panic must not keep other calls from their
                // answers.
                wake_catching_panics(waker);
            }
        } else {
            debug_assert!(matches!(entry.state, CallState::Abandoned));
            release(&mut table, key);
            drop(table);
            // The drop of the output is user code, so the table is not borrowed.
            drop(answer);
        }
    }
}

impl Future for PendingCall<'_> {
    type Output = Answer;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        let mut table = self.calls.0.borrow_mut();
        let entry = &mut table[self.key];
        if let CallState::Answered = entry.state {
            if let Some(waker) = entry.waker.take() {
                drop(table);
                // Dropped before the answer is taken: if this panics, the answer stays for the next
                // poll.
                drop(waker);
                return self.poll(cx);
            }
            let answer = entry.answer.take();
            release(&mut table, self.key);
            self.done = true;
            return Poll::Ready(answer);
        }
        let known = entry.waker.as_ref();
        if !known.is_some_and(|known| known.will_wake(cx.waker())) {
            drop(table);
            // Cloning or dropping a foreign waker runs user code, so the table is not borrowed.
            let waker = cx.waker().clone();
            let mut table = self.calls.0.borrow_mut();
            let entry = &mut table[self.key];
            let old = entry.waker.replace(waker);
            let answered = matches!(entry.state, CallState::Answered);
            drop(table);
            drop(old);
            // The clone may have run the loop, which would have found no waker to wake.
            if answered {
                return self.poll(cx);
            }
        }
        Poll::Pending
    }
}

impl Drop for PendingCall<'_> {
    #[inline]
    fn drop(&mut self) {
        if !self.done {
            self.abandon();
        }
    }
}

impl PendingCall<'_> {
    /// Returns the number of the call.
    pub(super) fn key(&self) -> usize {
        self.key
    }

    #[cold]
    fn abandon(&mut self) {
        let mut table = self.calls.0.borrow_mut();
        let entry = &mut table[self.key];
        let (waker, answer) = (entry.waker.take(), entry.answer.take());
        if let CallState::Waiting = entry.state {
            entry.state = CallState::Abandoned;
        } else {
            release(&mut table, self.key);
        }
        drop(table);
        drop((waker, answer));
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Arc;
    use std::task::Wake;

    use futures_util::FutureExt;

    use super::*;

    fn insert(calls: &PendingCalls) -> PendingCall<'_> {
        calls.insert(Waker::noop().clone())
    }

    fn number(answer: Option<Answer>) -> Option<u64> {
        answer??.downcast().ok().map(|number| *number)
    }

    #[test]
    fn each_call_gets_its_own_answer() {
        let calls = PendingCalls::default();
        let [mut a, mut b] = [(); 2].map(|()| insert(&calls));
        assert!((&mut a).now_or_never().is_none());
        calls.answer(b.key(), Some(Box::new(2_u64)));
        calls.answer(a.key(), Some(Box::new(1_u64)));
        assert_eq!(number((&mut a).now_or_never()), Some(1));
        assert_eq!(number((&mut b).now_or_never()), Some(2));
    }

    #[test]
    fn a_number_is_reused_only_after_its_call_was_answered() {
        let calls = PendingCalls::default();
        let gone = insert(&calls);
        let key = gone.key();
        drop(gone);
        assert_ne!(insert(&calls).key(), key);
        let output = Arc::new(());
        calls.answer(key, Some(Box::new(output.clone())));
        assert_eq!(Arc::strong_count(&output), 1);
        let next = insert(&calls);
        assert_eq!(next.key(), key);
        // Answered, and dropped without another poll.
        calls.answer(key, Some(Box::new(output.clone())));
        drop(next);
        assert_eq!(Arc::strong_count(&output), 1);
        assert_eq!(insert(&calls).key(), key);
    }

    /// A waker whose drop panics.
    struct Panics;

    impl Wake for Panics {
        fn wake(self: Arc<Self>) {}
    }

    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("the drop of a waker panics");
        }
    }

    #[test]
    fn an_answer_stays_if_the_drop_of_a_waker_panics() {
        let calls = PendingCalls::default();
        let mut a = insert(&calls);
        calls.answer(a.key(), Some(Box::new(1_u64)));
        // A clone of a waker that runs the loop leaves one behind.
        let waker = Arc::new(Panics).into();
        calls.0.borrow_mut()[a.key()].waker = Some(waker);
        let poll = catch_unwind(AssertUnwindSafe(|| (&mut a).now_or_never().is_some()));
        assert!(poll.is_err());
        assert_eq!(number((&mut a).now_or_never()), Some(1));
    }
}
