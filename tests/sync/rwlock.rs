use std::pin::pin;
use std::rc::Rc;

use wakeful::sync::{
    OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock, RwLockReadGuard, RwLockWriteGuard,
};
use wakeful::task::yield_now;

use super::poll::{Polled, is_ready, poll_counting};

#[test]
fn readers_share_the_lock_and_a_writer_has_it_alone() {
    let lock = RwLock::new(1);
    let (first, second) = (lock.try_read().unwrap(), lock.try_read().unwrap());
    assert_eq!((*first, *second), (1, 1));
    assert!(lock.try_write().is_err());
    drop((first, second));
    let writer = lock.try_write().unwrap();
    assert!(lock.try_read().is_err());
    assert!(lock.try_write().is_err());
    drop(writer);
    assert!(lock.try_write().is_ok());
}

#[test]
fn a_reader_waits_behind_a_waiting_writer() {
    let lock = RwLock::new(1);
    let first = lock.try_read().unwrap();
    let mut writer = pin!(lock.write());
    let mut late = pin!(lock.read());
    let (writer_wakes, pending) = poll_counting(writer.as_mut());
    assert!(matches!(pending, Polled::Pending));
    let (late_wakes, pending) = poll_counting(late.as_mut());
    assert!(matches!(pending, Polled::Pending));
    assert!(lock.try_read().is_err(), "it would overtake the writer");
    drop(first);
    assert_eq!((writer_wakes.wakes(), late_wakes.wakes()), (1, 0));
    let Polled::Ready(writer) = poll_counting(writer.as_mut()).1 else {
        panic!("the lock is the writer's");
    };
    drop(writer);
    assert_eq!(late_wakes.wakes(), 1);
    assert!(is_ready(late));
}

#[test]
fn a_writer_that_is_dropped_lets_the_readers_behind_it_go() {
    let lock = RwLock::new(1);
    let _first = lock.try_read().unwrap();
    let mut late = pin!(lock.read());
    {
        let mut writer = pin!(lock.write());
        assert!(!is_ready(writer.as_mut()));
        assert!(!is_ready(late.as_mut()));
    }
    assert!(is_ready(late));
}

#[test]
fn no_more_readers_than_the_maximum() {
    let lock = RwLock::with_max_readers(1, 2);
    let readers = (lock.try_read().unwrap(), lock.try_read().unwrap());
    let mut third = pin!(lock.read());
    assert!(!is_ready(third.as_mut()));
    drop(readers.0);
    assert!(is_ready(third));
    drop(readers.1);
    assert!(lock.try_write().is_ok(), "a writer has all the permits");
}

#[test]
#[should_panic = "from 1 to u32::MAX >> 3"]
fn no_readers_at_all_are_refused() {
    let _ = RwLock::with_max_readers(1, 0);
}

#[test]
fn tasks_get_the_lock_in_the_order_in_which_they_began_to_wait() {
    wakeful::block_on(async {
        let lock = Rc::new(RwLock::new(Vec::new()));
        let first = lock.write().await;
        let tasks: Vec<_> = (0..5)
            .map(|number| {
                let lock = lock.clone();
                wakeful::spawn(async move {
                    let mut list = lock.write().await;
                    yield_now().await;
                    list.push(number);
                })
            })
            .collect();
        yield_now().await;
        drop(first);
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*lock.read().await, [0, 1, 2, 3, 4]);
    });
}

#[test]
fn a_downgrade_lets_waiting_readers_in_and_writers_not() {
    let lock = RwLock::new(1);
    let writer = lock.try_write().unwrap();
    let mut reader = pin!(lock.read());
    let mut next = pin!(lock.write());
    assert!(!is_ready(reader.as_mut()));
    assert!(!is_ready(next.as_mut()));
    let downgraded = writer.downgrade();
    assert!(is_ready(reader));
    assert!(!is_ready(next.as_mut()));
    drop(downgraded);
    assert!(is_ready(next));
}

#[test]
fn guards_of_parts_hold_the_lock() {
    let lock = RwLock::new((1, [2, 3]));
    let writer = RwLockWriteGuard::map(lock.try_write().unwrap(), |pair| &mut pair.1);
    let mut part = wakeful::sync::RwLockMappedWriteGuard::map(writer, |array| &mut array[0]);
    *part += 10;
    assert!(lock.try_read().is_err());
    drop(part);
    let reader = RwLockReadGuard::map(lock.try_read().unwrap(), |pair| &pair.1[0]);
    assert_eq!(*reader, 12);
    assert!(lock.try_write().is_err());
    drop(reader);
    assert!(lock.try_write().is_ok());
}

