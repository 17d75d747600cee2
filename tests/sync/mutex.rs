use std::rc::Rc;

use wakeful::sync::{Mutex, MutexGuard};
use wakeful::task::yield_now;

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
