//! The plan of faults: kinds and rates.

use std::cell::Cell;
use std::rc::Rc;

use crate::split_mix::SplitMix;

/// Kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A system call on a descriptor is interrupted (`EINTR`) and has to be repeated.
    Interrupted,
    /// A system call would block (`EAGAIN`) although the descriptor was reported as ready. Another
    /// event reports it later.
    WouldBlock,
    /// A read or a write transfers fewer bytes than possible.
    Short,
    /// A wait ends without an event, as after a signal or an early notification.
    Early,
    /// A wait that another thread's notification ends goes on for up to a millisecond.
    LateNotify,
    /// An event comes one to three waits late.
    LateEvent,
    /// Readability and writability are reported by two events, the second one later.
    Split,
    /// An event comes twice.
    Twice,
    /// An event reports a descriptor as ready without a cause; it may be closed by then.
    Spurious,
    /// The events of a wait come in another order.
    Reordered,
    /// No descriptor is left for a connection (`EMFILE`), which stays in the queue.
    NoDescriptors,
    /// A connection ended before it was accepted (`ECONNABORTED`).
    Aborted,
    /// The clock stands still for up to twenty readings. Then it returns the real time.
    ClockStands,
}

impl Kind {
    /// All kinds of faults.
    pub const ALL: [Kind; 13] = [
        Kind::Interrupted,
        Kind::WouldBlock,
        Kind::Short,
        Kind::Early,
        Kind::LateNotify,
        Kind::LateEvent,
        Kind::Split,
        Kind::Twice,
        Kind::Spurious,
        Kind::Reordered,
        Kind::NoDescriptors,
        Kind::Aborted,
        Kind::ClockStands,
    ];
}

/// Rates of the [`Kind`]s of faults, with a seed. The same seed gives the same sequence of
/// decisions.
///
/// Clones share their counts.
#[derive(Clone, Debug)]
pub struct Plan {
    seed: u64,
    /// Per thousand occasions.
    rates: [u16; Kind::ALL.len()],
    counts: Rc<[Cell<u64>; Kind::ALL.len()]>,
}

impl Plan {
    /// Returns a plan without faults; add some with [`with`](Self::with).
    pub fn quiet(seed: u64) -> Plan {
        Plan {
            seed,
            rates: Default::default(),
            counts: Rc::default(),
        }
    }

    /// Returns a mixture that depends on the seed: each kind happens never, sometimes, or often.
    pub fn mixed(seed: u64) -> Plan {
        let mut plan = Plan::quiet(seed);
        let dice = Dice::new(seed ^ 0x6d69_7865_6400);
        for rate in &mut plan.rates {
            *rate = match dice.below(4) {
                0 | 1 => 0,
                2 => 1 + dice.below(50) as u16,
                _ => 50 + dice.below(450) as u16,
            };
        }
        plan
    }

    /// Sets the rate of a fault, per thousand occasions.
    ///
    /// # Panics
    ///
    /// If the rate is above 900, at which nothing would make progress.
    #[track_caller]
    #[must_use]
    pub fn with(mut self, kind: Kind, of_a_thousand: u16) -> Plan {
        assert!(
            of_a_thousand <= 900,
            "{kind:?} on {of_a_thousand} of 1000 occasions: give at most 900, so that some operations succeed"
        );
        self.rates[kind as usize] = of_a_thousand;
        self
    }

    /// Returns the number of faults of a kind that have happened.
    pub fn count(&self, kind: Kind) -> u64 {
        self.counts[kind as usize].get()
    }

    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    /// Whether the fault happens at this occasion.
    pub(super) fn happens(&self, kind: Kind, dice: &Dice) -> bool {
        let happens = dice.below(1000) < u64::from(self.rates[kind as usize]);
        if happens {
            self.counted(kind);
        }
        happens
    }

    fn counted(&self, kind: Kind) {
        let count = &self.counts[kind as usize];
        count.set(count.get() + 1);
    }
}

/// Pseudo-random numbers.
#[derive(Debug)]
pub(super) struct Dice(SplitMix);

impl Dice {
    pub(super) fn new(seed: u64) -> Dice {
        Dice(SplitMix::new(seed))
    }

    /// Returns a number below `limit`.
    pub(super) fn below(&self, limit: u64) -> u64 {
        self.0.next() % limit
    }
}
