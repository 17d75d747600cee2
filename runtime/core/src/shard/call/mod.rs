//! Requests: a closure goes to another shard, makes a future there, and its output comes home.
//!
//! All of it is one box, which the caller's thread makes, uses again and frees: it goes there with the
//! closure in it, which makes a future in its place, and comes home with the output.
//!
//! The task that takes a call in polls its future once. Most are ready then; only one that is not becomes
//! a task, which owns the box. That first poll has a waker that wakes nobody: the task polls again, with
//! its own.

pub(crate) mod inbox;
pub(super) mod outbox;
pub(super) mod pending;
pub(super) mod pool;
mod prefetch;

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use crate::executor::{reserve_id, spawn_at};
use crate::shard::ShardId;
use crate::shard::call::outbox::{Ask, Bundle, Carrier, Replies};
use crate::shard::call::prefetch::fetch;
use crate::shard::context::Local;
use crate::shard::mesh::receiver::MeshReceiver;
use crate::task::oneshot::Missing;
use crate::task::{JoinError, yield_now};
use crate::unwind::catch_panic;

/// Calls that are polled for the first time in one turn. Then the other tasks have theirs.
const TURN: usize = 64;

/// On a line of its own, which is all of it for most: two cores hand it over.
#[repr(align(64))]
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
// and goes home from where the future was made, with the output of one that was dropped there, or from
// `Away`, which drops it there.
unsafe impl<M: Send, F: Future<Output: Send>> Send for Call<M, F> {}

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

/// Drops the future of a poll that panics, while the panic unwinds, as that of a task is dropped.
struct Unwinding<'a, M, F: Future>(&'a mut Stage<M, F>);

impl<M, F: Future> Drop for Unwinding<'_, M, F> {
    fn drop(&mut self) {
        // A second panic would end the process if it left here.
        catch_panic(|| *self.0 = Stage::Empty);
    }
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
        let unwinding = Unwinding(self);
        let Stage::Work(future) = &mut *unwinding.0 else {
            unreachable!("it is polled until it has ended");
        };
        // SAFETY: it is in a box, and nothing moves it out of that: from here on it is polled and dropped
        // in its place.
        let polled = unsafe { Pin::new_unchecked(future) }.poll(cx);
        std::mem::forget(unwinding);
        let output = ready!(polled);
        // Both are the user's, and both drops may panic.
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| *self = Stage::Empty)) {
            catch_panic(|| drop(output));
            resume_unwind(panic);
        }
        Poll::Ready(output)
    }

    /// One poll. When it says that it is over, the future is gone.
    #[inline]
    fn advance(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let work = AssertUnwindSafe(|| self.work(cx));
        let output = match catch_unwind(work) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => Ok(output),
            Err(payload) => Err(Missing::Panicked(payload)),
        };
        *self = Stage::Output(output);
        Poll::Ready(())
    }
}

impl<M, F> Call<M, F>
where
    M: Send + 'static,
    F: Future<Output: Send + 'static> + 'static,
{
    /// In a box that came home, if there is one.
    #[inline]
    fn boxed(
        local: &Local,
        key: usize,
        location: &'static Location<'static>,
        make: M,
    ) -> Box<Self> {
        if let Some(mut empty) = local.boxes.take::<Self>() {
            empty.key = key;
            empty.location = location;
            empty.stage = Stage::Make(make);
            empty.unheard = true;
            return empty;
        }
        Box::new(Call {
            from: local.id,
            key,
            location,
            stage: Stage::Make(make),
            unheard: true,
        })
    }

    /// There must not be a future in it.
    #[inline]
    fn go_home(self: Box<Self>, local: &Local) {
        debug_assert!(!matches!(self.stage, Stage::Work(_)));
        let Local { post, core, .. } = local;
        post.reply(core, self.from, self.key, Some(self));
    }
}

impl<M, F> Future for Away<M, F>
where
    M: FnOnce() -> F + Send + 'static,
    F: Future<Output: Send + 'static> + 'static,
{
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.call {
            Some(call) => call.stage.advance(cx),
            None => Poll::Ready(()),
        }
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
        call.go_home(&self.local);
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
        let mut cx = Context::from_waker(Waker::noop());
        if self.stage.advance(&mut cx).is_ready() {
            return self.go_home(local);
        }
        let location = self.location;
        let away = Away {
            call: Some(self),
            local: local.clone(),
        };
        drop(spawn_at(location, away));
    }
}

