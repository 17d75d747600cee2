//! Requests: a closure goes to another shard, makes a future there, and its output comes home.
//!
//! All of it is one box, which the caller's thread makes and frees: it goes there with the closure in
//! it, which makes a future in its place, and comes home with the output.
//!
//! The task that takes a call in polls its future once. Most are ready then; only one that is not becomes
//! a task, which owns the box. That first poll has a waker that wakes nobody: the task polls again, with
//! its own.
//!
//! Boxes travel by the bundle. Those of one turn of the loop are gathered here, and a task of each shard,
//! the carrier, sends them when it comes to its turn: after the tasks that were ready with the first of
//! them. So what two processors have to do to hand a thing over is done once a bundle.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use super::ShardId;
use super::bell::Bell;
use super::core::Core;
use super::fetch::fetch;
use super::link::Refused;
use super::local::Local;
use super::receiver::MeshReceiver;
use super::sender::{Line, Place};
use super::slots::Slots;
use crate::executor::{reserve_id, spawn_at};
use crate::sync::Queue;
use crate::task::packet::Missing;
use crate::task::runnable::quietly;
use crate::task::{JoinError, yield_now};

/// A call on its way there.
pub(super) trait Ask: Send {
    fn begin(self: Box<Self>, local: &Rc<Local>);
}

struct Call<M, F: Future> {
    from: ShardId,
    key: usize,
    location: &'static Location<'static>,
    stage: Stage<M, F>,
    /// On its way there. If it is dropped now, the caller has to be told.
    unheard: bool,
}

enum Stage<M, F: Future> {
    Make(M),
    /// Only there. It is pinned: it stays in its place until it is dropped.
    Work(F),
    Output(Result<F::Output, Missing>),
    /// Nothing came of it, or it was taken.
    Empty,
}

// SAFETY: only `F` may not be `Send`. A box that travels has none in it: it leaves home with the closure,
// and `Away` drops the future, on the thread that made it, before it sends the box back.
unsafe impl<M: Send, F: Future<Output: Send>> Send for Call<M, F> {}

/// What comes home.
enum Answer {
    Box(usize, Box<dyn Any + Send>),
    /// The box was dropped on its way there.
    Lost(usize),
}

/// Those for one shard, by the bundle. There are never more than calls that are waited for.
pub(super) struct Answers {
    queue: Queue<Vec<Answer>>,
    arrived: Bell,
}

/// Bundles of calls on the way from one shard to another.
pub(super) const BUNDLES: usize = 8;

/// Calls in a bundle. More of them wait in line.
const BUNDLE: usize = 128;

/// Calls that are polled for the first time in one turn. Then the other tasks have theirs.
const TURN: usize = 64;

pub(super) type Bundle = Vec<Box<dyn Ask>>;

/// What is gathered for one shard.
#[derive(Default)]
struct Outgoing {
    asks: RefCell<Bundle>,
    /// Those that wait for room in the bundle.
    line: Line,
    answers: RefCell<Vec<Answer>>,
}

/// Vectors that came with a bundle in them, for those that go out: where both sides talk nothing is
/// allocated, or freed on the thread that did not.
struct Spare<T>(RefCell<Vec<Vec<T>>>);

/// What is gathered for all of them, and who carries it.
pub(super) struct Post {
    to: Box<[Outgoing]>,
    asks: Spare<Box<dyn Ask>>,
    answers: Spare<Answer>,
    /// Something was put in since the carrier's last turn.
    dirty: Cell<bool>,
    carrier: RefCell<Option<Waker>>,
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

    fn keep(&self, empty: Vec<T>) {
        let mut spare = self.0.borrow_mut();
        // Of answers there may have been any number.
        if empty.is_empty() && spare.len() < BUNDLES && empty.capacity() <= 4 * BUNDLE {
            spare.push(empty);
        }
    }
}

impl Outgoing {
    /// If there is room, and it is this one's turn.
    fn put_in(&self, place: &Place<'_>, ask: &mut Option<Box<dyn Ask>>) -> bool {
        let mut asks = self.asks.borrow_mut();
        let may = place.is_first() && asks.len() < BUNDLE;
        if may {
            asks.extend(ask.take());
        }
        may
    }
}

