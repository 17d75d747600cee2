//! The end of a mesh that sends.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use crate::shard::ShardId;
use crate::shard::mesh::Shared;
use crate::shard::mesh::queue::Refused;
use crate::task::coop::{self, RestoreOnPending};
use crate::task::waker::wake_catching_panics;

/// Sends messages to the shards of a [`Mesh`](crate::shard::Mesh). Clones are for tasks of the same shard; when
/// the last is dropped, receivers hear of it after they have received what was sent.
pub struct MeshSender<T>(Rc<Outbox<T>>);

struct Outbox<T> {
    from: ShardId,
    shared: Arc<Shared<T>>,
    /// For each receiver, the tasks that wait for room.
    lines: Box<[Line]>,
    closed: Cell<bool>,
}

/// A line of tasks, first come first served. The first one has armed the bell of the link with its
/// waker, or is about to be polled. It wakes the next when it leaves.
#[derive(Default)]
pub(in crate::shard) struct Line {
    /// None: it was woken, and leaves its waker again when it is polled and has to wait on.
    waiting: RefCell<VecDeque<(u64, Option<Waker>)>>,
    last: Cell<u64>,
    /// How many waited in this line for [room](MeshSender::ready), and have not tried to send since. It counts
    /// while there is a line.
    granted: Cell<u32>,
}

/// The message was not sent: the receiver is gone, or the sender was closed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SendError<T>(pub T);

/// Why [`MeshSender::try_send`] gives the message back.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrySendError<T> {
    /// There is no room now, or others wait for it.
    Full(T),
    /// The receiver is gone, or the sender was closed.
    Closed(T),
}

impl<T> MeshSender<T> {
    pub(in crate::shard) fn new(from: ShardId, shared: Arc<Shared<T>>) -> MeshSender<T> {
        MeshSender(Rc::new(Outbox {
            from,
            lines: (0..shared.shards).map(|_| Line::default()).collect(),
            shared,
            closed: Cell::new(false),
        }))
    }

    /// Sends a message, when there is room for it; who waits for room gets it in turn. So a future whose turn
    /// has come, and which is kept without being polled, holds up those behind it.
    ///
    /// That it was sent does not say that it will be received: the receiver may go before.
    ///
    /// # Errors
    ///
    /// If the receiver is gone or this sender was closed; the error has the message.
    ///
    /// # Panics
    ///
    /// If the mesh has no such shard.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped has sent nothing, and drops the message. To keep it, wait with
    /// [`ready`](Self::ready) and send with [`try_send`](Self::try_send).
    pub async fn send(&self, to: impl Into<ShardId>, message: T) -> Result<(), SendError<T>> {
        let to = to.into().among(self.0.shared.shards);
        let mut place = Place::new(&self.0.lines[to]);
        let mut message = Some(message);
        poll_fn(|cx| {
            let progress = ready!(place.proceed(cx));
            let sent = ready!(self.0.poll_send(to, &mut place, &mut message, cx));
            place.line.take_grant();
            progress.made_progress();
            Poll::Ready(sent)
        })
        .await
    }

    /// Sends a message now.
    ///
    /// # Errors
    ///
    /// If it can't; the error says why, and has the message.
    ///
    /// # Panics
    ///
    /// If the mesh has no such shard.
    #[inline]
    #[track_caller]
    pub fn try_send(&self, to: impl Into<ShardId>, message: T) -> Result<(), TrySendError<T>> {
        let to = to.into().among(self.0.shared.shards);
        if !self.0.lines[to].lets_through() {
            return Err(TrySendError::Full(message));
        }
        self.0.push(to, message).map_err(|refused| match refused {
            Refused::Full(message) => TrySendError::Full(message),
            Refused::Gone(message) => TrySendError::Closed(message),
        })
    }

    /// Waits in line until [`try_send`](Self::try_send) is worth a try: there is room, if no other task
    /// has taken it meanwhile, or the receiver is gone.
    ///
    /// # Panics
    ///
    /// If the mesh has no such shard.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe.
    pub async fn ready(&self, to: impl Into<ShardId>) {
        let to = to.into().among(self.0.shared.shards);
        let mut place = Place::new(&self.0.lines[to]);
        poll_fn(|cx| {
            let progress = ready!(place.proceed(cx));
            ready!(self.0.poll_room(to, &mut place, cx));
            place.has_its_turn();
            progress.made_progress();
            Poll::Ready(())
        })
        .await;
    }

