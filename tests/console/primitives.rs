//! What is in `wakeful::sync` is a resource from its first wait, and each wait an async operation.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;

use wakeful::sync::{Mutex, Notify, Semaphore, mpsc, oneshot, watch};
use wakeful::task::yield_now;

use crate::named;
use crate::recorder::{Recorder, Span, Value};

#[track_caller]
fn only(mut spans: Vec<Span>) -> Span {
    assert_eq!(spans.len(), 1, "{spans:#?}");
    spans.remove(0)
}

/// Polls a future once.
async fn is_pending<F: Future>(mut future: Pin<&mut F>) -> bool {
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_pending())).await
}

#[test]
fn a_mutex_is_a_resource_with_its_place_and_its_wait() {
    let (line, recorder) = Recorder::run(async {
        let line = line!() + 1;
        let mutex = Rc::new(Mutex::new(()));
        let guard = mutex.lock().await;
        let locked = mutex.clone();
        let worker = named("worker", async move { drop(locked.lock().await) });
        yield_now().await;
        drop(guard);
        worker.await.unwrap();
        line
    });
    let mutex = recorder.resource("Mutex");
    assert_eq!(mutex.str("kind"), "sync");
    assert_eq!(mutex.fields["is_internal"], Value::Bool(false));
    assert_eq!(mutex.str("loc.file"), file!());
    assert_eq!(mutex.u64("loc.line"), u64::from(line));
    assert_eq!(mutex.parent, None);
    assert!(mutex.is_closed());

    let op = only(recorder.ops(&mutex));
    assert_eq!(op.str("source"), "Mutex");
    assert_eq!(recorder.poll_ops(&op), [false, true]);
    assert!(op.is_closed());
    // Both polls are in the spans of the task, the resource and the operation.
    let worker = recorder.task("worker");
    let events = recorder.events("runtime::resource::poll_op");
    let own: Vec<_> = events
        .iter()
        .filter(|it| it.within.contains(&op.id))
        .collect();
    assert_eq!(own.len(), 2);
    for event in own {
        assert_eq!(event.within[..3], [worker.id, mutex.id, op.id], "{event:?}");
    }
}

#[test]
fn without_a_wait_there_is_no_resource() {
    let ((), recorder) = Recorder::run(async {
        drop(Mutex::new(()).lock().await);
        let (sender, mut receiver) = mpsc::channel(1);
        sender.send(1).await.unwrap();
        assert_eq!(receiver.recv().await, Some(1));
        let notify = Notify::new();
        notify.notify_one();
        notify.notified().await;
        let (sender, receiver) = oneshot::channel();
        sender.send(2).unwrap();
        assert_eq!(receiver.await, Ok(2));
    });
    assert_eq!(recorder.named("runtime.resource").len(), 0);
}

#[test]
fn the_waits_of_each_kind_end_with_a_poll_that_is_ready() {
    let ((), recorder) = Recorder::run(async {
        let (sender, mut receiver) = mpsc::channel(1);
        let (last, first) = oneshot::channel();
        let (show, mut shown) = watch::channel(0);
        let notify = Rc::new(Notify::new());
        let notified = notify.clone();
        let permits = Rc::new(Semaphore::new(0));
        let acquiring = permits.clone();
        let all = [
            named(
                "mpsc",
                async move { assert_eq!(receiver.recv().await, Some(1)) },
            ),
            named("oneshot", async move { first.await.unwrap() }),
            named("watch", async move { shown.changed().await.unwrap() }),
            named("Notify", async move { notified.notified().await }),
            named("Semaphore", async move {
                drop(acquiring.acquire().await.unwrap())
            }),
        ];
        yield_now().await;
        sender.send(1).await.unwrap();
        last.send(()).unwrap();
        show.send(1).unwrap();
        notify.notify_one();
        permits.add_permits(1);
        for task in all {
            task.await.unwrap();
        }
    });
    for kind in ["mpsc", "oneshot", "watch", "Notify", "Semaphore"] {
        let resource = recorder.resource(kind);
        let op = only(recorder.ops(&resource));
        assert_eq!(recorder.poll_ops(&op), [false, true], "{kind}");
        assert!(op.is_closed() && resource.is_closed(), "{kind}");
    }
}

#[test]
fn a_receiver_that_waits_again_has_a_second_operation() {
    let ((), recorder) = Recorder::run(async {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let task = named("receiver", async move {
            while receiver.recv().await.is_some() {}
        });
        for n in 0..2 {
            yield_now().await;
            sender.send(n).unwrap();
        }
        yield_now().await;
        drop(sender);
        task.await.unwrap();
    });
    let channel = recorder.resource("mpsc");
    let ops = recorder.ops(&channel);
    assert_eq!(ops.len(), 3, "two messages, and the end");
    for op in ops {
        assert_eq!(recorder.poll_ops(&op), [false, true]);
        assert!(op.is_closed());
    }
}

#[test]
fn a_wait_that_is_dropped_ends_its_operation() {
    let (open, recorder) = {
        let recorder = Recorder::new();
        let open = recorder.on(|| {
            let (sender, mut receiver) = mpsc::unbounded_channel::<()>();
            let notify = Notify::new();
            let (mut last, first) = oneshot::channel::<()>();
            wakeful::block_on(async {
                let mut notified = pin!(notify.notified());
                assert!(is_pending(notified.as_mut()).await);
                assert!(is_pending(pin!(receiver.recv())).await);
                assert!(is_pending(pin!(last.closed())).await);
                let mut first = pin!(first);
                assert!(is_pending(first.as_mut()).await);
            });
            drop(receiver);
            let ops = recorder.named("runtime.resource.async_op");
            let open = ops.iter().filter(|op| !op.is_closed()).count();
            // The resources live as long as these.
            drop((sender, notify, last));
            open
        });
        recorder.check();
        (open, recorder)
    };
    assert_eq!(recorder.named("runtime.resource.async_op").len(), 4);
    assert_eq!(open, 0);
    let resources = recorder.named("runtime.resource");
    assert_eq!(resources.len(), 3);
    assert!(resources.iter().all(Span::is_closed));
}

#[test]
fn a_waiter_that_is_polled_again_by_the_same_task_stays_in_its_operation() {
    let ((), recorder) = Recorder::run(async {
        let notify = Notify::new();
        let mut notified = pin!(notify.notified());
        for _ in 0..2 {
            assert!(is_pending(notified.as_mut()).await);
        }
        notify.notify_one();
        notified.await;
    });
    let op = only(recorder.ops(&recorder.resource("Notify")));
    assert_eq!(recorder.poll_ops(&op), [false, false, true]);
}
