//! Tests of dropping a runtime: what is dropped, in which order, and what handles and wakers that
//! outlive the runtime do.

mod support;

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::mpsc::channel;
use std::task::{Context, Poll, Waker};
use std::thread;

use support::{Ledger, OnDrop, Panicking, my_waker, panic_of, poll_once, text_of};
use wakeful::task::{AbortHandle, JoinHandle, yield_now};
use wakeful::{Runtime, block_on, spawn};

#[test]
fn futures_are_dropped_in_every_state() {
    let ledger = Ledger::new();
    let runtime = Runtime::new().unwrap();
    let task = |way: u8| {
        let guard = ledger.guard();
        async move {
            let _guard = guard;
            match way {
                0 => pending().await,
                1 => loop {
                    yield_now().await;
                },
                2 => (),
                _ => panic!("a task that panics"),
            }
        }
    };
    let kept: Vec<_> = (0..4).map(|way| runtime.spawn(task(way))).collect();
    (0..4).for_each(|way| drop(runtime.spawn(task(way))));
    runtime.block_on(yield_now());
    // These two tasks are never polled. The second one is aborted.
    let unpolled = runtime.spawn(task(2));
    runtime.spawn(task(0)).abort();
    assert_eq!(ledger.dropped(), 4);
    drop(runtime);
    ledger.assert_all_dropped(10);
    let ends: Vec<_> = kept
        .into_iter()
        .chain([unpolled])
        .map(|handle| {
            assert!(handle.is_finished());
            block_on(handle).map_err(|error| error.is_panic())
        })
        .collect();
    assert_eq!(
        ends,
        [Err(false), Err(false), Ok(()), Err(true), Err(false)]
    );
}

#[test]
fn outputs_remain_for_their_handles() {
    let ledger = Ledger::new();
    let runtime = Runtime::new().unwrap();
    let (joined, dropped) = (ledger.guard(), ledger.guard());
    let joined = runtime.spawn(async move { joined });
    let dropped = runtime.spawn(async move { dropped });
    runtime.block_on(yield_now());
    drop(runtime);
    assert_eq!(ledger.dropped(), 0);
    drop(block_on(joined).unwrap());
    drop(dropped);
    ledger.assert_all_dropped(2);
}

#[test]
fn remaining_handles_report_the_end_and_do_nothing() {
    let runtime = Runtime::new().unwrap();
    let task = runtime.spawn(pending::<()>());
    let stop = task.abort_handle();
    drop(runtime);
    let later = task.abort_handle();
    for stop in [&stop, &later] {
        stop.abort();
        assert!(stop.is_finished());
        assert_eq!(stop.id(), task.id());
    }
    task.abort();
    thread::spawn(move || {
        stop.abort();
        assert!(stop.clone().is_finished());
    })
    .join()
    .unwrap();
    assert!(block_on(task).unwrap_err().is_cancelled());
}

#[test]
fn tasks_are_dropped_in_the_order_of_their_spawns() {
    let story = Rc::new(RefCell::new(Vec::new()));
    let runtime = Runtime::new().unwrap();
    for n in 0..5 {
        let story = story.clone();
        let tells = OnDrop(move || story.borrow_mut().push(n));
        runtime.spawn(async move {
            let _tells = tells;
            pending::<()>().await
        });
    }
    runtime.block_on(yield_now());
    drop(runtime);
    assert_eq!(*story.borrow(), [0, 1, 2, 3, 4]);
}

#[test]
fn drops_may_spawn_wake_abort_and_detach() {
    let ledger = Ledger::new();
    let runtime = Runtime::new().unwrap();
    let wakers: Rc<RefCell<Vec<Waker>>> = Rc::default();
    let all_stops: Rc<RefCell<Vec<AbortHandle>>> = Rc::default();
    let all_handles: Rc<RefCell<Vec<JoinHandle<()>>>> = Rc::default();
    let late: Rc<RefCell<Vec<JoinHandle<()>>>> = Rc::default();
    let ends = Rc::new(Cell::new(0));
    for n in 0..6 {
        let (wakers, stops, handles) = (wakers.clone(), all_stops.clone(), all_handles.clone());
        let (late, ends, ledger, own_wakers) =
            (late.clone(), ends.clone(), ledger.clone(), wakers.clone());
        let guard = ledger.guard();
        let busy = OnDrop(move || {
            let _guard = &guard;
            wakers.borrow().iter().for_each(Waker::wake_by_ref);
            stops.borrow().iter().for_each(AbortHandle::abort);
            // This is the handle of another task, whose future may still be alive.
            drop(handles.borrow_mut().pop());
            let guard = ledger.guard();
            let ends = ends.clone();
            let spawns_again = OnDrop(move || {
                let _guard = &guard;
                ends.set(ends.get() + 1);
                spawn(async { unreachable!("never polled") });
            });
            let task = spawn(async move {
                let _spawns_again = spawns_again;
                unreachable!("never polled")
            });
            assert!(task.is_finished());
            if n % 2 == 0 {
                late.borrow_mut().push(task);
            }
        });
        let task = runtime.spawn(async move {
            let _busy = busy;
            let waker = my_waker().await;
            own_wakers.borrow_mut().push(waker);
            pending::<()>().await
        });
        all_stops.borrow_mut().push(task.abort_handle());
        all_handles.borrow_mut().push(task);
    }
    runtime.block_on(yield_now());
    assert_eq!(wakers.borrow().len(), 6);
    drop(runtime);
    ledger.assert_all_dropped(12);
    assert_eq!(ends.get(), 6);
    for task in late.take() {
        assert!(block_on(task).unwrap_err().is_cancelled());
    }
    // Only these wakers and abort handles are left of the tasks.
    wakers.take().into_iter().for_each(Waker::wake);
    all_stops.take().into_iter().for_each(|stop| stop.abort());
}

