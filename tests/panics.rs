//! Panics in polls, drops, payloads and foreign wakers: each has an effect on its own task only.

mod support;

use std::future::{pending, poll_fn};
use std::panic::panic_any;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::thread;

use support::{Ledger, OnDrop, Panicking, my_waker, panic_of, poll_once, text_of};
use wakeful::task::yield_now;
use wakeful::{Runtime, block_on, spawn};

#[test]
fn a_panic_ends_only_its_task() {
    let ledger = Ledger::new();
    block_on(async {
        let guard = ledger.guard();
        let bad = spawn(async move {
            let _guard = guard;
            yield_now().await;
            if true {
                panic!("bad luck, {}", 13);
            }
        });
        let good = spawn(async {
            for _ in 0..5 {
                yield_now().await;
            }
            "good"
        });
        let id = bad.id();
        let error = bad.await.unwrap_err();
        assert!(error.is_panic() && !error.is_cancelled());
        assert_eq!(error.id(), id);
        assert_eq!(
            error.to_string(),
            format!("task {id} panicked with message \"bad luck, 13\"")
        );
        assert_eq!(text_of(error.into_panic()), "bad luck, 13");
        assert_eq!(good.await.unwrap(), "good");
    });
    ledger.assert_all_dropped(1);
}

#[test]
fn a_panic_in_the_drop_of_a_future_is_the_tasks_panic() {
    let ledger = Ledger::new();
    block_on(async {
        // After the future was ready: the output is dropped, and the panic returned.
        let output = ledger.guard();
        let mut output = Some(output);
        let bomb = OnDrop(|| panic!("in drop"));
        let task = spawn(poll_fn(move |_| {
            let _bomb = &bomb;
            Poll::Ready(output.take())
        }));
        let error = task.await.map(drop).unwrap_err();
        assert_eq!(text_of(error.into_panic()), "in drop");
        ledger.assert_all_dropped(1);

        // During its cancellation.
        let bomb = OnDrop(|| panic!("in cancel"));
        let task = spawn(async move {
            let _bomb = bomb;
            pending::<()>().await
        });
        yield_now().await;
        task.abort();
        assert_eq!(text_of(task.await.unwrap_err().into_panic()), "in cancel");

        // After a panic of its poll, which is the one that is returned.
        let bomb = OnDrop(|| panic!("second"));
        let task = spawn(poll_fn(move |_| -> Poll<()> {
            let _bomb = &bomb;
            panic!("first")
        }));
        assert_eq!(text_of(task.await.unwrap_err().into_panic()), "first");
    });
}

#[test]
fn a_panic_in_the_drop_of_an_unused_output_is_not_reported() {
    block_on(async {
        spawn(async { OnDrop(|| panic!("output, detached")) });
        let kept = spawn(async { OnDrop(|| panic!("output, handle dropped")) });
        yield_now().await;
        drop(kept);
        assert_eq!(spawn(async { 1 }).await.unwrap(), 1);
    });
}

#[test]
fn a_payload_whose_drop_panics_does_not_end_the_loop() {
    fn payload() -> OnDrop<impl FnMut() + Send> {
        OnDrop(|| panic!("second"))
    }
    block_on(async {
        // Dropped by the runtime, for a detached task and with a handle.
        spawn(async { panic_any(payload()) });
        let task = spawn(async { panic_any(payload()) });
        yield_now().await;
        drop(task);
        assert_eq!(spawn(async { 1 }).await.unwrap(), 1);
    });
}

#[test]
fn a_join_waker_that_panics_does_not_end_the_loop() {
    let ledger = Ledger::new();
    let runtime = Runtime::new().unwrap();
    let foreign = Waker::from(Arc::new(Panicking));
    let guard = ledger.guard();
    let mut task = runtime.spawn(async move { guard });
    assert!(poll_once(&mut task, &foreign).is_pending());
    runtime.block_on(async {
        for _ in 0..3 {
            yield_now().await;
        }
    });
    assert!(task.is_finished());
    assert!(poll_once(&mut task, &foreign).is_ready());
    ledger.assert_all_dropped(1);
    drop(task);
    assert_eq!(runtime.metrics().tasks_alive, 0);
}

#[test]
fn a_join_waker_that_panics_does_not_stop_the_shutdown() {
    let ledger = Ledger::new();
    let runtime = Runtime::new().unwrap();
    let foreign = Waker::from(Arc::new(Panicking));
    let guard = ledger.guard();
    let mut first = runtime.spawn(async move {
        let _guard = guard;
        pending::<()>().await
    });
    assert!(poll_once(&mut first, &foreign).is_pending());
    let (send, wakers) = std::sync::mpsc::channel();
    let guard = ledger.guard();
    runtime.spawn(async move {
        let _guard = guard;
        send.send(my_waker().await).unwrap();
        pending::<()>().await
    });
    runtime.block_on(yield_now());
    let waker = wakers.recv().unwrap();
    drop(runtime);
    ledger.assert_all_dropped(2);
    // It reaches the scheduler through the task, so the task must not be borrowed any more.
    waker.wake_by_ref();
    thread::spawn(move || waker.wake()).join().unwrap();
    assert!(
        matches!(poll_once(&mut first, &foreign), Poll::Ready(Err(error)) if error.is_cancelled())
    );
}

#[test]
fn errors_have_texts_and_kinds() {
    block_on(async {
        let task = spawn(pending::<()>());
        task.abort();
        let id = task.id();
        let error = task.await.unwrap_err();
        assert_eq!(error.to_string(), format!("task {id} was cancelled"));
        let debug = format!("JoinError::Cancelled(Id({id}))");
        assert_eq!(format!("{error:?}"), debug);
        let error = error.try_into_panic().unwrap_err();
        let text = panic_of(|| error.into_panic());
        assert!(
            text.starts_with("the task was cancelled, it did not panic"),
            "{text}"
        );

        let error = spawn(async { panic_any(5_u8) }).await.unwrap_err();
        let id = error.id();
        assert_eq!(error.to_string(), format!("task {id} panicked"));
        let debug = format!("JoinError::Panic(Id({id}), ...)");
        assert_eq!(format!("{error:?}"), debug);
        let error = std::io::Error::from(error);
        assert_eq!(error.kind(), std::io::ErrorKind::Other);

        let error = spawn(async { panic!("a \"word\"") }).await.unwrap_err();
        let id = error.id();
        let debug = format!("JoinError::Panic(Id({id}), \"a \\\"word\\\"\", ...)");
        assert_eq!(format!("{error:?}"), debug);
    });
}
