//! Tests of `task_local!`: values that are set while the code in their scope runs.

mod support;

use std::cell::{Cell, RefCell};
use std::future::{Future, pending};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Waker};
use std::thread;

use support::{Ledger, OnDrop, panic_of};
use wakeful::task::yield_now;
use wakeful::{block_on, spawn, task_local};

task_local! {
    /// The macro accepts a doc comment and a visibility.
    pub(crate) static NAME: String;
    static NUMBER: u32
}

task_local!(static GUARDED: support::Guard);

#[test]
fn a_value_is_seen_inside_its_scope_only() {
    assert!(NUMBER.try_with(|_| ()).is_err());
    block_on(async {
        NUMBER
            .scope(1, async {
                assert_eq!(NUMBER.get(), 1);
                yield_now().await;
                NUMBER.scope(2, async { assert_eq!(NUMBER.get(), 2) }).await;
                assert_eq!(NUMBER.get(), 1);
                let both = NAME.scope("ada".to_owned(), async { (NAME.get(), NUMBER.get()) });
                assert_eq!(both.await, ("ada".to_owned(), 1));
                assert!(NAME.try_with(String::len).is_err());
            })
            .await;
        assert!(NUMBER.try_with(|_| ()).is_err());
    });
    assert_eq!(NUMBER.sync_scope(5, || NUMBER.get()), 5);
    assert!(NUMBER.try_with(|_| ()).is_err());
}

#[test]
fn tasks_in_turn_see_their_own_values() {
    block_on(async {
        let tasks: Vec<_> = (0..5)
            .map(|n| {
                spawn(NUMBER.scope(n, async move {
                    for _ in 0..5 {
                        assert_eq!(NUMBER.get(), n);
                        yield_now().await;
                    }
                    // A spawned task does not inherit the value.
                    spawn(async { NUMBER.try_with(|_| ()).is_err() })
                        .await
                        .unwrap()
                }))
            })
            .collect();
        for task in tasks {
            assert!(task.await.unwrap());
        }
    });
}

#[test]
fn the_panic_names_the_place_of_the_declaration() {
    let text = panic_of(|| NUMBER.get());
    assert!(text.contains("KEY.scope(value, future)"), "{text}");
    assert_eq!(text, NUMBER.try_with(|_| ()).unwrap_err().to_string());
}

#[test]
fn a_panic_removes_the_value() {
    block_on(async {
        let task = spawn(NUMBER.scope(1, async { panic!("inside") }));
        assert!(task.await.unwrap_err().is_panic());
        assert!(NUMBER.try_with(|_| ()).is_err());
    });
    panic_of(|| NUMBER.sync_scope(1, || panic!("inside")));
    assert!(NUMBER.try_with(|_| ()).is_err());
}

#[test]
fn drops_inside_see_the_value() {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let note = |seen: &Rc<RefCell<Vec<_>>>| {
        let seen = seen.clone();
        OnDrop(move || seen.borrow_mut().push(NUMBER.try_with(|n| *n).ok()))
    };
    block_on(async {
        // The future is dropped in four ways: at its end, by an abort, before its first poll, and
        // with the runtime.
        let ends = note(&seen);
        NUMBER.scope(1, async move { drop(ends) }).await;
        let aborted = note(&seen);
        let task = spawn(NUMBER.scope(2, async move {
            let _note = aborted;
            pending::<()>().await
        }));
        yield_now().await;
        task.abort();
        assert!(task.await.is_err());
        let unpolled = note(&seen);
        drop(NUMBER.scope(3, async move { drop(unpolled) }));
        let left = note(&seen);
        spawn(NUMBER.scope(4, async move {
            let _note = left;
            pending::<()>().await
        }));
        yield_now().await;
    });
    assert_eq!(*seen.borrow(), [Some(1), Some(2), Some(3), Some(4)]);
}

#[test]
fn a_value_is_dropped_once_with_its_scope() {
    let ledger = Ledger::new();
    block_on(async {
        GUARDED.scope(ledger.guard(), yield_now()).await;
        assert_eq!(ledger.dropped(), 1);
        let task = spawn(GUARDED.scope(ledger.guard(), pending::<()>()));
        yield_now().await;
        task.abort();
        assert!(task.await.is_err());
        assert_eq!(ledger.dropped(), 2);
        drop(GUARDED.scope(ledger.guard(), async {}));
        // `take_value` takes the value out of the scope.
        let mut scope =
            pin!(GUARDED.scope(ledger.guard(), async { GUARDED.try_with(|_| ()).is_err() }));
        let taken = scope.as_mut().take_value();
        assert!(taken.is_some() && scope.as_mut().take_value().is_none());
        assert!(scope.await);
        assert_eq!(ledger.dropped(), 3);
    });
    ledger.assert_all_dropped(4);
}

#[test]
fn a_scope_polled_after_its_end_panics() {
    let mut scope = pin!(NUMBER.scope(1, async {}));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(scope.as_mut().poll(&mut cx).is_ready());
    let text = panic_of(|| scope.as_mut().poll(&mut cx));
    assert_eq!(text, "a task-local scope was polled after it finished");
}

#[test]
fn a_scope_may_be_dropped_while_the_value_is_borrowed() {
    let dropped = Rc::new(Cell::new(false));
    let flag = dropped.clone();
    NUMBER.sync_scope(1, || {
        NUMBER.with(|_| {
            let note = OnDrop(move || flag.set(true));
            drop(Box::pin(NUMBER.scope(2, async move { drop(note) })));
            // Starting a scope while the value is borrowed is a mistake of the caller, and panics.
            let text = panic_of(|| NUMBER.sync_scope(3, || ()));
            assert!(text.contains("borrowed by `with`"), "{text}");
        });
        assert_eq!(NUMBER.get(), 1);
    });
    assert!(dropped.get());
}

#[test]
fn a_value_may_use_its_key_in_its_drop() {
    struct Nosy;
    task_local!(static NOSY: Nosy);
    impl Drop for Nosy {
        fn drop(&mut self) {
            assert!(NOSY.try_with(|_| ()).is_err());
            NUMBER.sync_scope(1, || ());
        }
    }
    NOSY.sync_scope(Nosy, || ());
    block_on(NOSY.scope(Nosy, yield_now()));
    drop(NOSY.scope(Nosy, yield_now()));
}

#[test]
fn a_scope_in_a_thread_local_ends_with_its_thread() {
    type Kept = Pin<Box<dyn Future<Output = ()>>>;
    thread_local!(static KEPT: RefCell<Option<Kept>> = const { RefCell::new(None) });
    let ledger = thread::spawn(|| {
        let ledger = Ledger::new();
        let (guard, looks) = (
            ledger.guard(),
            OnDrop(|| {
                // Both results are correct, as the system chooses which thread-local it destroys
                // first.
                let _ = GUARDED.try_with(|_| ());
            }),
        );
        // Some systems destroy thread-locals in reverse order. `KEPT` is initialized before the
        // slot of `GUARDED`, so they destroy the slot first.
        KEPT.with(|_| ());
        let mut scope: Kept = Box::pin(GUARDED.scope(ledger.guard(), async move {
            let _keep = (guard, looks);
            pending::<()>().await
        }));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(scope.as_mut().poll(&mut cx).is_pending());
        KEPT.set(Some(scope));
        ledger
    })
    .join()
    .unwrap();
    ledger.assert_all_dropped(2);
}
