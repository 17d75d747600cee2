//! What goes wrong, and how often.

use std::cell::Cell;
use std::rc::Rc;

/// What can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A system call on a descriptor is interrupted (`EINTR`), and is to be tried again.
    Interrupted,
    /// A system call would block (`EAGAIN`) although the descriptor was said to be ready. The event
    /// that says so again comes later.
    WouldBlock,
    /// A read or a write moves fewer bytes than it could.
    Short,
    /// A wait ends before anything has happened, as by a signal or a notification sent too early.
    Early,
    /// What another thread's notification would have ended goes on for up to a millisecond.
    LateNotify,
    /// An event comes one to three waits late.
    LateEvent,
    /// What can be read and what can be written are told by two events, the second one later.
    Split,
    /// An event comes twice.
    Twice,
    /// An event says that a descriptor is ready, for no reason; it may be closed by then.
    Spurious,
    /// The events of a wait come in another order.
    Reordered,
    /// No descriptor is left for a connection (`EMFILE`), which stays in the queue.
    NoDescriptors,
    /// A connection ended before it was accepted (`ECONNABORTED`).
    Aborted,
    /// The clock says the same for the next readings, up to twenty. Then it says the truth.
    ClockStands,
}

impl Kind {
    /// All of them.
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

/// How often each [`Kind`] of fault happens. One seed, one sequence of decisions.
///
/// Clones share their counts.
#[derive(Clone, Debug)]
pub struct Plan {
    seed: u64,
    /// Of a thousand.
    rates: [u16; Kind::ALL.len()],
    counts: Rc<[Cell<u64>; Kind::ALL.len()]>,
}

impl Plan {
    /// No faults, as yet; see [`with`](Self::with).
    pub fn quiet(seed: u64) -> Plan {
        Plan {
            seed,
            rates: Default::default(),
            counts: Rc::default(),
        }
    }

    /// A mixture that the seed decides: each kind never, now and then, or often.
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

    /// Sets how often a fault happens: so many of a thousand occasions.
    ///
    /// # Panics
    ///
    /// If that is more than 900: nothing would get done.
    #[track_caller]
    #[must_use]
    pub fn with(mut self, kind: Kind, of_a_thousand: u16) -> Plan {
        assert!(
            of_a_thousand <= 900,
            "{kind:?} on {of_a_thousand} of 1000 occasions: 900 is the most, or nothing gets done"
        );
        self.rates[kind as usize] = of_a_thousand;
        self
    }

    /// How many faults of that kind there were.
    pub fn count(&self, kind: Kind) -> u64 {
        self.counts[kind as usize].get()
    }

    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    /// Does it happen this time?
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

/// Numbers that look random, the same ones for the same seed (SplitMix64).
#[derive(Debug)]
pub(super) struct Dice(Cell<u64>);

impl Dice {
    pub(super) fn new(seed: u64) -> Dice {
        Dice(Cell::new(seed))
    }

    /// From 0 to one less than `limit`.
    pub(super) fn below(&self, limit: u64) -> u64 {
        let state = self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.0.set(state);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }
}
