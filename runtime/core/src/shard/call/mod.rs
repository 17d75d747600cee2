//! Calls: a closure is sent to another shard and makes a future there; its output returns.
//!
//! A call is one box, which the caller's thread allocates, reuses and frees. It travels with the
//! closure in it, which makes the future in its place, and returns with the output.
//!
//! The task that receives a call polls its future once, with a waker that does nothing. Most
//! futures are ready then. One that is not becomes a task, which owns the box and polls again at
//! once with its own waker.
//!
//! One call, file by file:
//!
//! 1. `mod.rs` takes a box from the pool (`pool.rs`) and a number from the table of pending calls
//!    (`pending.rs`), and adds the request to the outbox (`outbox.rs`).
//! 2. The flusher (`flush.rs`) sends the batch through a mesh and raises an event of the target's
//!    loop.
//! 3. There a task polls each call of the batch for the first time (`serve`), and the reply is
//!    added to that shard's outbox.
//! 4. Its flusher sends the batch of replies to the caller's inbox (`inbox.rs`).
//! 5. `ReplyTask` stores each answer in the table, which wakes the caller.

pub(crate) mod inbox;

pub(super) mod message;
pub(super) mod outbox;
pub(super) mod pending;
pub(super) mod pool;

mod flush;
mod prefetch;

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use crate::executor::{reserve_id, spawn_at};
use crate::shard::call::flush::Flusher;
use crate::shard::call::message::{Replies, Reply};
use crate::shard::call::outbox::{Batch, CallOutbox, Request};
use crate::shard::call::prefetch::prefetch;
use crate::shard::context::ShardContext;
use crate::shard::id::ShardId;
use crate::shard::mesh::receiver::MeshReceiver;
use crate::task::oneshot::Missing;
use crate::task::{JoinError, yield_now};
use crate::unwind::catch_panic;

/// Most calls that are polled for the first time before other tasks get their turn.
const CALLS_PER_TURN: usize = 64;

/// A call, from its closure to its output. Cache-line aligned: most calls fit one line, so one
/// transfer between cores moves the call.
#[repr(align(64))]
struct Call<M, F: Future> {
    from: ShardId,
    key: usize,
    location: &'static Location<'static>,
    stage: Stage<M, F>,
    /// Whether it is on its way to the other shard. A drop then has to answer the caller.
    in_transit: bool,
}

enum Stage<M, F: Future> {
    Closure(M),
    /// Exists on the target shard only. It is pinned: it stays in its place until it is dropped.
    Future(F),
    Output(Result<F::Output, Missing>),
    /// The output was taken, or there is none.
    Empty,
}

// SAFETY: `F` is the only part that may not be `Send`, and no box travels with an `F` in it. A box
// leaves the caller with the closure in it. It returns from the thread on which the future was
// made, either with the output, when the future was dropped there, or from `RunningCall`, which
// drops the future there.
unsafe impl<M: Send, F: Future<Output: Send>> Send for Call<M, F> {}

/// Task of a call whose future was not ready at its first poll. Its drop sends the reply, with an
/// output or without.
struct RunningCall<M, F>
where
    M: Send + 'static,
    F: Future<Output: Send + 'static> + 'static,
{
    call: Option<Box<Call<M, F>>>,
    context: Rc<ShardContext>,
}

/// Guard that drops the future when its poll panics, while the panic unwinds, as for a task.
struct DropOnUnwind<'a, M, F: Future>(&'a mut Stage<M, F>);

impl<M, F: Future> Drop for DropOnUnwind<'_, M, F> {
    fn drop(&mut self) {
        // A second panic that leaves this drop would abort the process.
        catch_panic(|| *self.0 = Stage::Empty);
    }
}

