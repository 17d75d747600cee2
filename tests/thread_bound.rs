//! Values that stay on the thread that made them, in a type that is `Send`.

#[path = "support/alone.rs"]
mod alone;
mod support;

use std::cell::Cell;
use std::future::Future;
use std::marker::PhantomPinned;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::thread::{self, ThreadId};

use futures_util::io::{AsyncReadExt, AsyncWriteExt};
use futures_util::sink::SinkExt;
use futures_util::stream::{Stream, StreamExt, iter};
use support::{Ledger, OnDrop, panic_of};
use wakeful::sync::oneshot;
use wakeful::{Runtime, ThreadBound, block_on};

/// Calls `f` on a thread named `worker`, and waits for its end.
fn elsewhere<R: Send>(f: impl FnOnce() -> R + Send) -> R {
    thread::scope(|scope| {
        let worker = thread::Builder::new().name("worker".into());
        worker.spawn_scoped(scope, f).unwrap().join().unwrap()
    })
}

#[test]
fn a_value_is_used_and_taken_out_on_its_thread() {
    let mut bound = ThreadBound::new(Rc::new(Cell::new(1)));
    assert!(bound.is_accessible());
    bound.set(bound.get() + 1);
    let other = bound.clone();
    *bound = Rc::new(Cell::new(5));
    assert_eq!(bound.try_get().unwrap().get(), 5);
    assert_eq!(other.into_inner().get(), 2);
    assert_eq!(format!("{bound:?}"), "ThreadBound(Cell { value: 5 })");
}

#[test]
fn each_access_on_another_thread_panics_and_names_the_value_and_the_thread() {
    let mut bound = ThreadBound::new(Cell::new(7));
    let mut future = Box::pin(ThreadBound::new(async { 1 }));
    let (value, polled) = (&mut bound, future.as_mut());
    let (texts, polled) = elsewhere(move || {
        assert!(!value.is_accessible());
        assert!(value.try_get().is_none());
        assert_eq!(format!("{value:?}"), "ThreadBound(<of another thread>)");
        let texts = [
            panic_of(|| value.get()),
            panic_of(|| *value.get_mut() = 8),
            panic_of(|| value.clone()),
        ];
        let mut cx = Context::from_waker(Waker::noop());
        (texts, panic_of(|| polled.poll(&mut cx)))
    });
    for text in texts {
        assert_eq!(
            text,
            "a `ThreadBound<core::cell::Cell<i32>>` was used on the thread `worker`, but its value \
             belongs to the thread that made it: use it there, for example in a closure for \
             `Handle::spawn_with`"
        );
    }
    assert!(polled.contains("used on the thread `worker`"), "{polled}");
    let text = thread::scope(|scope| {
        let unnamed = scope.spawn(|| panic_of(|| bound.get()));
        unnamed.join().expect("the panic was caught")
    });
    assert!(
        text.contains("was used on a thread without a name, but"),
        "{text}"
    );
    // Nothing was changed, and the values are still of use.
    assert_eq!(bound.get(), 7);
    assert_eq!(block_on(future), 1);
}

#[test]
fn taking_the_value_out_on_another_thread_panics_and_drops_it_on_its_own() {
    block_on(async {
        let (value, dropped) = tells_its_thread();
        let bound = ThreadBound::new(value);
        let text = elsewhere(move || panic_of(|| bound.into_inner()));
        assert!(text.contains("used on the thread `worker`"), "{text}");
        assert_eq!(dropped.await, Ok(thread::current().id()));
    });
}

/// Returns a value, and the thread on which it is dropped.
fn tells_its_thread() -> (OnDrop<impl FnMut()>, oneshot::Receiver<ThreadId>) {
    let (sender, dropped) = oneshot::channel();
    let mut sender = Some(sender);
    let tell = move || {
        let sender = sender.take().unwrap();
        let _ = sender.send(thread::current().id());
    };
    (OnDrop(tell), dropped)
}

#[test]
fn a_drop_on_another_thread_wakes_the_sleeping_loop_which_drops_the_value() {
    block_on(async {
        let (value, dropped) = tells_its_thread();
        let bound = ThreadBound::new(value);
        let worker = thread::spawn(move || drop(bound));
        // Only the message of the drop wakes the loop here.
        assert_eq!(dropped.await, Ok(thread::current().id()));
        worker.join().unwrap();
    });
}

