//! `CancellationToken`: tells tasks to end, and the tasks below them.
//!
//! # The tree
//!
//! The tokens of one node of the tree share one allocation, which lives as long as one of them.
//! The nodes below a parent form a ring, and a [`Links`] in the parent is a part of that ring. A
//! node that is dropped puts the ring of its own children in its place, so its children become
//! those of its parent, in constant time. Therefore no node needs to know its parent.
//!
//! ```text
//!        parent
//!     .->children <-> a <-> b <-> c <-.        the drop of b:   ... a <-> x <-> y <-> c ...
//!     '-------------------------------'
//!                     b
//!                  .->children <-> x <-> y <-.
//!                  '-------------------------'
//! ```
//!
//! The children of a root that is dropped remain in a ring without a parent, which does no harm: a
//! cancellation goes from a node down to its children, never along the ring that it is in.
//!
//! **No pointer here dangles.** A node leaves its ring when its last token is dropped, before its
//! memory is freed, and no longer has children then. All accesses are by shared references.

mod links;

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::mem;
use std::ops::Deref;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::ptr::{self, NonNull};
use std::rc::Rc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use self::links::Links;
use super::event::{Event, EventWait};
use super::label::Kind;
use super::wait_list::{OneThread, Owner};
use crate::scope::on_drop;

/// Token that can be cancelled, once, and that tasks wait for. A clone is the same token.
///
/// A [child](Self::child_token) is cancelled with its parent, and can be cancelled without it. The
/// depth of the tree has no limit. A token that is dropped is not cancelled: it leaves the tree,
/// and its children become those of its parent.
///
/// ```
/// use wakeful::sync::CancellationToken;
///
/// wakeful::block_on(async {
///     let token = CancellationToken::new();
///     let child = token.child_token();
///     let task = wakeful::spawn(async move {
///         // Serve, until the end is asked for.
///         child.run_until_cancelled(std::future::pending::<()>()).await
///     });
///     token.cancel();
///     assert!(task.await.unwrap().is_none());
/// });
/// ```
pub struct CancellationToken {
    _one_thread: OneThread,
    node: Rc<Node>,
}

/// What the clones of a token share.
#[repr(C)]
struct Node {
    /// Place among the children of the parent. The first field: a pointer to it is one to the node.
    siblings: Links,
    /// Start of the ring of the children.
    children: Links,
    cancelled: Cell<bool>,
    event: Event,
}

impl CancellationToken {
    /// Returns a token without a parent.
    #[track_caller]
    pub fn new() -> CancellationToken {
        CancellationToken::with(false)
    }

    #[track_caller]
    fn with(cancelled: bool) -> CancellationToken {
        let node = Rc::new(Node {
            siblings: Links::new(),
            children: Links::new(),
            cancelled: Cell::new(cancelled),
            event: Event::new(Kind::CancellationToken),
        });
        let token = CancellationToken {
            _one_thread: PhantomData,
            node,
        };
        // SAFETY: both are in the allocation of the token.
        unsafe {
            Links::close(token.siblings());
            Links::close(NonNull::from(&token.node.children));
        }
        token
    }

    /// Returns a pointer to the node, which is one to its first field.
    fn siblings(&self) -> NonNull<Links> {
        // The pointer of the `Rc`, as its count may be raised through it.
        let node = Rc::as_ptr(&self.node).cast_mut().cast();
        // SAFETY: the pointer of an `Rc` is not null.
        unsafe { NonNull::new_unchecked(node) }
    }

    /// Returns a token that is cancelled when this one is. It is cancelled at once if this one has
    /// been.
    ///
    /// ```
    /// use wakeful::sync::CancellationToken;
    ///
    /// let parent = CancellationToken::new();
    /// let (first, second) = (parent.child_token(), parent.child_token());
    /// first.cancel();
    /// assert!(!parent.is_cancelled() && !second.is_cancelled());
    /// parent.cancel();
    /// assert!(second.is_cancelled());
    /// ```
    #[track_caller]
    pub fn child_token(&self) -> CancellationToken {
        let child = CancellationToken::with(self.is_cancelled());
        if !self.is_cancelled() {
            let end = NonNull::from(&self.node.children);
            // SAFETY: both nodes are alive, as their tokens are; so are the members of the ring,
            // see the top of this file. A new node is in no other ring.
            unsafe { Links::insert(child.siblings(), end) };
        }
        child
    }