impl<M, F> Stage<M, F>
where
    M: FnOnce() -> F,
    F: Future,
{
    fn poll_future(&mut self, cx: &mut Context<'_>) -> Poll<F::Output> {
        if let Stage::Closure(_) = self
            && let Stage::Closure(make) = std::mem::replace(self, Stage::Empty)
        {
            *self = Stage::Future(make());
        }
        let guard = DropOnUnwind(self);
        let Stage::Future(future) = &mut *guard.0 else {
            unreachable!("a call is not polled after its end");
        };
        // SAFETY: the future is in a box, and nothing moves it out of that: from here on it is
        // polled and dropped in its place.
        let polled = unsafe { Pin::new_unchecked(future) }.poll(cx);
        std::mem::forget(guard);
        let output = ready!(polled);
        // The drops of the future and of the output are user code, and both may panic.
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| *self = Stage::Empty)) {
            catch_panic(|| drop(output));
            resume_unwind(panic);
        }
        Poll::Ready(output)
    }

    /// Polls the future once. When this returns `Ready`, the future was dropped and the stage is
    /// `Output`.
    #[inline]
    fn poll_once(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let poll = AssertUnwindSafe(|| self.poll_future(cx));
        let output = match catch_unwind(poll) {
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
    /// Makes a call in a box of the pool, or in a new one.
    #[inline]
    fn new_boxed(
        context: &ShardContext,
        key: usize,
        location: &'static Location<'static>,
        make: M,
    ) -> Box<Self> {
        if let Some(mut empty) = context.pool.take::<Self>() {
            empty.key = key;
            empty.location = location;
            empty.stage = Stage::Closure(make);
            empty.in_transit = true;
            return empty;
        }
        Box::new(Call {
            from: context.id,
            key,
            location,
            stage: Stage::Closure(make),
            in_transit: true,
        })
    }

    /// Sends the box back to the caller. No future may be in it. `send` sends replies when the
    /// outbox has closed.
    #[inline]
    fn send_reply(self: Box<Self>, outbox: &CallOutbox, send: impl FnOnce(usize, Vec<Reply>)) {
        debug_assert!(!matches!(self.stage, Stage::Future(_)));
        let from = self.from;
        let send = |replies| send(from.index(), replies);
        outbox.push_reply(from, self.key, Some(self), send);
    }
}

impl<M, F> Future for RunningCall<M, F>
where
    M: FnOnce() -> F + Send + 'static,
    F: Future<Output: Send + 'static> + 'static,
{
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.call {
            Some(call) => call.stage.poll_once(cx),
            None => Poll::Ready(()),
        }
    }
}

impl<M, F> Drop for RunningCall<M, F>
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
            // The box must not travel with the future in it.
            let empty = AssertUnwindSafe(|| call.stage = Stage::Empty);
            panic = catch_unwind(empty).err();
        }
        let ShardContext { outbox, shared, .. } = &*self.context;
        call.send_reply(outbox, |to, replies| shared.send_replies(to, replies));
        if let Some(panic) = panic
            && !std::thread::panicking()
        {
            resume_unwind(panic);
        }
    }
}

impl<M, F> Request for Call<M, F>
where
    M: FnOnce() -> F + Send + 'static,
    F: Future<Output: Send + 'static> + 'static,
{
    fn begin(mut self: Box<Self>, outbox: &CallOutbox) {
        self.in_transit = false;
        let mut cx = Context::from_waker(Waker::noop());
        if self.stage.poll_once(&mut cx).is_ready() {
            return self.send_reply(outbox, |to, replies| {
                current().shared.send_replies(to, replies);
            });
        }
        let location = self.location;
        let running = RunningCall {
            call: Some(self),
            context: current(),
        };
        drop(spawn_at(location, running));
    }
}

impl<M, F: Future> Drop for Call<M, F> {
    fn drop(&mut self) {
        // This is the thread of a shard, the caller's or the target's, or all shards have ended.
        if self.in_transit
            && let Some(context) = ShardContext::current()
        {
            let ShardContext { outbox, shared, .. } = &*context;
            let send = |replies| shared.send_replies(self.from.index(), replies);
            outbox.push_reply(self.from, self.key, None, send);
        }
        // The drop of a closure or an output is user code and may panic. The task that drops a box
        // has other calls to serve.
        if !matches!(self.stage, Stage::Empty) {
            catch_panic(|| self.stage = Stage::Empty);
        }
    }
}

