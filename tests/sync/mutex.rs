use std::pin::pin;
use std::rc::Rc;

use wakeful::sync::{MappedMutexGuard, Mutex, MutexGuard, OwnedMappedMutexGuard, OwnedMutexGuard};
use wakeful::task::coop::consume_budget;
use wakeful::task::yield_now;

use super::poll::{is_ready, poll_counting};

#[test]
fn tasks_get_the_lock_in_the_order_in_which_they_began_to_wait() {
    wakeful::block_on(async {
        let order = Rc::new(Mutex::new(Vec::new()));
        let first = order.lock().await;
        let tasks: Vec<_> = (0..5)
            .map(|number| {
                let order = order.clone();
                wakeful::spawn(async move {
                    let mut order = order.lock().await;
                    yield_now().await;
                    order.push(number);
                })
            })
            .collect();
        yield_now().await;
        assert!(order.try_lock().is_err());
        drop(first);
        assert!(order.try_lock().is_err(), "the lock is the first waiter's");
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*order.lock().await, [0, 1, 2, 3, 4]);
    });
}

#[test]
fn a_panic_of_the_holder_releases_the_lock() {
    wakeful::block_on(async {
        let mutex = Rc::new(Mutex::new(1));
        let task = {
            let mutex = mutex.clone();
            wakeful::spawn(async move {
                let mut value = mutex.lock_owned().await;
                *value = 2;
                panic!("while the lock is held");
            })
        };
        assert!(task.await.unwrap_err().is_panic());
        assert_eq!(*mutex.lock().await, 2);
    });
}

#[test]
fn a_mapped_guard_holds_the_lock() {
    let mutex = Mutex::new((1, 2));
    let guard = mutex.try_lock().unwrap();
    let mut second = MutexGuard::map(guard, |pair| &mut pair.1);
    *second += 1;
    assert!(mutex.try_lock().is_err());
    drop(second);
    assert_eq!(*mutex.try_lock().unwrap(), (1, 3));
}

#[test]
fn owned_guards_of_parts_hold_the_lock_and_keep_it_alive() {
    let mutex = Rc::new(Mutex::new((1, [2, 3])));
    let guard = mutex.clone().try_lock_owned().unwrap();
    let guard = OwnedMutexGuard::try_map(guard, |_| None::<&mut i32>).unwrap_err();
    let array = OwnedMutexGuard::map(guard, |value| &mut value.1);
    let mut part = OwnedMappedMutexGuard::map(array, |array| &mut array[0]);
    *part += 10;
    assert!(mutex.try_lock().is_err());
    let weak = Rc::downgrade(&mutex);
    drop(mutex);
    assert_eq!((*part, weak.strong_count()), (12, 1));
    drop(part);
    assert_eq!(weak.strong_count(), 0);
}

#[test]
fn a_guard_of_a_part_is_narrowed_further() {
    let mutex = Mutex::new((1, [2, 3]));
    let array = MutexGuard::map(mutex.try_lock().unwrap(), |value| &mut value.1);
    let array = MappedMutexGuard::try_map(array, |array| array.get_mut(9)).unwrap_err();
    let part = MappedMutexGuard::map(array, |array| &mut array[1]);
    assert_eq!(format!("{part} {part:?}"), "3 3");
    assert!(mutex.try_lock().is_err());
    drop(part);
    assert!(mutex.try_lock().is_ok());
}

/// As in tokio's `mutex_fifo_with_coop_budget`.
#[test]
fn a_task_without_budget_keeps_its_place_among_the_waiting_tasks() {
    wakeful::block_on(async {
        let mutex = Mutex::new(());
        let held = mutex.try_lock().unwrap();
        let (mut first, mut second) = (pin!(mutex.lock()), pin!(mutex.lock()));
        spend_the_budget();
        let (_, polled) = poll_counting(first.as_mut());
        assert!(polled.is_pending());
        yield_now().await;
        let (second_wakes, polled) = poll_counting(second.as_mut());
        assert!(polled.is_pending());
        drop(held);
        assert_eq!(second_wakes.wakes(), 0);
        assert!(is_ready(first));
    });
}

/// As in tokio's `mutex_coop_drop_after_take_permit`.
#[test]
fn a_task_without_budget_that_is_dropped_does_not_keep_the_lock() {
    wakeful::block_on(async {
        let mutex = Mutex::new(());
        spend_the_budget();
        {
            let mut lock = pin!(mutex.lock());
            assert!(!is_ready(lock.as_mut()), "there is no budget");
        }
        assert!(mutex.try_lock().is_ok());
    });
}

/// Consumes what is left in this poll.
fn spend_the_budget() {
    while poll_counting(pin!(consume_budget())).1.is_ready() {}
}