impl<M, F: Future> Drop for Call<M, F> {
    fn drop(&mut self) {
        // On the thread of a shard, the caller's or the other one; or all of them have ended.
        if self.unheard
            && let Some(local) = Local::current()
        {
            local.post.reply(&local.core, self.from, self.key, None);
        }
        // What the user left in it may panic when it is dropped. Those who drop a box have others to serve.
        if !matches!(self.stage, Stage::Empty) {
            catch_panic(|| self.stage = Stage::Empty);
        }
    }
}

/// Has it done there, and waits for the output.
pub(in crate::shard) async fn call<M, F>(
    local: Rc<Local>,
    to: ShardId,
    location: &'static Location<'static>,
    make: M,
) -> Result<F::Output, JoinError>
where
    M: FnOnce() -> F + Send + 'static,
    F: Future<Output: Send + 'static> + 'static,
{
    if local.post.is_over() {
        return Err(JoinError::cancelled(reserve_id()));
    }
    let mut waiting = poll_fn(|cx| Poll::Ready(local.pending.wait(cx.waker().clone()))).await;
    let ask = Call::<M, F>::boxed(&local, waiting.key(), location, make);
    let mut at_once = true;
    if let Err(ask) = local.post.put_in(to, ask) {
        at_once = false;
        local.post.put_in_later(to, ask).await;
    }
    local.post.tell();
    let answer = poll_fn(|cx| {
        // Nothing is answered before this poll ends, and the waker is in its place.
        if std::mem::take(&mut at_once) {
            return Poll::Pending;
        }
        Pin::new(&mut waiting).poll(cx)
    })
    .await;
    let call = answer.and_then(|call| call.downcast::<Call<M, F>>().ok());
    let stage = call.map(|mut call| {
        let stage = std::mem::replace(&mut call.stage, Stage::Empty);
        local.boxes.keep(call);
        stage
    });
    match stage {
        Some(Stage::Output(Ok(output))) => Ok(output),
        Some(Stage::Output(Err(Missing::Panicked(payload)))) => {
            Err(JoinError::panicked(reserve_id(), payload))
        }
        _ => Err(JoinError::cancelled(reserve_id())),
    }
}

/// Starts the tasks of a shard that take in calls and answers, and that which sends them.
pub(in crate::shard) fn serve(local: &Rc<Local>, mut incoming: MeshReceiver<Bundle>) {
    let location = Location::caller();
    let here = local.clone();
    drop(spawn_at(location, async move {
        loop {
            let (_, mut bundle) = poll_fn(|cx| match incoming.take() {
                Some(bundle) => Poll::Ready(bundle),
                None => {
                    here.calls.stand_by(cx.waker());
                    Poll::Pending
                }
            })
            .await;
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
    let homecoming = Homecoming(local.clone());
    let answering = poll_fn(move |cx| homecoming.serve(cx));
    drop(spawn_at(location, answering));
    let carrier = Carrier(local.clone());
    let carrying = poll_fn(move |cx| carrier.carry(cx));
    drop(spawn_at(location, carrying));
}

/// Hands answers to those who wait for them. When it is dropped the shard ends, and nobody does.
struct Homecoming(Rc<Local>);

impl Homecoming {
    fn replies(&self) -> &Replies {
        &self.0.core.replies[self.0.id.index()]
    }

    fn take_in(&self) -> bool {
        let Local { pending, post, .. } = &*self.0;
        let Some(mut bundle) = self.replies().pop() else {
            return false;
        };
        for reply in &bundle {
            if let Some(call) = &reply.answer {
                fetch(&**call);
            }
        }
        for reply in bundle.drain(..) {
            pending.answer(reply.key, reply.answer);
        }
        post.replies.keep(bundle);
        true
    }

    fn serve(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.answers.stand_by(cx.waker());
        if self.take_in() {
            // The others first: those who were answered, too.
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl Drop for Homecoming {
    fn drop(&mut self) {
        self.replies().close();
    }
}
