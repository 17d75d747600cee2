//! Children that borrow from the function around them.
//!
//! They are no tasks of the executor, as a task may outlive every borrow. The future of
//! [`borrowing_scope`] owns them and polls them itself, so they run while it is awaited, and are
//! dropped with it. No unsafe code is needed: if that future is forgotten, the children are
//! forgotten with it, and nothing uses their borrows any more.

use std::cell::RefCell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;

use futures_util::stream::{FuturesUnordered, StreamExt};

use crate::scope::on_drop;

type Child<'env> = Pin<Box<dyn Future<Output = ()> + 'env>>;

/// Spawns children that may borrow what lives longer than the scope. See [`borrowing_scope`].
#[derive(Clone)]
pub struct BorrowingScope<'env> {
    /// Children that have not been polled yet.
    new: Rc<RefCell<Vec<Child<'env>>>>,
}

impl<'env> BorrowingScope<'env> {
    /// Adds a child. It is polled while the scope is awaited. A child that is added after the scope
    /// has ended is never polled.
    pub fn spawn(&self, child: impl Future<Output = ()> + 'env) {
        self.new.borrow_mut().push(Box::pin(child));
    }
}

impl fmt::Debug for BorrowingScope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BorrowingScope").finish_non_exhaustive()
    }
}

/// Runs a function with a scope whose children may borrow from the code around the call. Waits
/// until the future of the function and all children have ended, and returns the output of the
/// future.
///
/// The children run concurrently within the calling task, one at a time; a long poll of one delays
/// the others. A child may spawn more children with a clone of the scope.
///
/// A panic of a child leaves the scope, and drops the other children.
///
/// # Cancel safety
///
/// A drop of the future drops the function's future and all children.
///
/// ```
/// use std::cell::Cell;
/// use std::time::Duration;
/// use wakeful::task::borrowing_scope;
///
/// wakeful::block_on(async {
///     let words = ["one", "two", "three"];
///     let letters = Cell::new(0);
///     borrowing_scope(async |scope| {
///         for word in &words {
///             // Borrows `word` and `letters`: neither an `Rc` nor `'static` is needed.
///             scope.spawn(async {
///                 wakeful::time::sleep(Duration::from_millis(1)).await;
///                 letters.set(letters.get() + word.len());
///             });
///         }
///     })
///     .await;
///     assert_eq!(letters.get(), 11);
/// });
/// ```
pub async fn borrowing_scope<'env, R>(
    body: impl AsyncFnOnce(BorrowingScope<'env>) -> R + 'env,
) -> R {
    let new = Rc::new(RefCell::new(Vec::new()));
    let scope = BorrowingScope { new: new.clone() };
    // A child that holds a clone of the scope and was not polled yet would keep itself alive.
    let _clear = on_drop(|| drop(new.take()));
    let mut children = FuturesUnordered::new();
    let mut body = pin!(body(scope));
    let mut output = None;
    poll_fn(|cx| {
        loop {
            if output.is_none()
                && let Poll::Ready(result) = body.as_mut().poll(cx)
            {
                output = Some(result);
            }
            // In a statement of its own, so that nothing is borrowed while a child is polled.
            let added = new.take();
            children.extend(added);
            while let Poll::Ready(Some(())) = children.poll_next_unpin(cx) {}
            // A child may have added others.
            if new.borrow().is_empty() {
                return match output.is_some() && children.is_empty() {
                    true => Poll::Ready(()),
                    false => Poll::Pending,
                };
            }
        }
    })
    .await;
    output.expect("the function has returned")
}