#[test]
fn a_drop_that_panics_does_not_stop_the_others() {
    let ledger = Ledger::new();
    let runtime = Runtime::new().unwrap();
    let tasks: Vec<_> = (0..4)
        .map(|n| {
            let guard = ledger.guard();
            let bad = OnDrop(move || assert!(n % 2 == 0, "drop of task {n}"));
            runtime.spawn(async move {
                let _keep = (guard, bad);
                pending::<()>().await
            })
        })
        .collect();
    runtime.block_on(yield_now());
    drop(runtime);
    ledger.assert_all_dropped(4);
    for (n, task) in tasks.into_iter().enumerate() {
        let error = block_on(task).unwrap_err();
        assert_eq!(error.is_panic(), n % 2 == 1);
    }
}

#[test]
fn a_panic_of_the_main_future_leaves_the_runtime_usable() {
    let ledger = Ledger::new();
    let runtime = Runtime::new().unwrap();
    let count = Rc::new(Cell::new(0));
    let (ticks, guard) = (count.clone(), ledger.guard());
    let task = runtime.spawn(async move {
        let _guard = guard;
        for _ in 0..5 {
            ticks.set(ticks.get() + 1);
            yield_now().await;
        }
        ticks.get()
    });
    for _ in 0..2 {
        let text = panic_of(|| {
            runtime.block_on(async {
                yield_now().await;
                panic!("in main")
            })
        });
        assert_eq!(text, "in main");
    }
    assert!(count.get() > 0 && !task.is_finished());
    assert!(wakeful::Handle::try_current().is_err());
    assert_eq!(runtime.block_on(task).unwrap(), 5);
    ledger.assert_all_dropped(1);
}

#[test]
fn a_runtime_dropped_by_a_panic_drops_its_tasks() {
    let ledger = Ledger::new();
    let text = panic_of(|| {
        let runtime = Runtime::new().unwrap();
        for n in 0..3 {
            let guard = ledger.guard();
            // The drop of this task panics while another panic unwinds.
            let bad = OnDrop(move || assert!(n != 1, "in the drop of a task"));
            runtime.spawn(async move {
                let _keep = (guard, bad);
                pending::<()>().await
            });
        }
        runtime.block_on(async {
            yield_now().await;
            panic!("in main")
        })
    });
    assert_eq!(text, "in main");
    ledger.assert_all_dropped(3);
}

#[test]
fn tasks_do_not_run_between_two_calls() {
    let runtime = Runtime::new().unwrap();
    let count = Rc::new(Cell::new(0));
    let ticks = count.clone();
    runtime.spawn(async move {
        loop {
            ticks.set(ticks.get() + 1);
            yield_now().await;
        }
    });
    runtime.block_on(yield_now());
    let seen = count.get();
    assert_eq!(runtime.metrics().tasks_queued, 1);
    runtime.block_on(yield_now());
    assert!(count.get() > seen);
}

#[test]
fn a_runtime_may_be_dropped_inside_another() {
    let ledger = Ledger::new();
    let story = Rc::new(RefCell::new(Vec::new()));
    let inner = Runtime::new().unwrap();
    let (guard, tells) = (ledger.guard(), story.clone());
    let on_drop = OnDrop(move || {
        // `spawn` uses the inner runtime, which is shutting down, and not the outer one.
        let task = spawn(async { unreachable!("never polled") });
        tells.borrow_mut().push(task.is_finished());
    });
    inner.spawn(async move {
        let _keep = (guard, on_drop);
        pending::<()>().await
    });
    inner.block_on(yield_now());
    block_on(async {
        spawn(async move { drop(inner) }).await.unwrap();
        assert_eq!(spawn(async { 1 }).await.unwrap(), 1);
    });
    assert_eq!(*story.borrow(), [true]);
    ledger.assert_all_dropped(1);
}

