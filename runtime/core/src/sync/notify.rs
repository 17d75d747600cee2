//! `Notify`: wakes one task, or all tasks, that wait for an event.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::label::{Kind, Label};
use super::wait_list::{HasWaiters, Owner, Place, WaitList, Waiter};
use crate::task::coop;

/// Event that one or several tasks wait for. For tasks of one thread.
///
/// [`notify_one`](Self::notify_one) wakes one task. If no task waits, it stores a notification for
/// the next one that does; at most one is stored. [`notify_waiters`](Self::notify_waiters) wakes
/// all tasks that wait now, and stores nothing.
///
/// A wait allocates nothing, and a wake takes constant time.
///
/// ```
/// use std::rc::Rc;
/// use wakeful::sync::Notify;
///
/// wakeful::block_on(async {
///     let notify = Rc::new(Notify::new());
///     let waiting = {
///         let notify = notify.clone();
///         wakeful::spawn(async move { notify.notified().await })
///     };
///     notify.notify_one();
///     waiting.await.unwrap();
/// });
/// ```
pub struct Notify {
    waiters: WaitList<Waiting>,
    /// Whether a notification is stored.
    stored: Cell<bool>,
    /// Number of calls of `notify_waiters`.
    rounds: Cell<u64>,
    label: Label,
}

/// Value of a waiter: the number of calls of `notify_waiters` at the time when the future was made,
/// and how the waiter was notified, in two bits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiting(u64);

impl Waiting {
    #[inline]
    fn new(round: u64, by: By) -> Waiting {
        Waiting(round << 2 | by as u64)
    }

    #[inline]
    fn round(self) -> u64 {
        self.0 >> 2
    }

    #[inline]
    fn by(self) -> By {
        match self.0 & 3 {
            0 => By::Nothing,
            1 => By::One,
            2 => By::Last,
            _ => By::All,
        }
    }
}

/// Call that notified a waiter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Nothing = 0,
    One = 1,
    /// As `One`, from the back.
    Last = 2,
    All = 3,
}

// SAFETY: the list is a field.
unsafe impl HasWaiters for Notify {
    type Value = Waiting;

    #[inline]
    fn waiters(&self) -> &WaitList<Waiting> {
        &self.waiters
    }

    #[inline]
    fn label(&self) -> &Label {
        &self.label
    }
}

// A panic of a waker or of a task leaves the list and the stored notification in order.
impl UnwindSafe for Notify {}
impl RefUnwindSafe for Notify {}

impl Notify {
    /// Returns a `Notify` without a stored notification.
    #[track_caller]
    pub fn new() -> Notify {
        Notify::const_new()
    }

    /// Returns a `Notify` without a stored notification, in constants too.
    #[track_caller]
    pub const fn const_new() -> Notify {
        Notify::labelled(Kind::Notify)
    }

    /// Returns the event of a primitive of another kind.
    #[track_caller]
    pub(crate) const fn labelled(kind: Kind) -> Notify {
        Notify {
            waiters: WaitList::new(),
            stored: Cell::new(false),
            rounds: Cell::new(0),
            label: Label::new(kind),
        }
    }

    /// Returns a future that waits for a notification.
    ///
    /// [`notify_waiters`](Self::notify_waiters) notifies it from this call on, even before its
    /// first poll. [`notify_one`](Self::notify_one) notifies it from its first poll on, or from a
    /// call of [`Notified::enable`].
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: a notification that the future has got and not returned goes to the next
    /// waiting task. But a future that is dropped loses its place among the waiting tasks.
    pub fn notified(&self) -> Notified<'_> {
        Notified {
            wait: NotifyWait::new(self),
        }
    }

    /// Returns a future that waits for a notification and keeps the `Notify` alive. See
    /// [`notified`](Self::notified).
    ///
    /// # Cancel safety
    ///
    /// As for [`notified`](Self::notified).
    pub fn notified_owned(self: Rc<Self>) -> OwnedNotified {
        OwnedNotified {
            wait: NotifyWait::new(self),
        }
    }

    /// Notifies the task that has waited longest. If no task waits, the notification is stored for
    /// the next one that does, unless one is stored already.
    #[inline]
    pub fn notify_one(&self) {
        self.notify(By::One);
    }

    /// Notifies the task that began to wait last. Otherwise as [`notify_one`](Self::notify_one).
    pub fn notify_last(&self) {
        self.notify(By::Last);
    }

    #[inline]
    fn notify(&self, by: By) {
        let round = self.rounds.get();
        let value = Waiting::new(round, by);
        // Waiters of earlier rounds have been notified by `notify_waiters`, which is about to wake
        // them further up the stack. They are at the front.
        while self.waiters.front().is_some_and(|it| it.round() < round) {
            self.wake_old(round);
        }
        let popped = match by {
            By::Last => self.waiters.pop_back(value),
            _ => self.waiters.pop_front(value),
        };
        match popped {
            Some(popped) => popped.wake(&self.label),
            None => self.stored.set(true),
        }
    }

    /// Notifies all tasks that wait now, and all futures of [`notified`](Self::notified) that
    /// exist. Stores nothing.
    ///
    /// ```
    /// use wakeful::sync::Notify;
    ///
    /// wakeful::block_on(async {
    ///     let notify = Notify::new();
    ///     let (first, second) = (notify.notified(), notify.notified());
    ///     notify.notify_waiters();
    ///     first.await;
    ///     second.await;
    /// });
    /// ```
    pub fn notify_waiters(&self) {
        let round = self.rounds.get() + 1;
        self.rounds.set(round);
        // A wake may run user code that adds waiters. They belong to this round and stay.
        while self.waiters.front().is_some_and(|it| it.round() < round) {
            self.wake_old(round);
        }
    }

    /// Wakes the first waiter, which is of an earlier round.
    fn wake_old(&self, round: u64) {
        if let Some(popped) = self.waiters.pop_front(Waiting::new(round, By::All)) {
            popped.wake(&self.label);
        }
    }
}

