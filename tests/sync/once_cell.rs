use std::cell::Cell;
use std::future::{pending, ready};
use std::pin::pin;
use std::rc::Rc;

use wakeful::sync::{OnceCell, SetError};
use wakeful::task::yield_now;

use super::poll::{Polled, is_ready, poll_counting};
use super::support::Ledger;

#[test]
fn one_initializer_runs_and_all_get_its_value() {
    wakeful::block_on(async {
        let cell = Rc::new(OnceCell::new());
        let runs = Rc::new(Cell::new(0));
        let tasks: Vec<_> = (0..3)
            .map(|_| {
                let (cell, runs) = (cell.clone(), runs.clone());
                wakeful::spawn(async move {
                    let value = cell.get_or_init(|| async {
                        runs.set(runs.get() + 1);
                        yield_now().await;
                        runs.get()
                    });
                    *value.await
                })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.await.unwrap(), 1);
        }
        assert_eq!((runs.get(), cell.get()), (1, Some(&1)));
    });
}

#[test]
fn an_initializer_that_is_dropped_lets_the_next_run_its_own() {
    let cell = OnceCell::new();
    let mut second = pin!(cell.get_or_init(|| ready(2)));
    {
        let mut first = pin!(cell.get_or_init(pending));
        assert!(!is_ready(first.as_mut()));
        assert!(!is_ready(second.as_mut()));
        assert_eq!(cell.set(3), Err(SetError::InitializingError(3)));
    }
    let Polled::Ready(value) = poll_counting(second).1 else {
        panic!("it is its turn");
    };
    assert_eq!(*value, 2);
}

#[test]
#[cfg(panic = "unwind")]
fn an_initializer_that_panics_lets_the_next_run_its_own() {
    wakeful::block_on(async {
        let cell = Rc::new(OnceCell::new());
        let task = {
            let cell = cell.clone();
            wakeful::spawn(async move {
                cell.get_or_init(|| async {
                    yield_now().await;
                    panic!("the initializer")
                })
                .await;
            })
        };
        yield_now().await;
        assert_eq!(*cell.get_or_init(|| ready(2)).await, 2);
        assert!(task.await.unwrap_err().is_panic());
    });
}

#[test]
fn an_error_leaves_the_cell_empty() {
    wakeful::block_on(async {
        let cell = OnceCell::new();
        let failed = cell.get_or_try_init(|| ready(Err::<u32, _>("no"))).await;
        assert_eq!(failed, Err("no"));
        assert!(!cell.initialized());
        let set: Result<_, &str> = cell.get_or_try_init(|| ready(Ok(1))).await;
        assert_eq!(set, Ok(&1));
        let set: Result<_, &str> = cell.get_or_try_init(|| ready(Err("late"))).await;
        assert_eq!(set, Ok(&1));
    });
}

#[test]
fn a_value_is_set_once_and_no_initializer_runs_after_it() {
    let cell = OnceCell::new();
    assert_eq!(cell.get(), None);
    cell.set(1).unwrap();
    let error = cell.set(2).unwrap_err();
    assert!(error.is_already_init_err() && !error.is_initializing_err());
    assert_eq!(error, SetError::AlreadyInitializedError(2));
    assert!(is_ready(pin!(cell.get_or_init(pending))));
}

#[test]
fn the_value_is_dropped_once() {
    let ledger = Ledger::new();
    drop(OnceCell::new_with(Some(ledger.guard())));
    let cell = OnceCell::new();
    assert!(cell.set(ledger.guard()).is_ok());
    drop(cell.into_inner());
    assert_eq!(ledger.dropped(), 2);
    assert!(OnceCell::<u8>::new_with(None).into_inner().is_none());
}

#[test]
fn a_cell_is_empty_after_take_and_can_be_set_again() {
    let mut cell = OnceCell::from(1);
    *cell.get_mut().unwrap() += 1;
    assert_eq!(cell.clone(), cell);
    assert_eq!(format!("{cell:?}"), "OnceCell { value: Some(2), .. }");
    assert_eq!(cell.take(), Some(2));
    assert_eq!((cell.take(), cell.get_mut()), (None, None));
    cell.set(3).unwrap();
    assert_eq!(cell.get(), Some(&3));
}
