//! The calls of a shard that have not been answered, by number.

use std::any::Any;
use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::task::waker::wake_catching_panics;

/// The box of a call, when it comes home; none if it was lost on its way there.
pub(in crate::shard) type Answer = Option<Box<dyn Any + Send>>;

#[derive(Default)]
pub(in crate::shard) struct Pending(RefCell<Places>);

/// As in `Slots`, but entries stay and are filled: those of `Slots` are moved in and out, which costs a
/// tenth of a call.
#[derive(Default)]
struct Places {
    entries: Vec<Entry>,
    free: Vec<usize>,
}

/// Not an enum with a waker or an answer in it: what is written as two words and then moved as one
/// piece holds the processor up. These are moved in registers.
#[derive(Default)]
struct Entry {
    state: State,
    waker: Option<Waker>,
    answer: Answer,
}

#[derive(Clone, Copy, Default)]
enum State {
    #[default]
    Free,
    Waiting,
    Answered,
    /// Nobody waits for it any more.
    Abandoned,
}

/// Waits for the answer to a call. Dropped, it leaves the call to itself.
pub(in crate::shard) struct Waiting<'a> {
    pending: &'a Pending,
    key: usize,
    over: bool,
}

impl Places {
    fn take(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.entries.push(Entry::default());
            self.entries.len() - 1
        })
    }

    fn give_back(&mut self, key: usize) {
        self.entries[key].state = State::Free;
        self.free.push(key);
    }
}

impl Pending {
    /// Whoever has this waker waits for a call.
    #[inline]
    pub(in crate::shard) fn wait(&self, waker: Waker) -> Waiting<'_> {
        let mut places = self.0.borrow_mut();
        let key = places.take();
        let entry = &mut places.entries[key];
        entry.state = State::Waiting;
        entry.waker = Some(waker);
        Waiting {
            pending: self,
            key,
            over: false,
        }
    }

    #[inline]
    pub(in crate::shard) fn answer(&self, key: usize, answer: Answer) {
        let mut places = self.0.borrow_mut();
        let entry = &mut places.entries[key];
        if let State::Waiting = entry.state {
            entry.state = State::Answered;
            entry.answer = answer;
            let waker = entry.waker.take();
            drop(places);
            if let Some(waker) = waker {
                // It may be anyone's, and others wait for their answers.
                wake_catching_panics(waker);
            }
        } else {
            debug_assert!(matches!(entry.state, State::Abandoned));
            places.give_back(key);
            drop(places);
            // The output is the user's.
            drop(answer);
        }
    }
}

impl Future for Waiting<'_> {
    type Output = Answer;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        let mut places = self.pending.0.borrow_mut();
        let entry = &mut places.entries[self.key];
        if let State::Answered = entry.state {
            if let Some(waker) = entry.waker.take() {
                drop(places);
                // Before the answer is taken out: if this panics, the answer stays for the next poll.
                drop(waker);
                return self.poll(cx);
            }
            let answer = entry.answer.take();
            places.give_back(self.key);
            self.over = true;
            return Poll::Ready(answer);
        }
        let known = entry.waker.as_ref();
        if !known.is_some_and(|known| known.will_wake(cx.waker())) {
            drop(places);
            // A waker may be anyone's: what it does when it is cloned or dropped is its own affair.
            let waker = cx.waker().clone();
            let mut places = self.pending.0.borrow_mut();
            let entry = &mut places.entries[self.key];
            let old = entry.waker.replace(waker);
            let answered = matches!(entry.state, State::Answered);
            drop(places);
            drop(old);
            // The clone may have run the loop, which then found no waker.
            if answered {
                return self.poll(cx);
            }
        }
        Poll::Pending
    }
}

impl Drop for Waiting<'_> {
    #[inline]
    fn drop(&mut self) {
        if !self.over {
            self.leave();
        }
    }
}

impl Waiting<'_> {
    pub(in crate::shard) fn key(&self) -> usize {
        self.key
    }

    #[cold]
    fn leave(&mut self) {
        let mut places = self.pending.0.borrow_mut();
        let entry = &mut places.entries[self.key];
        let (waker, answer) = (entry.waker.take(), entry.answer.take());
        if let State::Waiting = entry.state {
            entry.state = State::Abandoned;
        } else {
            places.give_back(self.key);
        }
        drop(places);
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

    fn wait(pending: &Pending) -> Waiting<'_> {
        pending.wait(Waker::noop().clone())
    }

    fn number(answer: Option<Answer>) -> Option<u64> {
        answer??.downcast().ok().map(|number| *number)
    }

    #[test]
    fn each_gets_its_own_answer() {
        let pending = Pending::default();
        let [mut a, mut b] = [(); 2].map(|()| wait(&pending));
        assert!((&mut a).now_or_never().is_none());
        pending.answer(b.key(), Some(Box::new(2_u64)));
        pending.answer(a.key(), Some(Box::new(1_u64)));
        assert_eq!(number((&mut a).now_or_never()), Some(1));
        assert_eq!(number((&mut b).now_or_never()), Some(2));
    }

    #[test]
    fn a_number_is_given_out_again_only_when_its_call_has_come_home() {
        let pending = Pending::default();
        let gone = wait(&pending);
        let key = gone.key();
        drop(gone);
        assert_ne!(wait(&pending).key(), key);
        let output = Arc::new(());
        pending.answer(key, Some(Box::new(output.clone())));
        assert_eq!(Arc::strong_count(&output), 1);
        let next = wait(&pending);
        assert_eq!(next.key(), key);
        // Answered, and then nobody looked.
        pending.answer(key, Some(Box::new(output.clone())));
        drop(next);
        assert_eq!(Arc::strong_count(&output), 1);
        assert_eq!(wait(&pending).key(), key);
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
        let pending = Pending::default();
        let mut a = wait(&pending);
        pending.answer(a.key(), Some(Box::new(1_u64)));
        // As the clone of a waker does that runs the loop.
        let waker = Arc::new(Panics).into();
        pending.0.borrow_mut().entries[a.key()].waker = Some(waker);
        let poll = catch_unwind(AssertUnwindSafe(|| (&mut a).now_or_never().is_some()));
        assert!(poll.is_err());
        assert_eq!(number((&mut a).now_or_never()), Some(1));
    }
}
