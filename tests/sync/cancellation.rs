use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::future::{Future, pending, poll_fn, ready};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_util::FutureExt;
use proptest::prelude::*;
use wakeful::sync::CancellationToken;
use wakeful::task::coop::has_budget_remaining;

use super::support::{Counting, Ledger};
use super::user_code::{on_clone, on_wake, panics};

type Wait = Pin<Box<dyn Future<Output = ()>>>;

/// Begins to wait for the token, with that waker.
fn wait(token: &CancellationToken, waker: &Waker) -> Wait {
    let mut wait: Wait = Box::pin(token.clone().cancelled_owned());
    assert!(
        wait.as_mut()
            .poll(&mut Context::from_waker(waker))
            .is_pending()
    );
    wait
}

fn is_ready(wait: &mut Wait) -> bool {
    wait.as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
        .is_ready()
}

#[test]
fn a_cancellation_wakes_all_that_wait_and_counts_once() {
    let token = CancellationToken::new();
    let (wakes, waker) = Counting::new();
    let mut waits = [wait(&token, &waker), wait(&token.clone(), &waker)];
    let mut borrowed = pin!(token.cancelled());
    assert!(borrowed.as_mut().now_or_never().is_none());
    assert!(!token.is_cancelled());
    token.cancel();
    token.cancel();
    assert!(token.is_cancelled());
    assert_eq!(wakes.wakes(), 2);
    assert!(waits.iter_mut().all(is_ready));
    assert!(borrowed.now_or_never().is_some());
    assert!(token.cancelled().now_or_never().is_some());
}

#[test]
fn a_parent_cancels_its_descendants_and_a_child_only_its_own() {
    let root = CancellationToken::new();
    let child = root.child_token();
    let sibling = root.child_token();
    let grandchild = child.child_token();
    let (wakes, waker) = Counting::new();
    let _waits = [&root, &child, &sibling, &grandchild].map(|it| wait(it, &waker));
    child.cancel();
    assert_eq!(wakes.wakes(), 2);
    assert!(grandchild.is_cancelled() && !root.is_cancelled() && !sibling.is_cancelled());
    root.cancel();
    assert_eq!(wakes.wakes(), 4);
    assert!(root.child_token().is_cancelled());
    assert!(child.child_token().is_cancelled());
}

#[test]
fn grandchildren_are_cancelled_after_the_child_between_is_dropped() {
    let root = CancellationToken::new();
    let child = root.child_token();
    let before = root.child_token();
    let grandchildren = [child.child_token(), child.child_token()];
    drop(child);
    drop(before);
    let after = root.child_token();
    root.cancel();
    assert!(grandchildren.iter().all(CancellationToken::is_cancelled));
    assert!(after.is_cancelled());
}

#[test]
fn a_root_that_is_dropped_cancels_nothing() {
    let root = CancellationToken::new();
    let children = [root.child_token(), root.child_token(), root.child_token()];
    drop(root);
    assert!(children.iter().all(|it| !it.is_cancelled()));
    let [first, second, third] = children;
    let grandchild = second.child_token();
    drop(second);
    first.cancel();
    assert!(!third.is_cancelled() && !grandchild.is_cancelled());
    drop(third);
    grandchild.cancel();
}

#[test]
fn a_deep_and_a_wide_tree_are_cancelled_and_dropped() {
    for drop_first in [false, true] {
        let root = CancellationToken::new();
        let mut tokens = vec![root.clone()];
        for _ in 0..100_000 {
            tokens.push(tokens[tokens.len() - 1].child_token());
            tokens.push(root.child_token());
            tokens.swap_remove(0);
        }
        let deepest = tokens[tokens.len() - 2].clone();
        if drop_first {
            tokens.clear();
        }
        root.cancel();
        assert!(tokens.iter().all(CancellationToken::is_cancelled));
        assert!(deepest.is_cancelled());
    }
}