    /// Sends nothing any more, from this sender and its clones. What was sent is still received.
    pub fn close(&self) {
        self.0.close();
    }

    /// Would sending to that shard fail, as its receiver is gone or this sender was closed?
    ///
    /// # Panics
    ///
    /// If the mesh has no such shard.
    #[track_caller]
    pub fn is_closed(&self, to: impl Into<ShardId>) -> bool {
        let to = to.into().among(self.0.shared.shards);
        self.0.is_closed(to)
    }
}

impl<T> MeshSender<T> {
    /// Sends a message now, or has that task woken when there is room. For the only one that sends. The
    /// receiver is told by `tell`, which begins with a full fence.
    pub(in crate::shard) fn push_or_arm(
        &self,
        to: usize,
        message: T,
        waker: &Waker,
        tell: impl Fn(),
    ) -> Result<(), Refused<T>> {
        let link = self.0.shared.link(self.0.from.index(), to);
        let message = match link.push(message, &tell) {
            Err(Refused::Full(message)) => message,
            sent => return sent,
        };
        link.room.arm(waker);
        let sent = link.push(message, &tell);
        if !matches!(sent, Err(Refused::Full(_))) {
            link.room.disarm();
        }
        sent
    }
}

impl Line {
    #[inline]
    pub(in crate::shard) fn is_empty(&self) -> bool {
        self.waiting.borrow().is_empty()
    }

    /// May one send past the line? If it is empty, and who had its turn in it, once.
    #[inline]
    fn lets_through(&self) -> bool {
        self.is_empty() || self.take_grant()
    }

    fn take_grant(&self) -> bool {
        let granted = self.granted.get();
        self.granted.set(granted.saturating_sub(1));
        granted > 0
    }

    /// There is room: the first may come.
    pub(in crate::shard) fn wake_first(&self) {
        let first = self
            .waiting
            .borrow_mut()
            .front_mut()
            .map(|(_, waker)| waker.take());
        if let Some(first) = first.flatten() {
            // It may be anyone's.
            wake_catching_panics(first);
        }
    }
}

impl<T> Outbox<T> {
    fn is_closed(&self, to: usize) -> bool {
        self.closed.get() || self.shared.link(self.from.index(), to).is_in_vain()
    }

    #[inline]
    fn push(&self, to: usize, message: T) -> Result<(), Refused<T>> {
        if self.closed.get() {
            return Err(Refused::Gone(message));
        }
        let link = self.shared.link(self.from.index(), to);
        link.push(message, || self.shared.arrived(to).ring())
    }

    fn poll_send(
        &self,
        to: usize,
        place: &mut Place<'_>,
        message: &mut Option<T>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), SendError<T>>> {
        let mut try_once = || {
            let taken = message.take().expect("polled after it was sent");
            match self.push(to, taken) {
                Ok(()) => Poll::Ready(Ok(())),
                Err(Refused::Gone(message)) => Poll::Ready(Err(SendError(message))),
                Err(Refused::Full(back)) => {
                    *message = Some(back);
                    Poll::Pending
                }
            }
        };
        // Those behind the first are only told when the line moves, or the sender is closed.
        let seen @ (is_first, is_closed) = (place.is_first(), self.closed.get());
        if is_first || is_closed {
            if let Poll::Ready(sent) = try_once() {
                return Poll::Ready(sent);
            }
            let room = &self.shared.link(self.from.index(), to).room;
            room.arm(cx.waker());
            if let Poll::Ready(sent) = try_once() {
                room.disarm();
                return Poll::Ready(sent);
            }
        }
        self.stand(place, seen, cx)
    }

    fn poll_room(&self, to: usize, place: &mut Place<'_>, cx: &mut Context<'_>) -> Poll<()> {
        let link = self.shared.link(self.from.index(), to);
        let is_there = || !link.is_full() || self.is_closed(to);
        let seen @ (is_first, is_closed) = (place.is_first(), self.closed.get());
        if is_first || is_closed {
            if is_there() {
                return Poll::Ready(());
            }
            link.room.arm(cx.waker());
            if is_there() {
                link.room.disarm();
                return Poll::Ready(());
            }
        }
        self.stand(place, seen, cx)
    }

