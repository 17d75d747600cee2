//! Tests of `JoinSet`.

mod support;

use std::cell::{Cell, RefCell};
use std::future::{pending, ready};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::task::{Context, Poll, Waker};
use std::thread;

use support::{Counting, Ledger, OnDrop, Panicking, panic_of, spin_until, text_of};
use tokio::sync::oneshot;
use wakeful::class::Class;
use wakeful::task::{self, JoinSet, yield_now};
use wakeful::{Handle, Runtime, block_on, spawn};

/// A foreign waker may panic: the output of a member is not lost by that.
#[test]
#[cfg(panic = "unwind")]
fn a_member_keeps_its_output_if_a_waker_panics() {
    let runtime = Runtime::new().unwrap();
    let mut set = runtime.enter(JoinSet::new);
    runtime.enter(|| _ = set.spawn(async { 7 }));
    let bad = Waker::from(Arc::new(Panicking));
    assert!(
        set.poll_join_next(&mut Context::from_waker(&bad))
            .is_pending()
    );
    runtime.block_on(yield_now());
    assert_eq!(runtime.block_on(set.join_next()).unwrap().unwrap(), 7);
}

#[test]
fn outputs_come_in_the_order_of_the_ends() {
    block_on(async {
        let mut set = JoinSet::new();
        for turns in [3, 1, 2, 0] {
            set.spawn(async move {
                for _ in 0..turns {
                    yield_now().await;
                }
                turns
            });
        }
        assert_eq!(set.len(), 4);
        let mut order = Vec::new();
        while let Some(output) = set.join_next().await {
            order.push(output.unwrap());
        }
        assert_eq!(order, [0, 1, 2, 3]);
        assert!(set.is_empty());
        assert!(set.join_next().await.is_none());
    });
}

#[test]
fn an_empty_set_is_ready_without_a_runtime() {
    let mut set = JoinSet::<()>::default();
    let mut cx = std::task::Context::from_waker(Waker::noop());
    assert!(matches!(set.poll_join_next(&mut cx), Poll::Ready(None)));
    assert!(set.try_join_next().is_none());
}

#[test]
fn task_ids_come_with_the_outputs() {
    block_on(async {
        let mut set = JoinSet::new();
        let first = set.spawn(ready('a'));
        let second = set.spawn(ready('b'));
        assert_eq!(
            set.join_next_with_id().await.unwrap().unwrap(),
            (first.id(), 'a')
        );
        assert_eq!(
            set.join_next_with_id().await.unwrap().unwrap(),
            (second.id(), 'b')
        );
        let third = set.spawn(pending());
        third.abort();
        let error = set.join_next_with_id().await.unwrap().unwrap_err();
        assert!(error.is_cancelled() && error.id() == third.id());
    });
}

#[test]
#[cfg(panic = "unwind")]
fn panicked_and_aborted_members_are_joined_too() {
    block_on(async {
        let mut set = JoinSet::new();
        set.spawn(async { panic!("one of them") });
        let stop = set.spawn(pending::<()>());
        set.spawn(ready(()));
        thread::spawn(move || stop.abort()).join().unwrap();
        let (mut panics, mut aborts, mut good) = (0, 0, 0);
        while let Some(output) = set.join_next().await {
            match output {
                Ok(()) => good += 1,
                Err(error) if error.is_cancelled() => aborts += 1,
                Err(error) => {
                    assert_eq!(text_of(error.into_panic()), "one of them");
                    panics += 1;
                }
            }
        }
        assert_eq!((panics, aborts, good), (1, 1, 1));
    });
}

#[test]
fn slots_are_used_again() {
    block_on(async {
        let mut set = JoinSet::new();
        for round in 0..50 {
            for n in 0..10 {
                set.spawn(async move { round * 10 + n });
            }
            let mut sum = 0;
            for _ in 0..10 {
                sum += set.join_next().await.unwrap().unwrap();
            }
            assert_eq!(sum, round * 100 + 45);
            assert!(set.try_join_next().is_none());
        }
        assert!(set.is_empty());
    });
}