#[test]
fn a_part_that_does_not_exist_gives_the_guard_back() {
    let lock = Rc::new(RwLock::new(vec![1]));
    let writer = lock.try_write().unwrap();
    let writer = RwLockWriteGuard::try_map(writer, |list| list.get_mut(1)).unwrap_err();
    let writer = RwLockWriteGuard::try_downgrade_map(writer, |list| list.get(1)).unwrap_err();
    assert!(lock.try_read().is_err(), "it is still a write guard");
    let reader = RwLockWriteGuard::try_downgrade_map(writer, |list| list.first()).unwrap();
    assert_eq!((*reader, lock.try_read().unwrap()[0]), (1, 1));
    drop(reader);
    let owned = lock.clone().try_write_owned().unwrap();
    let owned = OwnedRwLockWriteGuard::try_map(owned, |list| list.get_mut(1)).unwrap_err();
    let owned = OwnedRwLockWriteGuard::try_downgrade_map(owned, |list| list.get(1)).unwrap_err();
    let owned = OwnedRwLockReadGuard::try_map(owned.downgrade(), |list| list.get(1)).unwrap_err();
    assert_eq!(*owned, [1]);
}

#[test]
fn owned_guards_keep_the_lock_alive() {
    let lock = Rc::new(RwLock::new((1, 2)));
    let weak = Rc::downgrade(&lock);
    let mut writer = lock.clone().try_write_owned().unwrap().into_mapped_part();
    *writer += 1;
    drop(lock);
    assert!(weak.upgrade().unwrap().try_read().is_err());
    drop(writer);
    assert!(weak.upgrade().is_none());
}

trait IntoMappedPart {
    type Part;
    fn into_mapped_part(self) -> Self::Part;
}

impl IntoMappedPart for OwnedRwLockWriteGuard<(i32, i32)> {
    type Part = wakeful::sync::OwnedRwLockMappedWriteGuard<(i32, i32), i32>;

    fn into_mapped_part(self) -> Self::Part {
        let mapped = OwnedRwLockWriteGuard::into_mapped(self);
        wakeful::sync::OwnedRwLockMappedWriteGuard::map(mapped, |pair| &mut pair.1)
    }
}

#[test]
fn an_owned_downgrade_of_a_part_reads_it() {
    let lock = Rc::new(RwLock::new((1, 2)));
    let writer = lock.clone().try_write_owned().unwrap();
    let reader = OwnedRwLockWriteGuard::downgrade_map(writer, |pair| &pair.1);
    assert_eq!(*reader, 2);
    assert!(Rc::ptr_eq(OwnedRwLockReadGuard::rwlock(&reader), &lock));
    assert!(lock.try_read().is_ok());
    assert!(lock.try_write().is_err());
}

#[test]
#[cfg(panic = "unwind")]
fn a_panic_in_a_map_releases_the_lock() {
    let lock = RwLock::new(1);
    let text = super::support::panic_of(|| {
        let guard = lock.try_write().unwrap();
        RwLockWriteGuard::downgrade_map(guard, |_| -> &i32 { panic!("no part") })
    });
    assert_eq!(text, "no part");
    assert!(lock.try_write().is_ok());
}

#[test]
fn debug_shows_the_value_of_a_lock_that_can_be_read() {
    let lock = RwLock::new(7);
    let reader = lock.try_read().unwrap();
    assert_eq!(
        format!("{lock:?} {reader:?} {reader}"),
        "RwLock { value: 7, .. } 7 7"
    );
    drop(reader);
    let _writer = lock.try_write().unwrap();
    assert_eq!(format!("{lock:?}"), "RwLock { value: <locked>, .. }");
}

#[test]
fn the_value_is_returned_and_changed_without_a_guard() {
    let mut lock = RwLock::from(1);
    *lock.get_mut() += 1;
    assert_eq!(lock.into_inner(), 2);
    assert_eq!(RwLock::<u8>::default().into_inner(), 0);
}