    /// Cancels the token and all tokens below it, and wakes the tasks that wait for them. Does
    /// nothing the second time.
    ///
    /// All of them are cancelled before the first task is woken.
    pub fn cancel(&self) {
        if self.is_cancelled() {
            return;
        }
        let work = Links::new();
        let work = NonNull::from(&work);
        // SAFETY: `work` is alive until the end of this call, and is unlinked before, also in a
        // panic.
        unsafe { Links::close(work) };
        // SAFETY: as above.
        let _unlinked = on_drop(|| unsafe { Links::unlink(work) });
        // SAFETY: the node is alive, as this token is, and all members of rings are alive, see the
        // top of this file. No user code runs here, so none of them changes meanwhile. All members
        // of the ring but `work` are first fields of nodes.
        unsafe {
            Links::unlink(self.siblings());
            Links::insert(self.siblings(), work);
            // The children of each node are put behind the nodes that are there already.
            let mut at = self.siblings();
            while at != work {
                let node = at.cast::<Node>();
                node.as_ref().cancelled.set(true);
                Links::move_others(NonNull::from(&node.as_ref().children), work);
                at = at.as_ref().next();
            }
        }
        loop {
            // SAFETY: as above. A wake runs user code, which may drop tokens, so the ring is read
            // again after it, and the node is kept by a count.
            let token = unsafe {
                let at = work.as_ref().next();
                if at == work {
                    break;
                }
                Links::unlink(at);
                let node = at.cast::<Node>();
                if node.as_ref().event.is_idle() {
                    continue;
                }
                Rc::increment_strong_count(node.as_ptr());
                CancellationToken {
                    _one_thread: PhantomData,
                    node: Rc::from_raw(node.as_ptr()),
                }
            };
            token.node.event.wake_all();
        }
    }

    /// Whether the token has been cancelled.
    #[inline]
    pub fn is_cancelled(&self) -> bool {
        self.node.cancelled.get()
    }

    /// Returns a future that is ready once the token is cancelled.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: nothing is lost if it is dropped. It consumes the cooperative budget.
    pub fn cancelled(&self) -> WaitForCancellationFuture<'_> {
        WaitForCancellationFuture {
            wait: EventWait::new(Borrowed(self)),
        }
    }

    /// Returns a future that owns the token, and is ready once it is cancelled.
    ///
    /// # Cancel safety
    ///
    /// As for [`cancelled`](Self::cancelled).
    pub fn cancelled_owned(self) -> WaitForCancellationFutureOwned {
        WaitForCancellationFutureOwned {
            wait: EventWait::new(Owned(self)),
        }
    }

    /// Returns a guard that cancels the token when it is dropped.
    ///
    /// ```
    /// use wakeful::sync::CancellationToken;
    ///
    /// let token = CancellationToken::new();
    /// let guard = token.clone().drop_guard();
    /// drop(guard);
    /// assert!(token.is_cancelled());
    /// ```
    pub fn drop_guard(self) -> DropGuard {
        DropGuard { token: Some(self) }
    }

    /// Returns a guard that borrows the token, and cancels it when it is dropped.
    pub fn drop_guard_ref(&self) -> DropGuardRef<'_> {
        DropGuardRef { token: Some(self) }
    }

    /// Runs the future until it is ready or the token is cancelled. `None` if the token was
    /// cancelled. The future is dropped at the end of the call.
    ///
    /// A token that is cancelled at the first poll counts before the future is polled; later, a
    /// future that is ready counts first.
    ///
    /// ```
    /// use wakeful::sync::CancellationToken;
    ///
    /// wakeful::block_on(async {
    ///     let token = CancellationToken::new();
    ///     assert_eq!(token.run_until_cancelled(async { 1 }).await, Some(1));
    ///     token.cancel();
    ///     assert_eq!(token.run_until_cancelled(async { 2 }).await, None);
    /// });
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe if `future` is.
    pub fn run_until_cancelled<F>(&self, future: F) -> impl Future<Output = Option<F::Output>>
    where
        F: Future,
    {
        RunUntilCancelled {
            wait: EventWait::new(Borrowed(self)),
            future,
            started: false,
        }
    }

    /// Runs the future until it is ready or the token is cancelled, and owns the token. See
    /// [`run_until_cancelled`](Self::run_until_cancelled).
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe if `future` is.
    pub fn run_until_cancelled_owned<F>(
        self,
        future: F,
    ) -> impl Future<Output = Option<F::Output>> + use<F>
    where
        F: Future,
    {
        RunUntilCancelled {
            wait: EventWait::new(Owned(self)),
            future,
            started: false,
        }
    }
}

impl Drop for CancellationToken {
    #[inline]
    fn drop(&mut self) {
        // Only tokens have counts.
        if Rc::strong_count(&self.node) != 1 {
            return;
        }
        // SAFETY: the node is alive, and all members of its rings are, see the top of this file.
        unsafe {
            Links::move_others(NonNull::from(&self.node.children), self.siblings());
            Links::unlink(self.siblings());
        }
    }
}

impl Clone for CancellationToken {
    fn clone(&self) -> CancellationToken {
        CancellationToken {
            _one_thread: PhantomData,
            node: self.node.clone(),
        }
    }
}

impl Default for CancellationToken {
    #[track_caller]
    fn default() -> CancellationToken {
        CancellationToken::new()
    }
}

/// Tokens are equal if one is a clone of the other.
impl PartialEq for CancellationToken {
    fn eq(&self, other: &CancellationToken) -> bool {
        Rc::ptr_eq(&self.node, &other.node)
    }
}

impl Eq for CancellationToken {}