/// Returns the context of this thread, which is that of a shard.
fn current() -> Rc<ShardContext> {
    ShardContext::current().expect("a call begins on the thread of a shard")
}

/// Runs a closure and its future on shard `to`, and waits for the output.
pub(in crate::shard) async fn call<M, F>(
    context: Rc<ShardContext>,
    to: ShardId,
    location: &'static Location<'static>,
    make: M,
) -> Result<F::Output, JoinError>
where
    M: FnOnce() -> F + Send + 'static,
    F: Future<Output: Send + 'static> + 'static,
{
    if context.outbox.is_closed() {
        return Err(JoinError::cancelled(reserve_id()));
    }
    let mut pending = poll_fn(|cx| Poll::Ready(context.pending.insert(cx.waker().clone()))).await;
    let request = Call::<M, F>::new_boxed(&context, pending.key(), location, make);
    let mut pushed_at_once = true;
    if let Err(request) = context.outbox.try_push(to, request) {
        pushed_at_once = false;
        context.outbox.push(to, request).await;
    }
    context.outbox.schedule_flush();
    let answer = poll_fn(|cx| {
        // No answer can arrive before this poll ends, and the waker is stored already.
        if std::mem::take(&mut pushed_at_once) {
            return Poll::Pending;
        }
        Pin::new(&mut pending).poll(cx)
    })
    .await;
    let call = answer.and_then(|call| call.downcast::<Call<M, F>>().ok());
    let stage = call.map(|mut call| {
        let stage = std::mem::replace(&mut call.stage, Stage::Empty);
        context.pool.keep(call);
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

/// Starts the three tasks of a shard that receive calls, receive replies, and send both.
pub(super) fn serve(context: &Rc<ShardContext>, mut incoming: MeshReceiver<Batch>) {
    let location = Location::caller();
    let here = context.clone();
    drop(spawn_at(location, async move {
        loop {
            let (_, mut batch) = poll_fn(|cx| match incoming.take() {
                Some(batch) => Poll::Ready(batch),
                None => {
                    here.request_task.register(cx.waker());
                    Poll::Pending
                }
            })
            .await;
            batch.iter().for_each(|request| prefetch(&**request));
            let mut requests = batch.drain(..);
            while requests.len() > 0 {
                let turn = requests.by_ref().take(CALLS_PER_TURN);
                turn.for_each(|request| request.begin(&here.outbox));
                yield_now().await;
            }
            drop(requests);
            here.outbox.spare_requests.keep(batch);
        }
    }));
    let reply_task = ReplyTask(context.clone());
    drop(spawn_at(location, poll_fn(move |cx| reply_task.poll(cx))));
    let flusher = Flusher(context.clone());
    drop(spawn_at(location, poll_fn(move |cx| flusher.flush(cx))));
}

/// Task that stores received replies in the table of pending calls. It is dropped when the shard
/// ends; replies that arrive later are dropped.
struct ReplyTask(Rc<ShardContext>);

impl ReplyTask {
    fn replies(&self) -> &Replies {
        &self.0.shared.replies[self.0.id.index()]
    }

    /// Takes in one batch. Returns whether there was one.
    fn receive_batch(&self) -> bool {
        let ShardContext {
            pending, outbox, ..
        } = &*self.0;
        let Some(mut batch) = self.replies().pop() else {
            return false;
        };
        for reply in &batch {
            if let Some(call) = &reply.answer {
                prefetch(&**call);
            }
        }
        for reply in batch.drain(..) {
            pending.answer(reply.key, reply.answer);
        }
        outbox.spare_replies.keep(batch);
        true
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.reply_task.register(cx.waker());
        if self.receive_batch() {
            // Other tasks run first, among them those that were answered.
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl Drop for ReplyTask {
    fn drop(&mut self) {
        self.replies().close();
    }
}