impl Default for Notify {
    #[track_caller]
    fn default() -> Notify {
        Notify::new()
    }
}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notify")
            .field("stored", &self.stored.get())
            .field("waiters", &self.waiters.count())
            .finish_non_exhaustive()
    }
}

pin_project! {
    /// Future that waits for a notification.
    pub(crate) struct NotifyWait<P>
    where
        P: Owner<Target = Notify>,
    {
        #[pin]
        waiter: Waiter<P>,
    }

    impl<P> PinnedDrop for NotifyWait<P>
    where
        P: Owner<Target = Notify>,
    {
        fn drop(this: Pin<&mut Self>) {
            if this.waiter.place() != Place::Outside {
                this.cancel();
            }
        }
    }
}

impl<P> NotifyWait<P>
where
    P: Owner<Target = Notify>,
{
    #[inline]
    pub(crate) fn new(notify: P) -> NotifyWait<P> {
        let value = Waiting::new(notify.rounds.get(), By::Nothing);
        NotifyWait {
            waiter: Waiter::new(notify, value),
        }
    }

    /// Queues the waiter. Returns whether it has been notified.
    pub(crate) fn enable(self: Pin<&mut Self>) -> bool {
        if is_done(&self.waiter) {
            return true;
        }
        let mut this = self.project();
        if is_notified(&this.waiter).is_some() {
            finish(this.waiter);
            return true;
        }
        this.waiter.as_mut().queue();
        false
    }

    /// Leaves the list, or passes the notification on.
    #[cold]
    fn cancel(self: Pin<&mut Self>) {
        let mut waiter = self.project().waiter;
        let by = waiter.value().by();
        // Dropped last, as that may run user code.
        let (place, _waker) = waiter.as_mut().remove();
        if place == Place::Popped && by != By::All {
            waiter.owner().notify(by);
        }
    }
}

/// Whether the future has returned, or is to return, `Ready` without a further notification.
#[inline]
fn is_done<P>(waiter: &Waiter<P>) -> bool
where
    P: Owner<Target = Notify>,
{
    waiter.place() == Place::Outside && waiter.value().by() != By::Nothing
}

/// Marks a waiter that was notified as done.
#[inline]
fn finish<P>(waiter: Pin<&mut Waiter<P>>)
where
    P: Owner<Target = Notify>,
{
    let value = waiter.value();
    waiter.set_value(Waiting::new(value.round(), By::All));
    // This drops the waker that an earlier poll has left.
    drop(waiter.remove());
}

/// Returns `Some` if the waiter has been notified. Takes the stored notification, which the waiter
/// passes on if it is dropped.
#[inline]
fn is_notified<P>(waiter: &Waiter<P>) -> Option<()>
where
    P: Owner<Target = Notify>,
{
    let place = waiter.place();
    if place == Place::Popped {
        return Some(());
    }
    let notify = &**waiter.owner();
    let round = waiter.value().round();
    if round != notify.rounds.get() {
        return Some(());
    }
    if place == Place::Outside && notify.stored.replace(false) {
        waiter.serve(Waiting::new(round, By::One));
        return Some(());
    }
    None
}

impl<P> Future for NotifyWait<P>
where
    P: Owner<Target = Notify>,
{
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if is_done(&self.waiter) {
            return Poll::Ready(());
        }
        let mut this = self.project();
        // The usual second poll: the waiter has been taken out of the list.
        if this.waiter.place() != Place::Popped {
            ready!(this.waiter.as_mut().poll(cx, is_notified));
        } else {
            this.waiter.served();
        }
        // A task without budget keeps its notification until its next poll.
        if !coop::try_consume() {
            ready!(coop::poll_proceed(cx)).made_progress();
        }
        finish(this.waiter);
        Poll::Ready(())
    }
}

pin_project! {
    /// Future of [`Notify::notified`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Notified<'a> {
        #[pin]
        wait: NotifyWait<&'a Notify>,
    }
}

pin_project! {
    /// Future of [`Notify::notified_owned`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct OwnedNotified {
        #[pin]
        wait: NotifyWait<Rc<Notify>>,
    }
}

impl Notified<'_> {
    /// Begins to wait without a poll. Returns whether the future has been notified already.
    ///
    /// From here on the future takes part in [`Notify::notify_one`].
    ///
    /// ```
    /// use std::pin::pin;
    /// use wakeful::sync::Notify;
    ///
    /// wakeful::block_on(async {
    ///     let notify = Notify::new();
    ///     let mut notified = pin!(notify.notified());
    ///     assert!(!notified.as_mut().enable());
    ///     // A check of a condition here can't miss a notification.
    ///     notify.notify_one();
    ///     notified.await;
    /// });
    /// ```
    pub fn enable(self: Pin<&mut Self>) -> bool {
        self.project().wait.enable()
    }
}

impl OwnedNotified {
    /// Begins to wait without a poll. See [`Notified::enable`].
    pub fn enable(self: Pin<&mut Self>) -> bool {
        self.project().wait.enable()
    }
}

impl Future for Notified<'_> {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().wait.poll(cx)
    }
}

impl Future for OwnedNotified {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().wait.poll(cx)
    }
}

impl<P> fmt::Debug for NotifyWait<P>
where
    P: Owner<Target = Notify>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.waiter.fmt(f)
    }
}