impl Post {
    pub(super) fn new(shards: usize) -> Post {
        Post {
            to: (0..shards).map(|_| Outgoing::default()).collect(),
            asks: Spare::default(),
            answers: Spare::default(),
            dirty: Cell::new(false),
            carrier: RefCell::new(None),
            over: Cell::new(false),
        }
    }

    fn put_in(&self) {
        if !self.dirty.replace(true) {
            let carrier = self.carrier.borrow().clone();
            if let Some(carrier) = carrier {
                carrier.wake();
            }
        }
    }

    fn answer(&self, core: &Core, to: ShardId, answer: Answer) {
        if self.over.get() {
            return core.answers[to.index()].push(vec![answer]);
        }
        self.to[to.index()].answers.borrow_mut().push(answer);
        self.put_in();
    }
}

impl Answers {
    pub(super) fn new() -> Answers {
        Answers {
            queue: Queue::new(),
            arrived: Bell::new(),
        }
    }

    fn push(&self, answers: Vec<Answer>) {
        self.queue.push(answers);
        self.arrived.ring();
    }
}

/// A call that is being worked on: a future that ends when its own has. Dropped, it sends the box home,
/// with an output or without.
struct Away<M, F>
where
    M: Send + 'static,
    F: Future<Output: Send + 'static> + 'static,
{
    call: Option<Box<Call<M, F>>>,
    local: Rc<Local>,
}

impl<M, F> Stage<M, F>
where
    M: FnOnce() -> F,
    F: Future,
{
    fn work(&mut self, cx: &mut Context<'_>) -> Poll<F::Output> {
        if let Stage::Make(_) = self
            && let Stage::Make(make) = std::mem::replace(self, Stage::Empty)
        {
            *self = Stage::Work(make());
        }
        let Stage::Work(future) = self else {
            unreachable!("it is polled until it has ended");
        };
        // SAFETY: it is in a box, and nothing moves it out of that: from here on it is polled and dropped
        // in its place.
        let output = ready!(unsafe { Pin::new_unchecked(future) }.poll(cx));
        *self = Stage::Empty;
        Poll::Ready(output)
    }
}

impl<M, F> Future for Away<M, F>
where
    M: FnOnce() -> F + Send + 'static,
    F: Future<Output: Send + 'static> + 'static,
{
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(call) = &mut self.call else {
            return Poll::Ready(());
        };
        let work = AssertUnwindSafe(|| call.stage.work(cx));
        let output = match catch_unwind(work) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => Ok(output),
            Err(payload) => Err(Missing::Panicked(payload)),
        };
        // After a panic the future is still there, and its drop may panic, too.
        quietly(|| call.stage = Stage::Empty);
        call.stage = Stage::Output(output);
        Poll::Ready(())
    }
}

impl<M, F> Drop for Away<M, F>
where
    M: Send + 'static,
    F: Future<Output: Send + 'static> + 'static,
{
    fn drop(&mut self) {
        let Some(mut call) = self.call.take() else {
            return;
        };
        let mut panic = None;
        if !matches!(call.stage, Stage::Output(_)) {
            // It must not leave with its future in it.
            let empty = AssertUnwindSafe(|| call.stage = Stage::Empty);
            panic = catch_unwind(empty).err();
        }
        let Local { post, core, .. } = &*self.local;
        post.answer(core, call.from, Answer::Box(call.key, call));
        if let Some(panic) = panic
            && !std::thread::panicking()
        {
            resume_unwind(panic);
        }
    }
}

impl<M, F> Ask for Call<M, F>
where
    M: FnOnce() -> F + Send + 'static,
    F: Future<Output: Send + 'static> + 'static,
{
    fn begin(mut self: Box<Self>, local: &Rc<Local>) {
        self.unheard = false;
        let location = self.location;
        let mut away = Away {
            call: Some(self),
            local: local.clone(),
        };
        let mut cx = Context::from_waker(Waker::noop());
        if Pin::new(&mut away).poll(&mut cx).is_pending() {
            drop(spawn_at(location, away));
        }
    }
}

