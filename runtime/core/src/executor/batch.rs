//! How long the loop runs tasks before it looks at the clock and at the reactor again.
//!
//! The time comes from stamps, see `time/stamp.rs`: one takes about 10 ns, which is more than a
//! short poll. So after short polls there is one stamp to 8 polls, after long ones a stamp to each.
//! The first stamp that shows a long poll makes it one poll, for as many stamps as cost 5 % of what
//! that poll took; after that each stamp that shows that the polls are short doubles it. So no more
//! than 8 polls come between two stamps, whatever they take; after the first stretch with long ones
//! in it, one.
//!
//! A yield takes 4.7 ns with a stamp to 16 polls, 5.2 ns with one to 8, and 6.0 ns with one to 4.
//!
//! A task that wakes itself in its poll, by `yield_now` or because its budget is used up, says that
//! it can wait. So a stamp after such a poll leads to a look if the last one was some time ago. That
//! time is zero after a look that has woken a task, and after a sleep; it doubles with each look that
//! has not, and is a slice at most.
//!
//! All times are in the unit of the stamps, and passed in.

/// The most polls between two stamps.
pub(crate) const STRIDE: u32 = 8;

/// A batch of polls.
pub(crate) struct Batch {
    /// Polls until the loop hears other threads.
    left: u32,
    /// Whether it ends by time. Else it is a number of polls, whatever time they take.
    is_timed: bool,
    /// How long it lasts, and so how often the loop looks while tasks are ready.
    slice: u64,
    /// The end of the last look.
    looked: u64,
    /// The last stamp.
    stamp: u64,
    /// Polls since then, and how many there may be.
    since: u32,
    stride: u32,
    stretch: u32,
    longest: u32,
    /// Stamps after short polls until the stride grows.
    wary: u64,
    /// How long after a look a yield is worth the next one.
    patience: u64,
    is_over: bool,
}

impl Batch {
    /// A batch that begins at `now` and ends when `slice` has passed.
    pub(crate) fn timed(now: u64, slice: u64) -> Batch {
        Batch {
            is_timed: true,
            slice,
            looked: now,
            stamp: now,
            stride: 1,
            ..Batch::counted()
        }
    }

    /// A batch that ends when its polls are used up.
    pub(crate) fn counted() -> Batch {
        Batch {
            left: 0,
            is_timed: false,
            slice: 0,
            looked: 0,
            stamp: 0,
            since: 0,
            stride: u32::MAX,
            stretch: 0,
            longest: STRIDE,
            wary: 0,
            patience: 0,
            is_over: false,
        }
    }

    /// Polls until the loop hears other threads.
    #[inline(always)]
    pub(crate) fn left(&self) -> u32 {
        self.left
    }

    pub(crate) fn set_left(&mut self, polls: u32) {
        self.left = polls;
    }

    /// `each`: there is a stamp after each poll, however short.
    pub(crate) fn stamp_each_poll(&mut self, each: bool) {
        self.longest = if each { 1 } else { STRIDE };
        if self.is_timed {
            self.stride = self.stride.min(self.longest);
        }
    }

    /// Yields are worth no look before the batch ends.
    pub(crate) fn look_by_the_slice(&mut self) {
        self.patience = self.slice;
    }

    /// How many polls may come before the next question.
    #[inline(always)]
    pub(crate) fn stretch(&mut self) -> u32 {
        self.stretch = self.left.min(self.stride.saturating_sub(self.since));
        self.stretch
    }

    /// All polls of the stretch but so many have run.
    #[inline(always)]
    pub(crate) fn ran(&mut self, all_but: u32) {
        let polls = self.stretch - all_but;
        self.left -= polls;
        if self.is_timed {
            self.since += polls;
        }
    }

    /// Whether the time of the batch is over. It takes a stamp if there were enough polls for that.
    /// `has_yielded`: the task of the last poll has.
    #[inline(always)]
    pub(crate) fn is_over(
        &mut self,
        now: impl FnOnce() -> u64,
        has_yielded: impl FnOnce() -> bool,
    ) -> bool {
        self.since >= self.stride && self.is_over_at(now(), has_yielded())
    }

    fn is_over_at(&mut self, now: u64, has_yielded: bool) -> bool {
        self.glance(now);
        self.is_over |= has_yielded && self.stamp - self.looked >= self.patience;
        self.is_over
    }

    /// The loop came round without a poll, which takes time as well. Whether the batch is over.
    pub(crate) fn passes(&mut self, now: u64) -> bool {
        self.glance(now);
        self.is_over
    }

    /// A stamp was taken.
    fn glance(&mut self, now: u64) {
        // The system's clock may be the counter's stand-in, and no clock goes back here.
        let now = now.max(self.stamp);
        let took = now - self.stamp;
        if took >= self.slice / 8 {
            self.stride = 1;
            // A stamp takes about 1/10,000 of a slice.
            self.wary = took / (self.slice / 512).max(1);
        } else if took >= self.slice / 128 {
            self.stride = (self.stride / 2).max(1);
        } else if took < self.slice / 256 {
            match self.wary.checked_sub(1) {
                Some(less) => self.wary = less,
                None => self.stride = (self.stride * 2).min(self.longest),
            }
        }
        self.stamp = now;
        self.since = 0;
        self.is_over |= now - self.looked >= self.slice;
    }

    /// A look has ended at `now`, and has `found` something to run or not: the next batch begins.
    pub(crate) fn looked(&mut self, now: u64, slice: u64, found: bool) {
        if !self.is_timed {
            return;
        }
        self.slice = slice;
        let next = (self.patience * 2).clamp(slice / 64, slice);
        self.patience = if found { 0 } else { next };
        if found {
            // The first yield after it is seen at once.
            self.stride = 1;
        }
        self.looked = now;
        self.stamp = now;
        self.since = 0;
        self.is_over = false;
    }
}
