//! `will_wake`: which wakers wake the same task.

use super::*;

#[test]
fn will_wake_tells_tasks_apart() {
    block_on(async {
        let first = my_waker().await;
        assert!(first.will_wake(&my_waker().await));
        assert!(first.will_wake(&first.clone()));
        let other = spawn(my_waker()).await.unwrap();
        assert!(!first.will_wake(&other));
        let there = first.clone();
        let back = thread::spawn(move || there.clone()).join().unwrap();
        assert!(first.will_wake(&back));
    });
}

#[test]
fn a_foreign_loop_may_poll_a_handle() {
    let runtime = Runtime::new().unwrap();
    let mut task = runtime.spawn(async { 2 });
    let (counting, waker) = Counting::new();
    assert!(poll_once(&mut task, &waker).is_pending());
    runtime.block_on(yield_until(|| counting.wakes() == 1));
    assert!(matches!(poll_once(&mut task, &waker), Poll::Ready(Ok(2))));
}