#[test]
fn dropping_the_set_aborts_its_members() {
    let ledger = Ledger::new();
    block_on(async {
        let mut set = JoinSet::new();
        for n in 0..5 {
            let guard = ledger.guard();
            set.spawn(async move {
                if n > 2 {
                    pending::<()>().await;
                }
                guard
            });
        }
        yield_now().await;
        // The outputs of three are dropped with the set, the futures of two by the loop.
        assert_eq!(ledger.dropped(), 0);
        drop(set);
        assert_eq!(ledger.dropped(), 3);
        yield_now().await;
        ledger.assert_all_dropped(5);
    });
}

#[test]
fn detached_members_continue_and_are_not_joined() {
    block_on(async {
        let mut set = JoinSet::new();
        let done = Rc::new(Cell::new(0));
        for _ in 0..3 {
            let done = done.clone();
            set.spawn(async move {
                yield_now().await;
                done.set(done.get() + 1);
            });
        }
        set.detach_all();
        assert!(set.is_empty());
        // New members take the slots of the old ones, and are not mistaken for them.
        set.spawn(async {
            for _ in 0..5 {
                yield_now().await;
            }
        });
        yield_now().await;
        yield_now().await;
        assert_eq!(done.get(), 3);
        assert!(set.try_join_next().is_none());
        set.join_next().await.unwrap().unwrap();
        drop(set);
        assert_eq!(done.get(), 3);
    });
}

#[test]
fn shutdown_waits_until_all_members_have_ended() {
    let ledger = Ledger::new();
    block_on(async {
        let mut set = JoinSet::new();
        for _ in 0..4 {
            let guard = ledger.guard();
            set.spawn(async move {
                let _guard = guard;
                pending::<()>().await
            });
        }
        yield_now().await;
        set.shutdown().await;
        assert!(set.is_empty());
        ledger.assert_all_dropped(4);
        // The set can be used again.
        set.spawn(ready(()));
        set.join_next().await.unwrap().unwrap();
    });
}

#[test]
#[cfg(panic = "unwind")]
fn join_all_returns_all_outputs_or_panics() {
    block_on(async {
        let set: JoinSet<_> = (0..5).map(|n| async move { n }).collect();
        assert_eq!(set.join_all().await, [0, 1, 2, 3, 4]);

        let ledger = Ledger::new();
        let guard = ledger.guard();
        let bad = spawn(async move {
            let mut set = JoinSet::new();
            set.spawn(async { panic!("in a member") });
            set.spawn(async move {
                let _guard = guard;
                pending::<()>().await
            });
            set.join_all().await;
        });
        let error = bad.await.unwrap_err();
        assert_eq!(text_of(error.into_panic()), "in a member");
        yield_now().await;
        ledger.assert_all_dropped(1);
    });
}

#[test]
fn joining_is_cancel_safe_and_wakes_the_newest_waker() {
    block_on(async {
        let mut set = JoinSet::new();
        set.spawn(yield_now());
        let (first, first_waker) = Counting::new();
        let (second, second_waker) = Counting::new();
        for waker in [&first_waker, &second_waker] {
            let mut cx = std::task::Context::from_waker(waker);
            assert!(set.poll_join_next(&mut cx).is_pending());
        }
        for _ in 0..3 {
            yield_now().await;
        }
        assert_eq!((first.wakes(), second.wakes()), (0, 1));
        set.join_next().await.unwrap().unwrap();
    });
}

#[test]
fn joining_many_ended_members_yields() {
    block_on(async {
        let mut set: JoinSet<_> = (0..1000).map(|_| ready(())).collect();
        yield_now().await;
        let turns = Rc::new(Cell::new(0));
        let count = turns.clone();
        spawn(async move {
            loop {
                count.set(count.get() + 1);
                yield_now().await;
            }
        });
        while let Some(output) = set.join_next().await {
            output.unwrap();
        }
        assert_eq!(turns.get(), 1000 / 128);
    });
}

#[test]
fn a_set_may_be_dropped_by_its_own_member() {
    let ledger = Ledger::new();
    block_on(async {
        let slot: Rc<RefCell<Option<JoinSet<()>>>> = Rc::default();
        for waits in [false, true] {
            let mut set = JoinSet::new();
            let (own, guard) = (slot.clone(), ledger.guard());
            set.spawn(async move {
                let _guard = guard;
                drop(own.take());
                if waits {
                    pending::<()>().await;
                }
            });
            let guard = ledger.guard();
            set.spawn(async move {
                let _guard = guard;
                pending::<()>().await
            });
            slot.replace(Some(set));
            for _ in 0..3 {
                yield_now().await;
            }
        }
        // And by the drop of a member's future.
        let mut set = JoinSet::new();
        let (own, guard) = (slot.clone(), ledger.guard());
        let takes = OnDrop(move || {
            let _guard = &guard;
            drop(own.take());
        });
        let stop = set.spawn(async move {
            let _takes = takes;
            pending::<()>().await
        });
        slot.replace(Some(set));
        yield_now().await;
        stop.abort();
        yield_now().await;
        assert!(slot.borrow().is_none());
    });
    ledger.assert_all_dropped(5);
}