impl<M, F: Future> Drop for Call<M, F> {
    fn drop(&mut self) {
        // On the thread of a shard, the caller's or the other one; or all of them have ended.
        if self.unheard
            && let Some(local) = Local::current()
        {
            let answer = Answer::Lost(self.key);
            local.post.answer(&local.core, self.from, answer);
        }
    }
}

/// The calls of one shard that have not been answered.
#[derive(Default)]
pub(super) struct Pending(RefCell<Slots<Entry>>);

enum Entry {
    Waiting(Waker),
    Answered(Option<Box<dyn Any + Send>>),
    /// Nobody waits for it any more.
    Abandoned,
}

impl Pending {
    fn insert(&self, waker: Waker) -> usize {
        self.0.borrow_mut().insert(Entry::Waiting(waker))
    }

    /// The box; `None` if it was lost.
    fn poll(&self, key: usize, cx: &mut Context<'_>) -> Poll<Option<Box<dyn Any + Send>>> {
        let mut slots = self.0.borrow_mut();
        let old = match slots.get_mut(key) {
            Some(Entry::Waiting(waker)) => {
                if waker.will_wake(cx.waker()) {
                    return Poll::Pending;
                }
                std::mem::replace(waker, cx.waker().clone())
            }
            Some(Entry::Answered(answer)) => {
                let answer = answer.take();
                slots.remove(key);
                return Poll::Ready(answer);
            }
            Some(Entry::Abandoned) | None => unreachable!("it is waited for"),
        };
        drop(slots);
        // What a waker does when it is dropped is its own affair.
        drop(old);
        Poll::Pending
    }

    fn answer(&self, answer: Answer) {
        let (key, answer) = match answer {
            Answer::Box(key, call) => (key, Some(call)),
            Answer::Lost(key) => (key, None),
        };
        let mut slots = self.0.borrow_mut();
        match slots.get_mut(key) {
            Some(entry @ Entry::Waiting(_)) => {
                let asked = std::mem::replace(entry, Entry::Answered(answer));
                drop(slots);
                if let Entry::Waiting(waker) = asked {
                    waker.wake();
                }
            }
            _ => {
                slots.remove(key);
                drop(slots);
                // The output is the user's.
                drop(answer);
            }
        }
    }
}

/// Someone waits for a call. Dropped, it leaves it to itself.
struct Waiting<'a> {
    local: &'a Local,
    key: usize,
    over: Cell<bool>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.over.get() {
            return;
        }
        let mut slots = self.local.pending.0.borrow_mut();
        let old = match slots.get_mut(self.key) {
            Some(entry @ Entry::Waiting(_)) => Some(std::mem::replace(entry, Entry::Abandoned)),
            _ => slots.remove(self.key),
        };
        drop(slots);
        drop(old);
    }
}

/// Has it done there, and waits for the output.
pub(super) async fn call<M, F>(
    local: &Local,
    to: ShardId,
    location: &'static Location<'static>,
    make: M,
) -> Result<F::Output, JoinError>
where
    M: FnOnce() -> F + Send + 'static,
    F: Future<Output: Send + 'static> + 'static,
{
    if local.post.over.get() {
        return Err(JoinError::cancelled(reserve_id()));
    }
    let key = poll_fn(|cx| Poll::Ready(local.pending.insert(cx.waker().clone()))).await;
    let waiting = Waiting {
        local,
        key,
        over: Cell::new(false),
    };
    let ask = Box::new(Call::<M, F> {
        from: local.id,
        key,
        location,
        stage: Stage::Make(make),
        unheard: true,
    });
    let outgoing = &local.post.to[to.index()];
    let mut ask: Option<Box<dyn Ask>> = Some(ask);
    let mut place = Place::new(&outgoing.line);
    // Nobody is woken before this poll ends, and the waker is in its place.
    let mut at_once = outgoing.put_in(&place, &mut ask);
    if !at_once {
        poll_fn(|cx| {
            if outgoing.put_in(&place, &mut ask) {
                return Poll::Ready(());
            }
            place.wait(cx.waker());
            Poll::Pending
        })
        .await;
    }
    // The next in line may come.
    drop(place);
    local.post.put_in();
    let answer = poll_fn(|cx| {
        if std::mem::take(&mut at_once) {
            return Poll::Pending;
        }
        local.pending.poll(key, cx)
    })
    .await;
    waiting.over.set(true);
    let call = answer.and_then(|call| call.downcast::<Call<M, F>>().ok());
    match call.map(|mut call| std::mem::replace(&mut call.stage, Stage::Empty)) {
        Some(Stage::Output(Ok(output))) => Ok(output),
        Some(Stage::Output(Err(Missing::Panicked(payload)))) => {
            Err(JoinError::panicked(reserve_id(), payload))
        }
        _ => Err(JoinError::cancelled(reserve_id())),
    }
}