impl Hash for CancellationToken {
    fn hash<H: Hasher>(&self, state: &mut H) {
        ptr::hash(Rc::as_ptr(&self.node), state);
    }
}

// A panic leaves no token in an invalid state: none runs in the middle of a change.
impl UnwindSafe for CancellationToken {}
impl RefUnwindSafe for CancellationToken {}

impl fmt::Debug for CancellationToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancellationToken")
            .field("is_cancelled", &self.is_cancelled())
            .finish_non_exhaustive()
    }
}

/// Token to which a future has a reference.
struct Borrowed<'a>(&'a CancellationToken);

/// Token that a future owns.
struct Owned(CancellationToken);

/// Pointer to the event of a token.
trait Token: Owner<Target = Event> {
    fn is_cancelled(&self) -> bool;
}

impl Deref for Borrowed<'_> {
    type Target = Event;

    #[inline]
    fn deref(&self) -> &Event {
        &self.0.node.event
    }
}

impl Deref for Owned {
    type Target = Event;

    #[inline]
    fn deref(&self) -> &Event {
        &self.0.node.event
    }
}

// SAFETY: the event is in an allocation, of which the borrowed token has a count.
unsafe impl Owner for Borrowed<'_> {}
// SAFETY: the event is in an allocation, of which the token has a count.
unsafe impl Owner for Owned {}

impl Token for Borrowed<'_> {
    #[inline]
    fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }
}

impl Token for Owned {
    #[inline]
    fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }
}

/// Polls for the cancellation of a token.
#[inline]
fn poll_cancelled<P: Token>(wait: Pin<&mut EventWait<P>>, cx: &mut Context<'_>) -> Poll<()> {
    wait.poll(cx, |token| token.is_cancelled().then_some(()))
}

pin_project! {
    /// Future of [`CancellationToken::cancelled`].
    #[must_use = "futures do nothing unless polled"]
    pub struct WaitForCancellationFuture<'a> {
        #[pin]
        wait: EventWait<Borrowed<'a>>,
    }
}

pin_project! {
    /// Future of [`CancellationToken::cancelled_owned`].
    #[must_use = "futures do nothing unless polled"]
    pub struct WaitForCancellationFutureOwned {
        #[pin]
        wait: EventWait<Owned>,
    }
}

impl Future for WaitForCancellationFuture<'_> {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        poll_cancelled(self.project().wait, cx)
    }
}

impl Future for WaitForCancellationFutureOwned {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        poll_cancelled(self.project().wait, cx)
    }
}

impl fmt::Debug for WaitForCancellationFuture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitForCancellationFuture")
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for WaitForCancellationFutureOwned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitForCancellationFutureOwned")
            .finish_non_exhaustive()
    }
}

pin_project! {
    /// Future of [`CancellationToken::run_until_cancelled`].
    #[must_use = "futures do nothing unless polled"]
    struct RunUntilCancelled<P, F>
    where
        P: Token,
    {
        #[pin]
        wait: EventWait<P>,
        #[pin]
        future: F,
        started: bool,
    }
}

impl<P, F> Future for RunUntilCancelled<P, F>
where
    P: Token,
    F: Future,
{
    type Output = Option<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<F::Output>> {
        let this = self.project();
        if !mem::replace(this.started, true) && this.wait.owner().is_cancelled() {
            return Poll::Ready(None);
        }
        if let Poll::Ready(output) = this.future.poll(cx) {
            return Poll::Ready(Some(output));
        }
        poll_cancelled(this.wait, cx).map(|()| None)
    }
}

/// Guard of [`CancellationToken::drop_guard`]: cancels the token when it is dropped.
#[derive(Debug)]
#[must_use = "the token is cancelled when this is dropped"]
pub struct DropGuard {
    /// `None` once the guard is disarmed.
    token: Option<CancellationToken>,
}

/// Guard of [`CancellationToken::drop_guard_ref`]: cancels the token when it is dropped.
#[derive(Debug)]
#[must_use = "the token is cancelled when this is dropped"]
pub struct DropGuardRef<'a> {
    /// `None` once the guard is disarmed.
    token: Option<&'a CancellationToken>,
}

impl DropGuard {
    /// Returns the token.
    pub fn token(&self) -> &CancellationToken {
        self.token.as_ref().expect("the guard is not disarmed")
    }

    /// Returns the token without cancelling it.
    pub fn disarm(mut self) -> CancellationToken {
        self.token.take().expect("the guard is not disarmed")
    }
}

impl<'a> DropGuardRef<'a> {
    /// Returns the token.
    pub fn token(&self) -> &CancellationToken {
        self.token.expect("the guard is not disarmed")
    }

    /// Returns the token without cancelling it.
    pub fn disarm(mut self) -> &'a CancellationToken {
        self.token.take().expect("the guard is not disarmed")
    }
}

impl Drop for DropGuard {
    fn drop(&mut self) {
        if let Some(token) = &self.token {
            token.cancel();
        }
    }
}

impl Drop for DropGuardRef<'_> {
    fn drop(&mut self) {
        if let Some(token) = self.token {
            token.cancel();
        }
    }
}