#[test]
#[cfg(panic = "unwind")]
fn a_spawn_outside_a_runtime_leaves_the_set_unchanged() {
    let mut set = JoinSet::new();
    let text = panic_of(|| set.spawn(ready(1)));
    assert!(text.starts_with("there is no Wakeful runtime"), "{text}");
    assert!(set.is_empty());
    assert!(set.try_join_next().is_none());
    let runtime = Runtime::new().unwrap();
    runtime.enter(|| set.spawn(ready(2)));
    let output = runtime.block_on(set.join_next()).unwrap().unwrap();
    assert_eq!(output, 2);
}

#[test]
fn a_set_outlives_its_runtime() {
    let ledger = Ledger::new();
    let mut set = JoinSet::new();
    let runtime = Runtime::new().unwrap();
    let (done, waits) = (ledger.guard(), ledger.guard());
    runtime.enter(|| {
        set.spawn(async move { Some(done) });
        set.spawn(async move {
            let _guard = waits;
            pending().await
        });
    });
    runtime.block_on(yield_now());
    drop(runtime);
    assert_eq!(ledger.dropped(), 1);
    assert!(set.try_join_next().unwrap().unwrap().is_some());
    assert!(set.try_join_next().unwrap().unwrap_err().is_cancelled());
    assert!(set.try_join_next().is_none());
    ledger.assert_all_dropped(2);
}

#[test]
#[cfg(panic = "unwind")]
fn a_foreign_waker_that_panics_does_not_affect_the_other_members() {
    let runtime = Runtime::new().unwrap();
    let mut set = JoinSet::new();
    runtime.enter(|| (0..3).for_each(|n| drop(set.spawn(ready(n)))));
    let foreign = Waker::from(Arc::new(Panicking));
    let mut cx = std::task::Context::from_waker(&foreign);
    assert!(set.poll_join_next(&mut cx).is_pending());
    runtime.block_on(yield_now());
    let mut good = 0;
    while let Some(output) = runtime.block_on(set.join_next()) {
        good += u32::from(output.is_ok());
    }
    assert!(good >= 2, "{good}");
}

#[test]
fn members_come_from_an_iterator_and_from_an_extension() {
    block_on(async {
        let mut set: JoinSet<i32> = (0..3).map(ready).collect();
        set.extend((3..5).map(ready));
        assert_eq!(set.len(), 5);
        assert_eq!(set.join_all().await, [0, 1, 2, 3, 4]);
    });
}

#[test]
fn ended_members_are_taken_with_their_ids_without_waiting() {
    block_on(async {
        let mut set = JoinSet::new();
        let id = set.spawn_local(async { 7 }).id();
        assert!(set.try_join_next_with_id().is_none());
        yield_now().await;
        assert_eq!(set.try_join_next_with_id().unwrap().unwrap(), (id, 7));
        assert!(set.is_empty());
    });
}

#[test]
fn a_member_has_the_name_and_the_class_of_its_builder() {
    block_on(async {
        let class = Class::builder("members").build().unwrap();
        let mut set = JoinSet::new();
        let about = async { (task::name(), Class::current().name()) };
        set.build_task().name("one").class(&class).spawn(about);
        let (name, class) = set.join_next().await.unwrap().unwrap();
        assert_eq!(name.as_deref(), Some("one"));
        assert_eq!(class.unwrap(), "members");
    });
}

#[test]
fn a_closure_of_the_pool_is_a_member() {
    block_on(async {
        let mut set = JoinSet::new();
        let here = thread::current().id();
        let id = set.spawn_blocking(move || thread::current().id() != here);
        let named = set.build_task().name("named").spawn_blocking(|| true);
        assert_ne!(id.id(), named.id());
        assert_eq!(set.join_all().await, [true, true]);
    });
}