/// Starts the tasks of a shard that take in calls and answers, and that which sends them.
pub(super) fn serve(local: &Rc<Local>, mut incoming: MeshReceiver<Bundle>) {
    let location = Location::caller();
    let here = local.clone();
    drop(spawn_at(location, async move {
        while let Some((_, mut bundle)) = incoming.recv().await {
            bundle.iter().for_each(|ask| fetch(&**ask));
            let mut asks = bundle.drain(..);
            while asks.len() > 0 {
                asks.by_ref().take(TURN).for_each(|ask| ask.begin(&here));
                yield_now().await;
            }
            drop(asks);
            here.post.asks.keep(bundle);
        }
    }));
    let here = local.clone();
    let answers = poll_fn(move |cx| take_answers(&here, cx));
    drop(spawn_at(location, answers));
    let carrier = Carrier(local.clone());
    let carrying = poll_fn(move |cx| carrier.carry(cx));
    drop(spawn_at(location, carrying));
}

fn take_answers(local: &Local, cx: &mut Context<'_>) -> Poll<()> {
    let answers = &local.core.answers[local.id.index()];
    let take = || {
        let bundle = answers.queue.pop();
        let some = bundle.is_some();
        let mut bundle = bundle.unwrap_or_default();
        for answer in &bundle {
            if let Answer::Box(_, call) = answer {
                fetch(&**call);
            }
        }
        let answers = bundle.drain(..);
        answers.for_each(|answer| local.pending.answer(answer));
        if some {
            local.post.answers.keep(bundle);
        }
        some
    };
    if !take() {
        answers.arrived.arm(cx.waker());
        if !take() {
            return Poll::Pending;
        }
        answers.arrived.disarm();
    }
    // The others first: those who were answered, too.
    cx.waker().wake_by_ref();
    Poll::Pending
}

/// Sends what was gathered. When it is dropped the shard ends, and answers go out one by one.
struct Carrier(Rc<Local>);

impl Carrier {
    fn carry(&self, cx: &mut Context<'_>) -> Poll<()> {
        let Local {
            post,
            core,
            asks,
            lookout,
            ..
        } = &*self.0;
        let waker = cx.waker();
        if !matches!(&*post.carrier.borrow(), Some(known) if known.will_wake(waker)) {
            let old = post.carrier.replace(Some(waker.clone()));
            drop(old);
        }
        post.dirty.set(false);
        for (to, outgoing) in post.to.iter().enumerate() {
            let answers = post.answers.take(&outgoing.answers);
            if !answers.is_empty() {
                core.answers[to].push(answers);
                // Who asked once may ask again.
                lookout.hope();
            }
            let bundle = post.asks.take(&outgoing.asks);
            if bundle.is_empty() {
                continue;
            }
            lookout.hope();
            match asks.push_or_arm(to, bundle, waker) {
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
            let answers = outgoing.answers.take();
            if !answers.is_empty() {
                core.answers[to].push(answers);
            }
            // Each of them is an answer to this shard itself, which nobody hears.
            drop(outgoing.asks.take());
        }
    }
}
