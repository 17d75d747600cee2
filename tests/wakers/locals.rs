//! Wakers and runtimes in thread-locals, at the end of a thread.

use super::*;

type AtThreadEnd = OnDrop<Box<dyn FnMut()>>;

thread_local! {
    static WAKER: RefCell<Option<AtThreadEnd>> = const { RefCell::new(None) };
    static RUNTIME: RefCell<Option<Runtime>> = const { RefCell::new(None) };
}

/// Wakes, clones and drops the waker in the destructor of a thread-local.
fn wake_at_thread_end(waker: Waker) {
    let mut waker = Some(waker);
    WAKER.set(Some(OnDrop(Box::new(move || {
        let waker = waker.take().unwrap();
        waker.wake_by_ref();
        waker.clone().wake();
    }))));
}

#[test]
fn a_thread_local_wakes_a_running_runtime_at_the_end_of_its_thread() {
    block_on(async {
        let woken = Rc::new(Cell::new(0));
        let count = woken.clone();
        let (send, wakers) = channel();
        let task = spawn(poll_fn(move |cx| {
            send.send(cx.waker().clone()).unwrap();
            count.set(count.get() + 1);
            if count.get() == 2 {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        }));
        yield_now().await;
        let waker = wakers.recv().unwrap();
        thread::spawn(move || wake_at_thread_end(waker));
        task.await.unwrap();
        assert_eq!(woken.get(), 2);
    });
}

#[test]
fn a_thread_local_of_the_owner_wakes_after_the_runtime() {
    let ledger = thread::spawn(|| {
        let ledger = Ledger::new();
        let runtime = Runtime::new().unwrap();
        wake_at_thread_end(waker_of_large::<27>(&runtime, &ledger));
        drop(runtime);
        assert_eq!(living::<27>(), 1);
        ledger
    })
    .join()
    .unwrap();
    ledger.assert_all_dropped(1);
    spin_until(|| living::<27>() == 0);
}

#[test]
fn a_runtime_in_a_thread_local_ends_with_its_thread() {
    // In both orders: the system chooses whether the runtime or its thread-locals are destroyed
    // first.
    for runtime_first in [false, true] {
        let ledger = thread::spawn(move || {
            if runtime_first {
                RUNTIME.with(|_| ());
            }
            let ledger = Ledger::new();
            let runtime = Runtime::new().unwrap();
            let waker = waker_of_large::<29>(&runtime, &ledger);
            let guard = ledger.guard();
            runtime.spawn(async move {
                let _guard = guard;
                let _spawns = OnDrop(|| {
                    spawn(async {});
                });
                pending::<()>().await
            });
            runtime.block_on(yield_now());
            if runtime_first {
                RUNTIME.set(Some(runtime));
                wake_at_thread_end(waker);
            } else {
                wake_at_thread_end(waker);
                RUNTIME.set(Some(runtime));
            }
            ledger
        })
        .join()
        .unwrap();
        ledger.assert_all_dropped(2);
        spin_until(|| living::<29>() == 0);
    }
}
