use std::pin::pin;

use wakeful::sync::{SetOnce, SetOnceError};

use super::poll::{Polled, is_ready, poll_counting};
use super::support::Ledger;

#[test]
fn all_waiting_tasks_get_the_value() {
    let cell = SetOnce::new();
    let (mut first, mut second) = (pin!(cell.wait()), pin!(cell.wait()));
    let (first_wakes, pending) = poll_counting(first.as_mut());
    assert!(matches!(pending, Polled::Pending));
    let (second_wakes, pending) = poll_counting(second.as_mut());
    assert!(matches!(pending, Polled::Pending));
    cell.set(1).unwrap();
    assert_eq!((first_wakes.wakes(), second_wakes.wakes()), (1, 1));
    for waiting in [first, second] {
        assert!(matches!(poll_counting(waiting).1, Polled::Ready(&1)));
    }
    assert!(is_ready(pin!(cell.wait())), "there is a value already");
}

#[test]
fn a_value_is_set_once() {
    let cell = SetOnce::new();
    assert!(!cell.initialized());
    cell.set(1).unwrap();
    assert_eq!(cell.set(2), Err(SetOnceError(2)));
    assert_eq!((cell.get(), cell.initialized()), (Some(&1), true));
    assert_eq!(cell.clone(), cell);
    assert_eq!(format!("{cell:?}"), "SetOnce { value: Some(1), .. }");
    assert_eq!(cell.into_inner(), Some(1));
}

#[test]
fn the_value_is_dropped_once() {
    let ledger = Ledger::new();
    drop(SetOnce::new_with(Some(ledger.guard())));
    let cell = SetOnce::new();
    assert!(cell.set(ledger.guard()).is_ok());
    let late = cell.set(ledger.guard());
    assert!(late.is_err());
    drop((cell, late));
    ledger.assert_all_dropped(3);
    assert!(SetOnce::<u8>::new_with(None).into_inner().is_none());
}