#[allow(clippy::mutable_key_type, reason = "the hash is that of a pointer")]
#[test]
fn tokens_are_compared_by_identity() {
    let token = CancellationToken::new();
    assert_eq!(token, token.clone());
    assert_ne!(token, token.child_token());
    assert_ne!(token, CancellationToken::default());
    let set = HashSet::from([token.clone(), token.clone(), token.child_token()]);
    assert_eq!(set.len(), 2);
}

#[test]
fn a_guard_cancels_when_it_is_dropped_unless_it_is_disarmed() {
    let token = CancellationToken::new();
    assert_eq!(token.clone().drop_guard().disarm(), token);
    assert_eq!(token.drop_guard_ref().disarm(), &token);
    let guard = token.drop_guard_ref();
    assert!(!guard.token().is_cancelled());
    drop(guard);
    assert!(token.is_cancelled());
    let token = CancellationToken::new();
    let guard = token.clone().drop_guard();
    assert_eq!(guard.token(), &token);
    drop(guard);
    assert!(token.is_cancelled());
}

#[test]
fn run_until_cancelled_returns_the_output_or_nothing() {
    let ledger = Ledger::new();
    let token = CancellationToken::new();
    assert_eq!(
        token.run_until_cancelled(ready(1)).now_or_never(),
        Some(Some(1))
    );
    let (wakes, waker) = Counting::new();
    let mut cx = Context::from_waker(&waker);
    let guard = ledger.guard();
    let mut borrowed = pin!(token.run_until_cancelled(async {
        let _guard = guard;
        pending::<()>().await;
    }));
    let mut owned = pin!(token.clone().run_until_cancelled_owned(pending::<()>()));
    let mut polls = 0;
    let mut ready_later = pin!(token.run_until_cancelled(poll_fn(|_| {
        polls += 1;
        if polls == 1 {
            Poll::Pending
        } else {
            Poll::Ready(2)
        }
    })));
    assert!(borrowed.as_mut().poll(&mut cx).is_pending());
    assert!(owned.as_mut().poll(&mut cx).is_pending());
    assert!(ready_later.as_mut().poll(&mut cx).is_pending());
    token.cancel();
    assert_eq!(wakes.wakes(), 3);
    assert_eq!(borrowed.as_mut().poll(&mut cx), Poll::Ready(None));
    assert_eq!(owned.as_mut().poll(&mut cx), Poll::Ready(None));
    assert_eq!(ready_later.as_mut().poll(&mut cx), Poll::Ready(Some(2)));
    let not_polled = async { panic!("it is not polled") };
    assert_eq!(
        token.run_until_cancelled(not_polled).now_or_never(),
        Some(None::<()>)
    );
}

#[test]
fn a_wait_that_is_dropped_keeps_no_waker() {
    let token = CancellationToken::new();
    let (wakes, waker) = Counting::new();
    drop(wait(&token, &waker));
    assert_eq!(Arc::strong_count(&wakes), 2);
    token.cancel();
    assert_eq!(wakes.wakes(), 0);
}

#[test]
fn a_waker_may_use_and_drop_the_whole_tree() {
    let root = CancellationToken::new();
    let child = root.child_token();
    let tokens = Rc::new(RefCell::new(vec![
        child.child_token(),
        root.child_token(),
        child.clone(),
    ]));
    let woken = Rc::new(Cell::new(0));
    let waits: Rc<RefCell<Vec<Wait>>> = Rc::default();
    let waker = {
        let (tokens, root, woken) = (tokens.clone(), root.clone(), woken.clone());
        let waits = waits.clone();
        on_wake(move || {
            woken.set(woken.get() + 1);
            assert!(root.is_cancelled());
            let tokens = tokens.take();
            assert!(tokens.iter().all(CancellationToken::is_cancelled));
            for token in &tokens {
                token.cancel();
                assert!(token.child_token().is_cancelled());
            }
            drop(tokens);
            drop(waits.take());
        })
    };
    let new: Vec<_> = [&root, &child]
        .into_iter()
        .chain(&*tokens.borrow())
        .map(|it| wait(it, &waker))
        .collect();
    waits.borrow_mut().extend(new);
    drop(child);
    root.cancel();
    assert_eq!(woken.get(), 1, "the others were dropped by the first");
}

