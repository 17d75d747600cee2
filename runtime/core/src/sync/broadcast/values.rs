//! The values that a broadcast channel keeps. Nothing here runs user code but [`Got::into_value`].

use std::collections::VecDeque;
use std::mem;
use std::rc::Rc;

/// Place of a value. It is counted: a receiver holds a count while it clones the value, which is
/// user code. `None` once the last receiver has taken the value.
pub(super) type Slot<T> = Rc<Option<T>>;

/// A value, and for how many receivers it is.
pub(super) struct Entry<T> {
    slot: Slot<T>,
    /// Number of receivers that have not got it; never 0. A receiver that lags is one of them.
    ///
    /// Receivers get the values in order, so it is never smaller than that of the entry before.
    remaining: usize,
}

/// The values that the channel keeps.
pub(super) struct Values<T> {
    entries: VecDeque<Entry<T>>,
    /// Empty slots, to be used again: a send allocates only if there is none.
    spare: Vec<Slot<T>>,
    /// Number of values sent before the first entry.
    first: u64,
}

/// A value that a receiver has got.
pub(super) enum Got<T> {
    /// The value itself.
    Value(T),
    /// To be cloned.
    Shared(Slot<T>),
}

impl<T> Values<T> {
    pub(super) fn new() -> Values<T> {
        Values {
            entries: VecDeque::new(),
            spare: Vec::new(),
            first: 0,
        }
    }

    /// Returns the number of values.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns the number of the next value that is sent.
    #[inline]
    pub(super) fn end(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    /// Adds a value. Returns what it pushes out, which the caller drops with nothing borrowed.
    #[inline]
    pub(super) fn push(
        &mut self,
        value: T,
        remaining: usize,
        capacity: usize,
    ) -> (Option<T>, Option<Slot<T>>) {
        let mut slot = match self.entries.len() == capacity {
            true => self.entries.pop_front().map(|oldest| {
                self.first += 1;
                oldest.slot
            }),
            false => self.spare.pop(),
        }
        .unwrap_or_default();
        let pushed_out = match Rc::get_mut(&mut slot) {
            Some(place) => (place.replace(value), None),
            // Further up the stack, a receiver clones the oldest value.
            None => (None, Some(mem::replace(&mut slot, Rc::new(Some(value))))),
        };
        self.entries.push_back(Entry { slot, remaining });
        pushed_out
    }

    /// Returns the value with the number `next`, and adds one to that. The error is the number of
    /// values that were lost. `None`: there is no value yet. Runs no user code.
    #[inline]
    pub(super) fn receive(&mut self, next: &mut u64) -> Option<Result<Got<T>, u64>> {
        let Some(index) = next.checked_sub(self.first) else {
            return Some(Err(self.first - mem::replace(next, self.first)));
        };
        let entry = self.entries.get_mut(index as usize)?;
        *next += 1;
        entry.remaining -= 1;
        if entry.remaining != 0 {
            return Some(Ok(Got::Shared(entry.slot.clone())));
        }
        debug_assert_eq!(index, 0, "all receivers have got the values before");
        let mut slot = self.entries.pop_front()?.slot;
        self.first += 1;
        let got = match Rc::get_mut(&mut slot).and_then(Option::take) {
            Some(value) => {
                self.spare.push(slot);
                Got::Value(value)
            }
            // Further up the stack, another receiver clones it.
            None => Got::Shared(slot),
        };
        Some(Ok(got))
    }

    /// Removes a receiver that has the values before `next`. Returns the values that no other
    /// receiver needs, which the caller drops with nothing borrowed.
    pub(super) fn remove(&mut self, next: u64) -> Vec<Entry<T>> {
        let index = next.saturating_sub(self.first) as usize;
        for entry in self.entries.iter_mut().skip(index) {
            entry.remaining -= 1;
        }
        let done = self.entries.iter().take_while(|it| it.remaining == 0);
        let done = done.count();
        self.first += done as u64;
        self.entries.drain(..done).collect()
    }
}

impl<T: Clone> Got<T> {
    /// Returns the value. Runs user code.
    #[inline]
    pub(super) fn into_value(self) -> T {
        match self {
            Got::Value(value) => value,
            Got::Shared(slot) => match &*slot {
                Some(value) => value.clone(),
                None => unreachable!("a slot is not emptied while it is shared"),
            },
        }
    }
}
