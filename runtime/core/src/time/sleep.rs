//! `Sleep`: waiting for a point in time.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;

use super::clock::{Clock, nanos};
use super::instant::Instant;
use super::wheel::Entry;
use crate::console::{Op, Resource, Timer, What};
use crate::context;
use crate::reactor::{Reactor, current};
use crate::task::coop;

/// Waits for at least `duration`. The delay beyond it depends on what else runs on the loop, and
/// not on a tick: deadlines have a resolution of 1 ns. A sleep whose duration is out of range never
/// ends.
///
/// # Panics
///
/// Outside a runtime.
///
/// # Cancel safety
///
/// Cancel-safe: dropping the future disarms the timer.
///
/// ```
/// use std::time::Duration;
/// use wakeful::time::sleep;
/// wakeful::block_on(async { sleep(Duration::from_micros(200)).await });
/// ```
#[track_caller]
pub fn sleep(duration: Duration) -> Sleep {
    Sleep::after(Timer::Sleep, duration)
}

/// Waits until `deadline`.
///
/// # Panics
///
/// Outside a runtime.
///
/// # Cancel safety
///
/// Cancel-safe: dropping the future disarms the timer.
///
/// ```
/// use std::time::Duration;
/// use wakeful::time::{Instant, sleep_until};
/// wakeful::block_on(async { sleep_until(Instant::now() + Duration::from_micros(200)).await });
/// ```
#[track_caller]
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep::until(Timer::Sleep, deadline)
}

pin_project! {
    /// The future of [`sleep`] and [`sleep_until`]. Its timer is armed at the first poll, without
    /// an allocation. If several tasks poll it, the newest is woken.
    ///
    /// # Panics
    ///
    /// If it is polled before its deadline and after its runtime was dropped: it would never end.
    #[must_use = "futures do nothing unless polled"]
    pub struct Sleep {
        // The deadline, as a time of the clock.
        nanos: u64,
        reactor: Rc<Reactor>,
        #[pin]
        entry: Entry,
        op: Op,
        resource: Resource,
    }

    impl PinnedDrop for Sleep {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            drop(this.reactor.timers().disarm(&this.entry));
        }
    }
}

impl Sleep {
    /// Makes a sleep. Inlined, and its arguments are results of calls that fit registers, so the
    /// compiler constructs the sleep in place instead of moving it there.
    #[inline(always)]
    #[track_caller]
    fn at(
        timer: Timer,
        reactor: Rc<Reactor>,
        nanos: u64,
        after: impl FnOnce(&Clock) -> Duration,
    ) -> Sleep {
        let after = || after(&reactor.timers().clock);
        let resource = Resource::timer(timer, Location::caller(), after);
        Sleep {
            nanos,
            reactor,
            entry: Entry::new(),
            op: Op::new(),
            resource,
        }
    }

    #[inline(always)]
    #[track_caller]
    pub(super) fn after(timer: Timer, duration: Duration) -> Sleep {
        let Some((reactor, now)) = now() else {
            current::none()
        };
        let nanos = now.saturating_add(nanos(duration));
        Sleep::at(timer, reactor, nanos, |_| duration)
    }

    #[inline(always)]
    #[track_caller]
    pub(super) fn until(timer: Timer, deadline: Instant) -> Sleep {
        let nanos = deadline.nanos();
        let Some(reactor) = current::get() else {
            current::none()
        };
        Sleep::at(timer, reactor, nanos, |clock| left(clock, nanos))
    }

    /// Returns the deadline.
    pub fn deadline(&self) -> Instant {
        Instant::from_nanos(self.nanos)
    }

    /// Whether the deadline has passed, by the loop's last reading of the clock.
    pub fn is_elapsed(&self) -> bool {
        self.nanos <= self.reactor.timers().reading()
    }

    /// Changes the deadline, also of a sleep that has ended. The waker of a waiting task is kept.
    pub fn reset(self: Pin<&mut Self>, deadline: Instant) {
        let this = self.project();
        let timers = this.reactor.timers();
        *this.nanos = deadline.nanos();
        this.resource.moved(|| left(&timers.clock, *this.nanos));
        if let Some(waker) = timers.disarm(&this.entry) {
            drop(this.entry.set_waker(&waker));
            // SAFETY: as in `poll_elapsed`.
            unsafe { timers.arm(this.entry.as_ref(), *this.nanos) };
            this.reactor.notify_host_of(*this.nanos);
        }
    }
}

impl Sleep {
    /// Polls without consuming the cooperative budget.
    #[inline]
    pub(super) fn poll_elapsed(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let timers = this.reactor.timers();
        if *this.nanos <= timers.reading() {
            if this.entry.is_armed() {
                drop(timers.disarm(&this.entry));
            }
            this.op.ready(this.resource, What::Elapsed);
            return Poll::Ready(());
        }
        if this.reactor.is_shut_down() {
            never();
        }
        if !context::is_running_reactor(this.reactor) {
            note_foreign(this.reactor);
        }
        this.op.waits(this.resource, What::Elapsed, || {
            let before = this.entry.set_waker(cx.waker());
            if !this.entry.is_armed() {
                // SAFETY: the entry is pinned with the sleep, whose drop disarms it. It is not
                // armed, and is never armed in another wheel, as the reactor of a sleep never
                // changes.
                unsafe { timers.arm(this.entry.as_ref(), *this.nanos) };
            }
            drop(before);
        });
        // Cloning a waker may run user code, and so may the console. If that code ended the
        // runtime, the timer was armed too late. If it ran the loop past the deadline, the next
        // reading of the clock fires the timer.
        if this.reactor.is_unusual() {
            armed_outside(this.reactor, *this.nanos);
        }
        Poll::Pending
    }
}

impl Future for Sleep {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // So that a task that only awaits sleeps whose deadline has passed yields as well.
        let progress = ready!(coop::poll_proceed(cx));
        ready!(self.poll_elapsed(cx));
        progress.made_progress();
        Poll::Ready(())
    }
}

/// Returns this thread's reactor and the time of its clock.
fn now() -> Option<(Rc<Reactor>, u64)> {
    let reactor = current::get()?;
    let now = reactor.timers().clock.now();
    Some((reactor, now))
}

/// Notes that the loop that polls, if there is one, is not the loop that fires the timer.
#[cold]
#[inline(never)]
fn note_foreign(reactor: &Rc<Reactor>) {
    if context::is_running() {
        reactor.note_foreign("a timer".to_owned());
    }
}

/// Notifies the loop that waits for the loop of the timer.
///
/// # Panics
///
/// If the loop of the timer has ended.
#[cold]
#[inline(never)]
fn armed_outside(reactor: &Reactor, deadline: u64) {
    if reactor.is_shut_down() {
        never();
    }
    reactor.notify_host_of(deadline);
}

#[cold]
fn never() -> ! {
    panic!(
        "a sleep was polled after its runtime had been dropped, so it would never end: make it in \
         the runtime that polls it. Each `wakeful::block_on` makes a runtime of its own; to go on \
         with one, keep a `wakeful::Runtime`"
    )
}

/// Returns the time until a deadline.
fn left(clock: &Clock, deadline: u64) -> Duration {
    Duration::from_nanos(deadline.saturating_sub(clock.now()))
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep")
            .field("deadline", &self.deadline())
            .finish_non_exhaustive()
    }
}
