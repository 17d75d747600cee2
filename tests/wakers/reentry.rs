//! Wakes and wakers in drops, and a waker that is a part of the task that it wakes.

use super::*;

#[test]
fn a_wake_in_the_drop_of_a_future_queues_the_task() {
    // In tokio #1929 the queue was borrowed then.
    let ledger = Ledger::new();
    block_on(async {
        let other = spawn(pending::<()>());
        let others_waker = Rc::new(RefCell::new(None::<Waker>));
        let slot = others_waker.clone();
        let listener = spawn(poll_fn(move |cx| {
            match slot.replace(Some(cx.waker().clone())) {
                None => Poll::Pending,
                Some(_) => Poll::Ready(()),
            }
        }));
        yield_now().await;
        let guard = ledger.guard();
        let task = spawn(async move {
            let own = my_waker().await;
            let stop = other.abort_handle();
            let _wakes = OnDrop(move || {
                let _guard = &guard;
                own.wake_by_ref();
                others_waker.borrow().as_ref().unwrap().wake_by_ref();
                stop.abort();
                spawn(async {});
            });
            let _other = other;
            pending::<()>().await
        });
        yield_now().await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        listener.await.unwrap();
        // The task woke itself after its end: it is queued, and freed when its turn comes.
        for _ in 0..3 {
            yield_now().await;
        }
    });
    ledger.assert_all_dropped(1);
}

#[test]
fn a_foreign_waker_may_use_the_runtime_in_its_drop() {
    struct Busy(Waker);
    impl Wake for Busy {
        fn wake(self: Arc<Self>) {}
    }
    impl Drop for Busy {
        fn drop(&mut self) {
            self.0.wake_by_ref();
            spawn(async {}).abort();
        }
    }
    block_on(async {
        let busy = || async { Waker::from(Arc::new(Busy(my_waker().await))) };
        let mut task = spawn(async { 3 });
        assert!(poll_once(&mut task, &busy().await).is_pending());
        // Replaced by another one of its kind, then dropped with the handle.
        assert!(poll_once(&mut task, &busy().await).is_pending());
        drop(task);
        // Called and dropped at the end of the task.
        let mut task = spawn(async { 3 });
        assert!(poll_once(&mut task, &busy().await).is_pending());
        yield_now().await;
        assert_eq!(task.await.unwrap(), 3);
    });
}

#[test]
fn a_waker_may_be_part_of_its_own_task_and_output() {
    let ledger = Ledger::new();
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let guard = ledger.guard();
        let detached = spawn(async move { (my_waker().await, guard) });
        drop(detached);
        let guard = ledger.guard();
        let dropped = spawn(async move { (my_waker().await, guard) });
        yield_now().await;
        drop(dropped);
        let guard = ledger.guard();
        spawn(async move {
            let _keep = (my_waker().await, guard);
            pending::<()>().await
        });
        yield_now().await;
    });
    assert_eq!((ledger.dropped(), runtime.metrics().tasks_alive), (2, 1));
    drop(runtime);
    ledger.assert_all_dropped(3);
}