#[test]
fn a_drop_may_run_a_loop() {
    let runtime = Runtime::new().unwrap();
    let answer = Rc::new(Cell::new(0));
    let slot = answer.clone();
    let asks = OnDrop(move || slot.set(block_on(async { spawn(async { 3 }).await.unwrap() })));
    runtime.spawn(async move {
        let _asks = asks;
        pending::<()>().await
    });
    runtime.block_on(yield_now());
    drop(runtime);
    assert_eq!(answer.get(), 3);
}

#[test]
fn a_task_may_hold_handles_of_its_runtime_and_wakers_of_others() {
    let ledger = Ledger::new();
    let runtime = Runtime::new().unwrap();
    let (send, wakers) = channel();
    for _ in 0..3 {
        let (send, guard, handle) = (send.clone(), ledger.guard(), runtime.handle());
        runtime.spawn(async move {
            let _keep = (guard, handle.clone());
            let uses = OnDrop(|| {
                handle.spawn_with(|| async {});
                handle.shutdown();
            });
            send.send(my_waker().await).unwrap();
            let _uses = uses;
            pending::<()>().await
        });
    }
    runtime.block_on(yield_now());
    // The last task holds the wakers of the others.
    let wakers: Rc<Vec<_>> = Rc::new(wakers.try_iter().collect());
    let guard = ledger.guard();
    runtime.spawn(async move {
        let _keep = (wakers, guard);
        pending::<()>().await
    });
    runtime.block_on(yield_now());
    drop(runtime);
    ledger.assert_all_dropped(4);
}

#[test]
fn values_of_the_main_future_are_dropped_inside_the_runtime() {
    let runtime = Runtime::new().unwrap();
    let inside = Rc::new(Cell::new(false));
    for panics in [false, true] {
        inside.set(false);
        let flag = inside.clone();
        let note = OnDrop(move || flag.set(wakeful::Handle::try_current().is_ok()));
        let main = async move {
            let _note = note;
            assert!(!panics, "main");
        };
        if panics {
            assert_eq!(panic_of(|| runtime.block_on(main)), "main");
        } else {
            runtime.block_on(main);
        }
        assert!(inside.get());
    }
}

#[test]
fn a_foreign_waker_that_panics_does_not_stop_the_shutdown() {
    // The drop of a runtime wakes the wakers of its sockets, so that their tasks see the error.
    struct Holds<F>(Pin<Box<F>>);
    impl<F: Future> Future for Holds<F> {
        type Output = F::Output;
        fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
            self.0.as_mut().poll(cx)
        }
    }
    let ledger = Ledger::new();
    let runtime = Runtime::new().unwrap();
    let (socket, _other) = std::os::unix::net::UnixStream::pair().unwrap();
    let socket = runtime
        .enter(|| wakeful::reactor::Async::new(socket))
        .unwrap();
    let foreign = Waker::from(std::sync::Arc::new(Panicking));
    let mut readable = Holds(Box::pin(socket.readable()));
    assert!(
        runtime
            .enter(|| poll_once(&mut readable, &foreign))
            .is_pending()
    );
    let guard = ledger.guard();
    let task = runtime.spawn(async move {
        let _guard = guard;
        pending::<()>().await
    });
    let waker = runtime.block_on(async { spawn(my_waker()).await.unwrap() });
    drop(runtime);
    ledger.assert_all_dropped(1);
    waker.wake();
    let text = block_on(poll_fn(|_| Poll::Ready(task.is_finished().to_string())));
    assert_eq!(text, "true");
    assert!(block_on(task).unwrap_err().is_cancelled());
}

#[test]
fn a_payload_remains_for_a_handle_after_the_end() {
    let runtime = Runtime::new().unwrap();
    let task = runtime.spawn(async { panic!("kept") });
    runtime.block_on(yield_now());
    drop(runtime);
    assert_eq!(text_of(block_on(task).unwrap_err().into_panic()), "kept");
}

#[test]
fn errors_of_an_ended_runtime_are_recognized() {
    use wakeful::reactor::{Async, Interest};
    use wakeful::runtime::is_rt_shutdown_err;

    let runtime = Runtime::new().unwrap();
    let (here, _there) = std::os::unix::net::UnixStream::pair().unwrap();
    let socket = runtime.enter(|| Async::new(here)).unwrap();
    drop(runtime);
    let error = block_on(socket.source().ready(Interest::READABLE)).unwrap_err();
    assert!(is_rt_shutdown_err(&error), "{error}");
    assert!(!is_rt_shutdown_err(&std::io::Error::other("another")));
    assert!(!is_rt_shutdown_err(&std::io::ErrorKind::Other.into()));
}
