//! What goes to other shards is gathered here and sent by the bundle: calls, and those that come home.
//!
//! A task of each shard, the carrier, sends what was gathered when it comes to its turn: after the tasks
//! that were ready with the first of them. So what two processors have to do to hand a thing over is done
//! once a bundle.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::shard::ShardId;
use crate::shard::call::inbox::Inbox;
use crate::shard::call::pending::Answer;
use crate::shard::context::Local;
use crate::shard::mesh::queue::Refused;
use crate::shard::mesh::sender::{Line, Place};
use crate::shard::shared::Core;
use crate::shard::waker_cell::Standby;

/// A call on its way there.
pub(in crate::shard) trait Ask: Send {
    fn begin(self: Box<Self>, local: &Rc<Local>);
}

/// The answer to the call of this number.
pub(in crate::shard) struct Reply {
    pub(in crate::shard) key: usize,
    pub(in crate::shard) answer: Answer,
}

/// Those for one shard, by the bundle. There are never more than calls that were made.
pub(in crate::shard) type Replies = Inbox<Vec<Reply>>;

/// Bundles of calls on the way from one shard to another.
pub(in crate::shard) const BUNDLES: usize = 8;

/// Calls in a bundle. More of them wait in line.
const BUNDLE: usize = 128;

pub(in crate::shard) type Bundle = Vec<Box<dyn Ask>>;

/// What is gathered for one shard.
#[derive(Default)]
struct Outgoing {
    asks: RefCell<Bundle>,
    /// Those that wait for room in the bundle.
    line: Line,
    replies: RefCell<Vec<Reply>>,
}

/// Vectors that came with a bundle in them, for those that go out: where both sides talk nothing is
/// allocated, or freed on the thread that did not.
pub(in crate::shard) struct Spare<T>(RefCell<Vec<Vec<T>>>);

/// What is gathered for all of them, and who carries it.
pub(in crate::shard) struct Post {
    to: Box<[Outgoing]>,
    pub(in crate::shard) asks: Spare<Box<dyn Ask>>,
    pub(in crate::shard) replies: Spare<Reply>,
    /// Something was put in since the carrier's last turn.
    dirty: Cell<bool>,
    carrier: Standby,
    /// There is no carrier any more.
    over: Cell<bool>,
}

impl<T> Default for Spare<T> {
    fn default() -> Spare<T> {
        Spare(RefCell::default())
    }
}

impl<T> Spare<T> {
    /// What was gathered, and an empty one in its place.
    fn take(&self, gathered: &RefCell<Vec<T>>) -> Vec<T> {
        if gathered.borrow().is_empty() {
            return Vec::new();
        }
        let spare = self.0.borrow_mut().pop();
        let len = gathered.borrow().len();
        gathered.replace(spare.unwrap_or_else(|| Vec::with_capacity(len)))
    }

    pub(in crate::shard) fn keep(&self, empty: Vec<T>) {
        let mut spare = self.0.borrow_mut();
        // Of replies there may have been any number.
        if empty.is_empty() && spare.len() < BUNDLES && empty.capacity() <= 4 * BUNDLE {
            spare.push(empty);
        }
    }
}

impl Outgoing {
    #[inline]
    fn put_in_if(&self, first: bool, ask: Box<dyn Ask>) -> Result<(), Box<dyn Ask>> {
        let mut asks = self.asks.borrow_mut();
        if first && asks.len() < BUNDLE {
            asks.push(ask);
            return Ok(());
        }
        Err(ask)
    }
}

impl Post {
    pub(in crate::shard) fn new(shards: usize) -> Post {
        Post {
            to: (0..shards).map(|_| Outgoing::default()).collect(),
            asks: Spare::default(),
            replies: Spare::default(),
            dirty: Cell::new(false),
            carrier: Standby::default(),
            over: Cell::new(false),
        }
    }

    /// Nothing is sent any more.
    pub(in crate::shard) fn is_over(&self) -> bool {
        self.over.get()
    }

    fn to(&self, shard: ShardId) -> &Outgoing {
        &self.to[shard.index()]
    }

    /// Puts a call into the bundle. It is given back if there is no room now, or others wait for it.
    #[inline]
    pub(in crate::shard) fn put_in(
        &self,
        to: ShardId,
        ask: Box<dyn Ask>,
    ) -> Result<(), Box<dyn Ask>> {
        let outgoing = self.to(to);
        outgoing.put_in_if(outgoing.line.is_empty(), ask)
    }

    /// Puts a call in when its turn comes. When nothing is sent any more it is dropped, which is an answer.
    pub(in crate::shard) async fn put_in_later(&self, to: ShardId, ask: Box<dyn Ask>) {
        let outgoing = self.to(to);
        // When it is dropped, the next in line may come.
        let mut place = Place::new(&outgoing.line);
        let mut ask = Some(ask);
        poll_fn(|cx| {
            ask = ask
                .take()
                .filter(|_| !self.is_over())
                .and_then(|ask| outgoing.put_in_if(place.is_first(), ask).err());
            if ask.is_none() {
                return Poll::Ready(());
            }
            place.wait(cx.waker());
            Poll::Pending
        })
        .await;
    }

    /// There is something for the carrier.
    #[inline]
    pub(in crate::shard) fn tell(&self) {
        if !self.dirty.replace(true) {
            self.carrier.call();
        }
    }

    #[inline]
    pub(in crate::shard) fn reply(&self, core: &Core, to: ShardId, key: usize, answer: Answer) {
        if self.over.get() {
            return core.answer(to.index(), vec![Reply { key, answer }]);
        }
        let mut replies = self.to(to).replies.borrow_mut();
        replies.push(Reply { key, answer });
        drop(replies);
        self.tell();
    }
}

/// Sends what was gathered. When it is dropped the shard ends, and replies go out one by one.
pub(in crate::shard) struct Carrier(pub(in crate::shard) Rc<Local>);

impl Carrier {
    pub(in crate::shard) fn carry(&self, cx: &mut Context<'_>) -> Poll<()> {
        let Local {
            post,
            core,
            asks,
            adaptive_spin,
            ..
        } = &*self.0;
        let waker = cx.waker();
        post.carrier.stand_by(waker);
        post.dirty.set(false);
        for (to, outgoing) in post.to.iter().enumerate() {
            let replies = post.replies.take(&outgoing.replies);
            if !replies.is_empty() {
                core.answer(to, replies);
                // Who asked once may ask again.
                adaptive_spin.expect_reply();
            }
            let bundle = post.asks.take(&outgoing.asks);
            if bundle.is_empty() {
                continue;
            }
            adaptive_spin.expect_reply();
            match asks.push_or_arm(to, bundle, waker, || core.tell_of_calls(to)) {
                Err(Refused::Full(bundle)) => post.asks.keep(outgoing.asks.replace(bundle)),
                // Those that were not sent are dropped here, and that is an answer.
                Ok(()) | Err(Refused::Gone(_)) => outgoing.line.wake_first(),
            }
        }
        Poll::Pending
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        let Local { post, core, .. } = &*self.0;
        post.over.set(true);
        for (to, outgoing) in post.to.iter().enumerate() {
            let replies = outgoing.replies.take();
            if !replies.is_empty() {
                core.answer(to, replies);
            }
        }
        for outgoing in &post.to {
            // Each of them is an answer to this shard itself.
            drop(outgoing.asks.take());
            outgoing.line.wake_first();
        }
    }
}