#[test]
fn a_drop_on_another_thread_before_the_end_of_the_runtime_is_not_lost() {
    let runtime = Runtime::new().unwrap();
    let (value, mut dropped) = tells_its_thread();
    let bound = runtime.enter(|| ThreadBound::new(value));
    elsewhere(move || drop(bound));
    // The loop does not run, so the value is still there.
    assert!(dropped.try_recv().is_err());
    drop(runtime);
    assert_eq!(dropped.try_recv(), Ok(thread::current().id()));
}

#[test]
fn a_panic_of_a_drop_that_was_sent_to_the_loop_does_not_end_the_loop() {
    block_on(async {
        let (value, dropped) = tells_its_thread();
        let both = (OnDrop(|| panic!("a drop")), value);
        let bound = ThreadBound::new(both);
        elsewhere(move || drop(bound));
        assert_eq!(dropped.await, Ok(thread::current().id()));
    });
}

#[test]
fn without_a_loop_the_value_is_leaked_and_the_first_leak_is_reported() {
    let test = "without_a_loop_the_value_is_leaked_and_the_first_leak_is_reported";
    if alone::role().is_none() {
        let output = alone::again(test, "child").output().unwrap();
        let printed = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{printed}");
        let reports = printed.matches("so its value is leaked").count();
        assert_eq!(reports, 1, "{printed}");
        assert!(
            printed.contains("`ThreadBound<thread_bound::support::Guard>`"),
            "{printed}"
        );
        return;
    }
    let ledger = Ledger::new();
    let outside = ThreadBound::new(ledger.guard());
    let ended = block_on(async { ThreadBound::new(ledger.guard()) });
    let usable = block_on(async { ThreadBound::new(ledger.guard()) });
    elsewhere(move || drop((outside, ended)));
    assert_eq!(ledger.dropped(), 0);
    // On its own thread a value needs no loop.
    drop(usable);
    assert_eq!(ledger.dropped(), 1);
}

/// Future that must not move between its first poll and its drop.
struct Pinned {
    polled_at: Option<*const Pinned>,
    moved: Option<oneshot::Sender<bool>>,
    _pinned: PhantomPinned,
}

impl Future for Pinned {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        let here: *const Pinned = &*self;
        // SAFETY: the future is not moved.
        unsafe { self.get_unchecked_mut() }.polled_at = Some(here);
        Poll::Pending
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        let here: *const Pinned = self;
        let moved = self.polled_at.is_some_and(|before| before != here);
        let _ = self.moved.take().unwrap().send(moved);
    }
}

#[test]
fn a_pinned_value_does_not_move_before_it_is_dropped() {
    block_on(async {
        let (sender, moved) = oneshot::channel();
        let mut bound = Box::pin(ThreadBound::new(Pinned {
            polled_at: None,
            moved: Some(sender),
            _pinned: PhantomPinned,
        }));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(bound.as_mut().poll(&mut cx).is_pending());
        elsewhere(move || drop(bound));
        assert_eq!(moved.await, Ok(false));
    });
}

#[test]
fn futures_streams_sinks_and_io_pass_through() {
    fn is_send<T: Send + Sync>(value: T) -> T {
        value
    }
    block_on(async {
        let local = Rc::new(3);
        let copy = local.clone();
        assert_eq!(is_send(ThreadBound::new(async move { *copy + 1 })).await, 4);

        let stream = iter([local.clone(), local]).map(|number| *number);
        let stream = is_send(ThreadBound::new(stream));
        assert_eq!(Stream::size_hint(&stream), (2, Some(2)));
        assert_eq!(stream.collect::<Vec<_>>().await, [3, 3]);

        let sum = Rc::new(Cell::new(0));
        let sink = futures_util::sink::unfold(sum.clone(), |sum, number: i32| async move {
            sum.set(sum.get() + number);
            Ok::<_, ()>(sum)
        });
        let mut sink = Box::pin(is_send(ThreadBound::new(sink)));
        sink.send_all(&mut iter([1, 2, 3]).map(Ok)).await.unwrap();
        assert_eq!(sum.get(), 6);

        let (near, far) = wakeful::io::duplex(64);
        let (mut near, mut far) = (is_send(ThreadBound::new(near)), ThreadBound::new(far));
        near.write_all(b"bytes").await.unwrap();
        near.close().await.unwrap();
        let mut read = Vec::new();
        far.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, b"bytes");
    });
}
