//! Aborting a task in each of its states, on the owner thread and from other threads.

mod support;

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::thread;

use support::{Ledger, OnDrop, my_waker};
use wakeful::task::{AbortHandle, JoinHandle, yield_now};
use wakeful::{block_on, spawn};

/// A future that records whether it was polled and holds a guard; it waits forever.
fn waiting(ledger: &Ledger, polled: &Rc<Cell<u32>>) -> impl Future<Output = ()> + 'static {
    let (guard, polled) = (ledger.guard(), polled.clone());
    poll_fn(move |_| {
        let _guard = &guard;
        polled.set(polled.get() + 1);
        Poll::Pending
    })
}

#[test]
fn abort_before_the_first_poll() {
    let (ledger, polled) = (Ledger::new(), Rc::default());
    block_on(async {
        let task = spawn(waiting(&ledger, &polled));
        task.abort();
        assert!(!task.is_finished());
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(polled.get(), 0);
        ledger.assert_all_dropped(1);
    });
}

#[test]
fn abort_while_it_waits() {
    let (ledger, polled) = (Ledger::new(), Rc::default());
    block_on(async {
        let task = spawn(waiting(&ledger, &polled));
        yield_now().await;
        assert_eq!(polled.get(), 1);
        task.abort();
        task.abort();
        // The loop drops it later, not the call of `abort`.
        assert_eq!(ledger.dropped(), 0);
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(polled.get(), 1);
        ledger.assert_all_dropped(1);
    });
}

#[test]
fn abort_after_a_wake_comes_before_the_poll() {
    block_on(async {
        let polls = Rc::new(Cell::new(0));
        let count = polls.clone();
        let task = spawn(async move {
            loop {
                count.set(count.get() + 1);
                yield_now().await;
            }
        });
        yield_now().await;
        let before: i32 = polls.get();
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(polls.get(), before);
    });
}

#[test]
fn abort_of_the_running_task_takes_effect_at_its_next_await() {
    let ledger = Ledger::new();
    block_on(async {
        let own: Rc<RefCell<Option<AbortHandle>>> = Rc::default();
        for returns in [true, false] {
            let (me, guard) = (own.clone(), ledger.guard());
            let task: JoinHandle<i32> = spawn(async move {
                let _guard = guard;
                me.borrow().as_ref().unwrap().abort();
                if !returns {
                    pending::<()>().await;
                }
                4
            });
            own.replace(Some(task.abort_handle()));
            match task.await {
                Ok(output) => assert!(returns && output == 4),
                Err(error) => assert!(!returns && error.is_cancelled()),
            }
        }
    });
    ledger.assert_all_dropped(2);
}

#[test]
fn abort_after_the_end_has_no_effect() {
    block_on(async {
        let task = spawn(async { 6 });
        let stop = task.abort_handle();
        yield_now().await;
        assert!(task.is_finished() && stop.is_finished());
        task.abort();
        stop.abort();
        yield_now().await;
        assert_eq!(task.await.unwrap(), 6);
    });
}

#[test]
fn abort_while_the_future_is_dropped() {
    let ledger = Ledger::new();
    block_on(async {
        let stop: Rc<RefCell<Option<AbortHandle>>> = Rc::default();
        let (own, guard) = (stop.clone(), ledger.guard());
        let abort_self = OnDrop(move || {
            let _guard = &guard;
            own.borrow().as_ref().unwrap().abort();
        });
        let task = spawn(async move {
            let _abort_self = abort_self;
            pending::<()>().await
        });
        stop.replace(Some(task.abort_handle()));
        yield_now().await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        for _ in 0..3 {
            yield_now().await;
        }
    });
    ledger.assert_all_dropped(1);
}

#[test]
fn abort_from_another_thread_drops_the_future_on_its_owner() {
    // In tokio #3929 the abort dropped the future and its `Rc`s on the other thread.
    let ledger = Ledger::new();
    block_on(async {
        let polled: Rc<Cell<u32>> = Rc::default();
        let task = spawn(waiting(&ledger, &polled));
        let before = spawn(waiting(&ledger, &polled));
        let stops = [task.abort_handle(), before.abort_handle()];
        yield_now().await;
        let other = thread::spawn(move || stops.map(|stop| stop.abort()));
        assert!(task.await.unwrap_err().is_cancelled());
        assert!(before.await.unwrap_err().is_cancelled());
        other.join().unwrap();
        assert_eq!(Rc::strong_count(&polled), 1);
    });
    ledger.assert_all_dropped(2);
}

#[test]
fn aborts_and_wakes_from_many_threads_at_once() {
    let ledger = Ledger::new();
    block_on(async {
        for _ in 0..200 {
            let guard = ledger.guard();
            let (send, wakers) = std::sync::mpsc::channel();
            let task = spawn(async move {
                let _guard = guard;
                let waker = my_waker().await;
                send.send(waker).unwrap();
                pending::<()>().await
            });
            let stop = task.abort_handle();
            yield_now().await;
            let waker = wakers.recv().unwrap();
            let threads: Vec<_> = (0..2)
                .map(|_| {
                    let (stop, waker) = (stop.clone(), waker.clone());
                    thread::spawn(move || {
                        waker.wake_by_ref();
                        stop.abort();
                        waker.wake();
                        stop
                    })
                })
                .collect();
            drop((stop, waker));
            assert!(task.await.unwrap_err().is_cancelled());
            for thread in threads {
                assert!(thread.join().unwrap().is_finished());
            }
        }
    });
    ledger.assert_all_dropped(200);
}

#[test]
fn an_abort_handle_reports_the_end_on_any_thread() {
    block_on(async {
        let go = Arc::new(AtomicBool::new(false));
        let flag = go.clone();
        let task = spawn(async move {
            while !flag.load(Ordering::SeqCst) {
                yield_now().await;
            }
        });
        let stop = task.abort_handle();
        let id = task.id();
        let (stop, finished) = thread::spawn(move || {
            let finished = stop.is_finished();
            assert_eq!(stop.id(), id);
            (stop, finished)
        })
        .join()
        .unwrap();
        assert!(!finished);
        go.store(true, Ordering::SeqCst);
        task.await.unwrap();
        assert!(thread::spawn(move || stop.is_finished()).join().unwrap());
        // Created after the end.
        let task = spawn(async {});
        yield_now().await;
        assert!(task.abort_handle().is_finished());
    });
}