#[test]
#[cfg(panic = "unwind")]
fn a_panic_of_a_closure_of_the_pool_ends_its_member() {
    block_on(async {
        let mut set = JoinSet::<()>::new();
        let id = set.spawn_blocking(|| panic!("on the pool")).id();
        let error = set.join_next().await.unwrap().unwrap_err();
        assert_eq!(error.id(), id);
        assert_eq!(text_of(error.into_panic()), "on the pool");
    });
}

/// The set is used outside of the runtime, as in tokio.
#[test]
fn members_are_spawned_into_the_runtime_of_a_handle() {
    let runtime = Runtime::new().unwrap();
    let other = Runtime::new().unwrap();
    let handle = runtime.handle();
    let mut set = JoinSet::new();
    let id = async || Handle::current().id();
    set.spawn_on(async move { id().await }, &handle);
    set.spawn_local_on(async move { id().await }, &runtime.local_spawner());
    set.spawn_blocking_on(move || handle.id(), &runtime.handle());
    // The current runtime is another one.
    other.enter(|| _ = set.spawn_on(async move { id().await }, &runtime.handle()));
    let ids = runtime.block_on(set.join_all());
    assert_eq!(ids, [runtime.handle().id(); 4]);
}

/// Runs a loop on another thread until the returned sender is dropped.
fn elsewhere() -> (Handle, oneshot::Sender<()>, thread::JoinHandle<()>) {
    let (send, receive) = channel();
    let (end, ended) = oneshot::channel::<()>();
    let other = thread::spawn(move || {
        let runtime = Runtime::new().unwrap();
        send.send(runtime.handle()).unwrap();
        let _ = runtime.block_on(ended);
    });
    (receive.recv().unwrap(), end, other)
}

#[test]
fn a_member_may_run_on_another_thread() {
    let (handle, end, other) = elsewhere();
    block_on(async {
        let mut set = JoinSet::new();
        let task = set.spawn_on(
            async { (thread::current().id(), Some(task::id())) },
            &handle,
        );
        let closure = set.spawn_blocking_on(|| (thread::current().id(), None), &handle);
        let (mut ids, mut threads) = (Vec::new(), Vec::new());
        while let Some(member) = set.join_next_with_id().await {
            let (id, (thread, inside)) = member.unwrap();
            ids.push(id);
            threads.push(thread);
            // The task sees the id that the set has.
            assert!(inside.is_none_or(|inside| inside == id));
        }
        ids.sort();
        let mut expected = [task.id(), closure.id()];
        expected.sort();
        assert_eq!(ids, expected);
        assert!(threads.contains(&other.thread().id()));
        assert!(!threads.contains(&thread::current().id()));
    });
    drop(end);
    other.join().unwrap();
}

#[test]
fn the_end_of_a_set_aborts_its_members_on_other_threads() {
    let (handle, end, other) = elsewhere();
    let ledger = Ledger::new();
    block_on(async {
        let mut set = JoinSet::<()>::new();
        for _ in 0..2 {
            let guard = ledger.guard();
            let member = async move {
                let _guard = guard;
                pending().await
            };
            set.spawn_on(member, &handle);
        }
        // One has been polled here, the other has not.
        yield_now().await;
        set.spawn_on(pending(), &handle).abort();
        assert!(set.join_next().await.unwrap().unwrap_err().is_cancelled());
    });
    spin_until(|| ledger.dropped() == 2);
    drop(end);
    other.join().unwrap();
}

#[test]
#[cfg(panic = "unwind")]
fn what_ends_a_task_on_another_thread_ends_its_member() {
    let (handle, end, other) = elsewhere();
    block_on(async {
        let mut set = JoinSet::<()>::new();
        set.spawn_on(async { panic!("over there") }, &handle);
        let error = set.join_next().await.unwrap().unwrap_err();
        assert_eq!(text_of(error.into_panic()), "over there");
        drop(end);
        other.join().unwrap();
        // The runtime has ended.
        set.spawn_on(ready(()), &handle);
        set.spawn_blocking_on(|| (), &handle);
        while let Some(member) = set.join_next().await {
            assert!(member.unwrap_err().is_cancelled());
        }
    });
    // Outside of a runtime there is nothing that could wait for it.
    let mut set = JoinSet::new();
    let text = panic_of(|| set.spawn_on(ready(()), &handle));
    assert!(text.starts_with("there is no Wakeful runtime"), "{text}");
    assert!(set.is_empty());
}
