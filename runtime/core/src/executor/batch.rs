//! Length of a batch: how long the loop runs tasks before the next turn of the reactor.
//!
//! The time comes from time stamps, see `time/stamp.rs`. A stamp takes about 10 ns, which is more
//! than a short poll. So there is one stamp for 8 polls while polls are short, and one for each
//! poll while they are long. The first stamp that shows a long poll sets the stride to one poll,
//! for as many stamps as cost 5 % of the time of that poll; after that each stamp that shows short
//! polls doubles the stride. A ready source or an expired timer therefore waits for one slice and
//! one poll at most; when polls become long after many short ones, once for 8 of them.
//!
//! A yield takes 4.7 ns with one stamp for 16 polls, 5.2 ns for 8, and 6.0 ns for 4.
//!
//! A task that wakes itself in its poll, by `yield_now` or because its budget is used up, can wait.
//! So a stamp after such a poll ends the batch if the last reactor turn is some time ago. That time
//! is zero after a sleep, after a turn that has woken a task, and after a turn before which a task
//! has tried a descriptor that was not ready; it doubles with each other turn, up to a slice.
//!
//! All times are in the unit of the stamps, and passed in.

/// Maximum number of polls between two stamps.
pub(crate) const STRIDE: u32 = 8;

/// What a reactor turn means for the yields that follow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// The turn has woken a task: the next yield leads to a turn.
    Found,
    /// Before the turn a task has tried a descriptor that was not ready. It may yield until the
    /// descriptor is: the next stamp after a yield leads to a turn.
    Asked,
    /// Neither: turns become rarer.
    Missed,
}

impl Turn {
    /// Returns `Found` if `found`, or else `Asked` if `asked`.
    #[inline(always)]
    pub(crate) fn new(found: bool, asked: bool) -> Turn {
        match (found, asked) {
            (true, _) => Turn::Found,
            (false, true) => Turn::Asked,
            (false, false) => Turn::Missed,
        }
    }
}

/// A batch of polls, and the measurements that set its length.
pub(crate) struct Batch {
    /// Polls until the loop receives from other threads.
    left: u32,
    /// Whether the batch ends by time. Otherwise it is a number of polls, however long they take.
    is_timed: bool,
    /// Length of the batch: the time between two reactor turns while tasks are ready.
    slice: u64,
    /// End of the last reactor turn.
    turned: u64,
    /// The last stamp.
    stamp: u64,
    /// Polls since the last stamp.
    since: u32,
    /// Polls from one stamp to the next.
    stride: u32,
    /// Polls that the loop was last allowed to make without a check.
    stretch: u32,
    /// Maximum of `stride`.
    max_stride: u32,
    /// Stamps after short polls until the stride grows.
    caution: u64,
    /// Time after a reactor turn from which on a yield ends the batch.
    patience: u64,
    is_over: bool,
}

impl Batch {
    /// Creates a batch that begins at `now` and ends when `slice` has passed.
    pub(crate) fn timed(now: u64, slice: u64) -> Batch {
        Batch {
            is_timed: true,
            slice,
            turned: now,
            stamp: now,
            stride: 1,
            ..Batch::counted()
        }
    }

    /// Creates a batch that ends when its polls are used up.
    pub(crate) fn counted() -> Batch {
        Batch {
            left: 0,
            is_timed: false,
            slice: 0,
            turned: 0,
            stamp: 0,
            since: 0,
            stride: u32::MAX,
            stretch: 0,
            max_stride: STRIDE,
            caution: 0,
            patience: 0,
            is_over: false,
        }
    }

    /// Returns the number of polls until the loop receives from other threads.
    #[inline(always)]
    pub(crate) fn left(&self) -> u32 {
        self.left
    }

    /// Sets the number of polls until the loop receives from other threads.
    pub(crate) fn set_left(&mut self, polls: u32) {
        self.left = polls;
    }

    /// Sets whether there is a stamp after each poll, however short.
    pub(crate) fn stamp_each_poll(&mut self, each: bool) {
        self.max_stride = if each { 1 } else { STRIDE };
        if self.is_timed {
            self.stride = self.stride.min(self.max_stride);
        }
    }

    /// Lets no yield end the batch before the slice is over.
    pub(crate) fn ignore_yields(&mut self) {
        self.patience = self.slice;
    }

    /// Returns the number of polls before the next call of [`is_over`](Self::is_over).
    #[inline(always)]
    pub(crate) fn stretch(&mut self) -> u32 {
        self.stretch = self.left.min(self.stride.saturating_sub(self.since));
        self.stretch
    }

    /// Records the polls of the stretch, of which `unused` were not made.
    #[inline(always)]
    pub(crate) fn ran(&mut self, unused: u32) {
        let polls = self.stretch - unused;
        self.left -= polls;
        if self.is_timed {
            self.since += polls;
        }
    }

    /// Whether the time of the batch is over. Takes a stamp if there were enough polls since the
    /// last one. `has_yielded`: whether the task of the last poll has woken itself.
    #[inline(always)]
    pub(crate) fn is_over(
        &mut self,
        now: impl FnOnce() -> u64,
        has_yielded: impl FnOnce() -> bool,
    ) -> bool {
        self.since >= self.stride && self.is_over_at(now(), has_yielded())
    }

    fn is_over_at(&mut self, now: u64, has_yielded: bool) -> bool {
        self.record_stamp(now);
        self.is_over |= has_yielded && self.stamp - self.turned >= self.patience;
        self.is_over
    }

    /// Records a round of the loop without a poll, which takes time as well. Returns whether the
    /// batch is over.
    pub(crate) fn passes(&mut self, now: u64) -> bool {
        self.record_stamp(now);
        self.is_over
    }

    /// Records a stamp, and adapts the stride.
    fn record_stamp(&mut self, now: u64) {
        // The system's clock may replace the counter. Time never goes back here.
        let now = now.max(self.stamp);
        let took = now - self.stamp;
        if took >= self.slice / 8 {
            self.stride = 1;
            // A stamp takes about 1/10,000 of a slice.
            self.caution = took / (self.slice / 512).max(1);
        } else if took >= self.slice / 128 {
            self.stride = (self.stride / 2).max(1);
        } else if took < self.slice / 256 {
            match self.caution.checked_sub(1) {
                Some(less) => self.caution = less,
                None => self.stride = (self.stride * 2).min(self.max_stride),
            }
        }
        self.stamp = now;
        self.since = 0;
        self.is_over |= now - self.turned >= self.slice;
    }

    /// Begins the next batch after a reactor turn that ended at `now`.
    pub(crate) fn turn_ended(&mut self, now: u64, slice: u64, turn: Turn) {
        if !self.is_timed {
            return;
        }
        self.slice = slice;
        let next = (self.patience * 2).clamp(slice / 64, slice);
        self.patience = if turn == Turn::Missed { next } else { 0 };
        if turn == Turn::Found {
            // The first yield after such a turn is noticed at once.
            self.stride = 1;
        }
        self.turned = now;
        self.stamp = now;
        self.since = 0;
        self.is_over = false;
    }
}