    /// Waits in the line. `seen`: whether it was the first, and whether the sender was closed, when
    /// that was looked at. The clone of a foreign waker may change both, unheard.
    fn stand<R>(&self, place: &mut Place<'_>, seen: (bool, bool), cx: &Context<'_>) -> Poll<R> {
        place.wait(cx.waker());
        if (place.is_first(), self.closed.get()) != seen {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    fn close(&self) {
        if self.closed.replace(true) {
            return;
        }
        self.shared.sender_goes(self.from.index());
        for line in &self.lines {
            // Their entries are theirs to take out.
            let wakers: Vec<Waker> = {
                let mut waiting = line.waiting.borrow_mut();
                waiting
                    .iter_mut()
                    .filter_map(|(_, waker)| waker.take())
                    .collect()
            };
            wakers.into_iter().for_each(wake_catching_panics);
        }
    }
}

impl<T> Drop for Outbox<T> {
    fn drop(&mut self) {
        self.close();
    }
}

/// A task's place in a line, if it had to get in line. It leaves when it is dropped.
pub(in crate::shard) struct Place<'a> {
    line: &'a Line,
    id: Option<u64>,
}

impl<'a> Place<'a> {
    pub(in crate::shard) fn new(line: &'a Line) -> Place<'a> {
        Place { line, id: None }
    }

    /// Who has to give way to other tasks keeps its place.
    fn proceed(&mut self, cx: &mut Context<'_>) -> Poll<RestoreOnPending> {
        let proceed = coop::poll_proceed(cx);
        if proceed.is_pending() {
            self.wait(cx.waker());
        }
        proceed
    }

    /// Who stood in line may send once past those behind it.
    fn has_its_turn(&self) {
        if self.id.is_some() {
            self.line.granted.set(self.line.granted.get() + 1);
        }
    }

    pub(in crate::shard) fn is_first(&self) -> bool {
        let first = self.line.waiting.borrow().front().map(|&(id, _)| id);
        first == self.id
    }

    pub(in crate::shard) fn wait(&mut self, waker: &Waker) {
        let waker = waker.clone();
        let mut waiting = self.line.waiting.borrow_mut();
        let old = match self.id {
            None => {
                if waiting.is_empty() {
                    self.line.granted.set(0);
                }
                let id = self.line.last.get() + 1;
                self.line.last.set(id);
                self.id = Some(id);
                waiting.push_back((id, Some(waker)));
                None
            }
            Some(id) => waiting
                .iter_mut()
                .find(|(known, _)| *known == id)
                .and_then(|(_, old)| old.replace(waker)),
        };
        drop(waiting);
        // What a waker does when it is dropped is its own affair.
        drop(old);
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let Some(id) = self.id else {
            return;
        };
        let mut waiting = self.line.waiting.borrow_mut();
        let Some(index) = waiting.iter().position(|&(known, _)| known == id) else {
            return;
        };
        let left = waiting.remove(index);
        drop(waiting);
        drop(left);
        if index == 0 {
            self.line.wake_first();
        }
    }
}

impl<T> Clone for MeshSender<T> {
    fn clone(&self) -> MeshSender<T> {
        MeshSender(self.0.clone())
    }
}

impl<T> fmt::Debug for MeshSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeshSender")
            .field("from", &self.0.from)
            .finish_non_exhaustive()
    }
}

const GONE: &str = "the message was not sent: the receiver is gone, or the sender was closed";

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(GONE)
    }
}

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendError").finish_non_exhaustive()
    }
}

impl<T> std::error::Error for SendError<T> {}

impl<T> TrySendError<T> {
    /// The message.
    pub fn into_inner(self) -> T {
        match self {
            TrySendError::Full(message) | TrySendError::Closed(message) => message,
        }
    }
}

impl<T> fmt::Display for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TrySendError::Full(_) => "the message was not sent: there is no room now",
            TrySendError::Closed(_) => GONE,
        })
    }
}

impl<T> fmt::Debug for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TrySendError::Full(_) => "Full(..)",
            TrySendError::Closed(_) => "Closed(..)",
        })
    }
}

impl<T> std::error::Error for TrySendError<T> {}