#[test]
fn a_waker_may_cancel_another_tree_that_it_belongs_to() {
    let (first, second) = (CancellationToken::new(), CancellationToken::new());
    let woken = Rc::new(Cell::new(0));
    let waker = {
        let (first, second, woken) = (first.clone(), second.clone(), woken.clone());
        on_wake(move || {
            woken.set(woken.get() + 1);
            first.cancel();
            second.cancel();
        })
    };
    let _waits = [&first, &second, &first.child_token()].map(|it| wait(it, &waker));
    first.cancel();
    assert_eq!(woken.get(), 3);
}

#[cfg(panic = "unwind")]
#[test]
fn a_waker_that_panics_leaves_the_other_tokens_their_wakes() {
    let root = CancellationToken::new();
    let children = [root.child_token(), root.child_token()];
    let (wakes, counting) = Counting::new();
    let _waits = [
        wait(&root, &panics()),
        wait(&children[0], &panics()),
        wait(&children[0], &counting),
        wait(&children[1], &counting),
    ];
    root.cancel();
    assert_eq!(wakes.wakes(), 2);
}

#[test]
fn a_token_that_is_cancelled_by_the_clone_of_the_waker_is_seen() {
    let token = CancellationToken::new();
    let waker = {
        let token = token.clone();
        on_clone(move || token.cancel())
    };
    let wait = pin!(token.cancelled());
    assert!(wait.poll(&mut Context::from_waker(&waker)).is_ready());
}

#[test]
fn cancelled_consumes_the_budget() {
    wakeful::block_on(async {
        let token = CancellationToken::new();
        token.cancel();
        poll_fn(|cx| {
            let mut polls = 0;
            while pin!(token.cancelled()).poll(cx).is_ready() {
                polls += 1;
                assert!(polls < 1000, "without an end");
            }
            assert!(polls > 10 && !has_budget_remaining());
            Poll::Ready(())
        })
        .await;
    });
}

#[derive(Clone, Copy, Debug)]
enum Action {
    Root,
    Child(usize),
    Clone(usize),
    Drop(usize),
    Cancel(usize),
}

fn action() -> impl Strategy<Value = Action> {
    let n = 0..64usize;
    prop_oneof![
        1 => Just(Action::Root),
        6 => n.clone().prop_map(Action::Child),
        1 => n.clone().prop_map(Action::Clone),
        3 => n.clone().prop_map(Action::Drop),
        1 => n.prop_map(Action::Cancel),
    ]
}

proptest! {
    /// The model: each token has a number, and knows its ancestors at the time when it was made.
    #[test]
    fn a_tree_does_what_its_model_does(
        actions in proptest::collection::vec(action(), 0..150)
    ) {
        let mut tokens: Vec<(CancellationToken, usize)> = Vec::new();
        let mut ancestors: HashMap<usize, Vec<usize>> = HashMap::new();
        let mut cancelled = HashSet::new();
        for (number, action) in actions.into_iter().enumerate() {
            let count = tokens.len();
            let at = |n: usize| n % count.max(1);
            match action {
                Action::Child(n) if count > 0 => {
                    let (parent, parent_number) = &tokens[at(n)];
                    let mut line = ancestors[parent_number].clone();
                    line.push(number);
                    ancestors.insert(number, line);
                    let child = parent.child_token();
                    tokens.push((child, number));
                }
                Action::Root | Action::Child(_) => {
                    ancestors.insert(number, vec![number]);
                    tokens.push((CancellationToken::new(), number));
                }
                Action::Clone(n) if count > 0 => {
                    let copy = tokens[at(n)].clone();
                    tokens.push(copy);
                }
                Action::Drop(n) if count > 0 => drop(tokens.swap_remove(at(n))),
                Action::Cancel(n) if count > 0 => {
                    let (token, number) = &tokens[at(n)];
                    token.cancel();
                    cancelled.insert(*number);
                }
                _ => {}
            }
            for (token, number) in &tokens {
                let expected = ancestors[number].iter().any(|it| cancelled.contains(it));
                prop_assert_eq!(token.is_cancelled(), expected);
            }
        }
    }
}
