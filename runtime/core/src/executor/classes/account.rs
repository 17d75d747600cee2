//! Accounting of the time that a scheduling class has used, and the choice of the next class.
//!
//! This is arithmetic alone: the time is passed in, in nanoseconds.
//!
//! Each class has a virtual run time: the time it has used, divided by its shares. The class with
//! the lowest one goes next, so over time each class gets its part. A class that was idle and
//! becomes ready starts at the lowest virtual run time of the others, so it earns no credit by
//! waiting. A class with a latency goes first as long as it is within its part, and in any case
//! once it has waited for its latency; beyond its part it never goes first twice without a fair
//! turn in between, so no latency, however short, starves the other classes.

use std::cell::Cell;
use std::time::Duration;

/// Default number of shares, which the default class has as well.
pub(super) const SHARES: u32 = 100;

/// Default time that one poll may compute until `should_yield` asks it to yield.
pub(super) const QUOTA: Duration = Duration::from_micros(500);

/// Account of one class. Times are in nanoseconds.
pub(super) struct Account {
    pub(super) shares: Cell<u32>,
    pub(super) latency: Cell<Option<Duration>>,
    pub(super) quota: Cell<Duration>,
    /// Time used, divided by the shares.
    vruntime: Cell<f64>,
    /// Whether the class had ready tasks at the last [`observe`](Account::observe).
    is_ready: Cell<bool>,
    /// Time of the last entry in this account.
    since: Cell<u64>,
    /// Number of fair turns, of all classes, at the end of this class's last turn.
    fair_turns: Cell<u64>,
    /// Total time that tasks of the class ran.
    pub(super) ran: Cell<u64>,
    /// Total time without a ready task.
    pub(super) waited: Cell<u64>,
    /// Total time with a ready task while other classes ran.
    pub(super) starved: Cell<u64>,
    pub(super) turns: Cell<u64>,
    pub(super) polls: Cell<u64>,
}

/// Result of [`pick`].
#[derive(Debug, PartialEq)]
pub(super) struct Choice<T> {
    /// The class whose turn it is.
    pub(super) class: T,
    /// Whether it is the class with the lowest virtual run time.
    pub(super) is_fair: bool,
    /// The lowest virtual run time of the ready classes.
    pub(super) min_vruntime: f64,
}

/// Chooses the class that runs next: of the classes that may go first the one with the shortest
/// latency, otherwise the one with the lowest virtual run time. `None` if no class is ready.
pub(super) fn pick<'a, T>(
    classes: impl Iterator<Item = (T, &'a Account)> + Clone,
    now: u64,
    fair_turns: u64,
) -> Option<Choice<T>> {
    let ready = classes.filter(|(_, account)| account.is_ready.get());
    let fair = ready
        .clone()
        .min_by(|(_, a), (_, b)| a.vruntime.get().total_cmp(&b.vruntime.get()))?;
    let min_vruntime = fair.1.vruntime.get();
    let urgent = ready
        .filter(|(_, account)| account.is_urgent(min_vruntime, now, fair_turns))
        .min_by_key(|(_, account)| account.latency.get());
    let fair_account = fair.1;
    let (class, account) = urgent.unwrap_or(fair);
    Some(Choice {
        class,
        is_fair: std::ptr::eq(account, fair_account),
        min_vruntime,
    })
}

impl Account {
    /// Creates the account of a class with default settings.
    pub(super) fn new(now: u64) -> Account {
        Account {
            shares: Cell::new(SHARES),
            latency: Cell::new(None),
            quota: Cell::new(QUOTA),
            vruntime: Cell::new(0.0),
            is_ready: Cell::new(false),
            since: Cell::new(now),
            fair_turns: Cell::new(0),
            ran: Cell::new(0),
            waited: Cell::new(0),
            starved: Cell::new(0),
            turns: Cell::new(0),
            polls: Cell::new(0),
        }
    }

    /// Resets the account for a new class.
    pub(super) fn open(&self, shares: u32, latency: Option<Duration>, quota: Duration, now: u64) {
        self.shares.set(shares);
        self.latency.set(latency);
        self.quota.set(quota);
        self.vruntime.set(0.0);
        self.is_ready.set(false);
        self.since.set(now);
        self.fair_turns.set(0);
        for count in [
            &self.ran,
            &self.waited,
            &self.starved,
            &self.turns,
            &self.polls,
        ] {
            count.set(0);
        }
    }

    /// Records whether the class has ready tasks. A class that becomes ready starts at
    /// `min_vruntime` at least.
    pub(super) fn observe(&self, has_ready: bool, min_vruntime: f64, now: u64) {
        if has_ready == self.is_ready.get() {
            return;
        }
        let before = self.since.replace(now);
        let total = if has_ready {
            self.vruntime.set(self.vruntime.get().max(min_vruntime));
            &self.waited
        } else {
            &self.starved
        };
        total.set(total.get() + now.saturating_sub(before));
        self.is_ready.set(has_ready);
    }

    /// Records that a turn of the class begins.
    pub(super) fn begin_turn(&self, now: u64) {
        let before = self.since.replace(now);
        self.starved
            .set(self.starved.get() + now.saturating_sub(before));
        self.turns.set(self.turns.get() + 1);
    }

    /// Charges the class for the turn that ends now. `fair_turns`: the fair turns of all classes so
    /// far.
    pub(super) fn charge(&self, now: u64, fair_turns: u64) {
        self.fair_turns.set(fair_turns);
        let took = now.saturating_sub(self.since.replace(now));
        self.ran.set(self.ran.get() + took);
        let part = took as f64 / f64::from(self.shares.get());
        self.vruntime.set(self.vruntime.get() + part);
    }

    /// Whether the class may go before the others, because of its latency.
    fn is_urgent(&self, min_vruntime: f64, now: u64, fair_turns: u64) -> bool {
        let Some(latency) = self.latency.get() else {
            return false;
        };
        let ahead = self.vruntime.get() - min_vruntime;
        let allowed = self.quota.get().as_nanos() as f64 / f64::from(self.shares.get());
        let waited = u128::from(now.saturating_sub(self.since.get()));
        ahead <= allowed || waited >= latency.as_nanos() && fair_turns > self.fair_turns.get()
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// A class that is ready from time 0 on.
    fn ready(shares: u32, latency: Option<Duration>) -> Account {
        let account = Account::new(0);
        account.open(shares, latency, QUOTA, 0);
        account.observe(true, 0.0, 0);
        account
    }

    fn picked(accounts: &[&Account], now: u64, fair_turns: u64) -> Option<Choice<usize>> {
        pick(accounts.iter().copied().enumerate(), now, fair_turns)
    }

    fn run(account: &Account, from: u64, to: u64, fair_turns: u64) {
        account.begin_turn(from);
        account.charge(to, fair_turns);
    }

    #[test]
    fn a_charge_is_the_time_divided_by_the_shares() {
        let (small, large) = (ready(50, None), ready(200, None));
        run(&small, 0, MS, 0);
        run(&large, 0, MS, 0);
        assert_eq!(small.vruntime.get(), 20_000.0);
        assert_eq!(large.vruntime.get(), 5_000.0);
        assert_eq!((small.ran.get(), large.ran.get()), (MS, MS));
    }

    #[test]
    fn turns_are_in_proportion_to_the_shares() {
        let classes = [ready(100, None), ready(300, None)];
        let all: Vec<&Account> = classes.iter().collect();
        for turn in 0..400 {
            let choice = picked(&all, turn * MS, turn).expect("both are ready");
            assert!(choice.is_fair);
            run(all[choice.class], turn * MS, (turn + 1) * MS, turn);
        }
        assert_eq!(classes[0].turns.get(), 100);
        assert_eq!(classes[1].turns.get(), 300);
    }

    #[test]
    fn a_class_that_is_not_ready_is_not_picked() {
        let (idle, busy) = (Account::new(0), ready(100, None));
        run(&busy, 0, MS, 0);
        assert_eq!(picked(&[&idle], 0, 0), None);
        let choice = picked(&[&idle, &busy], MS, 0).expect("one is ready");
        assert_eq!((choice.class, choice.min_vruntime), (1, 10_000.0));
    }

    #[test]
    fn a_class_that_becomes_ready_starts_at_the_lowest_run_time() {
        let account = Account::new(0);
        account.observe(true, 7.0, MS);
        assert_eq!(account.vruntime.get(), 7.0);
        assert_eq!(account.waited.get(), MS);
        account.observe(false, 0.0, 2 * MS);
        account.observe(true, 3.0, 3 * MS);
        assert_eq!(account.vruntime.get(), 7.0, "it never goes down");
        assert_eq!((account.waited.get(), account.starved.get()), (2 * MS, MS));
    }

    #[test]
    fn only_a_class_with_a_latency_is_urgent() {
        assert!(!ready(100, None).is_urgent(0.0, MS, 1));
        assert!(ready(100, Some(Duration::ZERO)).is_urgent(0.0, MS, 1));
    }

    #[test]
    fn a_class_beyond_its_part_is_urgent_after_its_latency_and_a_fair_turn() {
        let class = ready(100, Some(Duration::from_millis(2)));
        // One quota ahead is allowed.
        run(&class, 0, 500_000, 3);
        assert!(class.is_urgent(0.0, 500_000, 3));
        run(&class, 500_000, 2 * MS, 3);
        assert!(!class.is_urgent(0.0, 2 * MS, 4), "beyond its part");
        assert!(!class.is_urgent(0.0, 4 * MS - 1, 4), "waited for less");
        assert!(class.is_urgent(0.0, 4 * MS, 4));
        assert!(!class.is_urgent(0.0, 4 * MS, 3), "no fair turn since");
    }

    #[test]
    fn of_two_urgent_classes_the_one_with_the_shorter_latency_goes_first() {
        let plain = ready(100, None);
        let slow = ready(100, Some(Duration::from_millis(5)));
        let fast = ready(100, Some(Duration::from_millis(1)));
        let choice = picked(&[&plain, &slow, &fast], 0, 1).expect("all are ready");
        assert_eq!((choice.class, choice.is_fair), (2, false));
    }

    #[test]
    fn a_new_class_inherits_nothing_from_the_one_before_it() {
        let account = ready(50, Some(Duration::ZERO));
        run(&account, 0, MS, 9);
        account.open(SHARES, None, QUOTA, 2 * MS);
        assert_eq!(account.vruntime.get(), 0.0);
        assert_eq!((account.ran.get(), account.turns.get()), (0, 0));
        assert_eq!(picked(&[&account], 2 * MS, 0), None, "not ready yet");
    }
}
