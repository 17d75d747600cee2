//! Spawning, joining, aborting, and panics that affect only their task.

mod support;

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;

use support::{Counting, Ledger, OnDrop, my_waker, panic_of, poll_once, until};
use wakeful::task::{self, AbortHandle, JoinError, JoinHandle, yield_now};
use wakeful::{Runtime, block_on, spawn};

// --- spawn and join

#[test]
fn a_task_returns_its_output_to_the_handle() {
    let output = block_on(async {
        let inner = spawn(async { spawn(async { vec![1, 2, 3] }).await.unwrap() });
        inner.await.unwrap()
    });
    assert_eq!(output, [1, 2, 3]);
}

#[test]
fn futures_need_not_be_send() {
    let shared = Rc::new(Cell::new(0));
    block_on(async {
        let tasks: Vec<_> = (1..=100)
            .map(|n| {
                let shared = shared.clone();
                spawn(async move {
                    yield_now().await;
                    shared.set(shared.get() + n);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(shared.get(), 5050);
    assert_eq!(Rc::strong_count(&shared), 1);
}

#[test]
fn futures_of_any_size_and_alignment_run() {
    #[repr(align(128))]
    #[derive(Clone, Copy)]
    struct Wide([u8; 300]);

    block_on(async {
        let wide = Wide([7; 300]);
        let task = spawn(async move {
            yield_now().await;
            assert_eq!(&raw const wide as usize % 128, 0);
            wide
        });
        let back = task.await.unwrap();
        assert_eq!(&raw const back as usize % 128, 0);
        assert!(back.0.iter().all(|&byte| byte == 7));

        // The output is larger than the future, and the other way round.
        assert_eq!(spawn(async { [1_u64; 512] }).await.unwrap()[511], 1);
        let large = [2_u64; 512];
        let task = spawn(async move {
            yield_now().await;
            large[511]
        });
        assert_eq!(task.await.unwrap(), 2);
        spawn(std::future::ready(())).await.unwrap();
    });
}

#[test]
fn future_and_output_are_dropped_once() {
    let ledger = Ledger::new();
    block_on(async {
        let (inside, output) = (ledger.guard(), ledger.guard());
        let task = spawn(async move {
            yield_now().await;
            drop(inside);
            output
        });
        let output = task.await.unwrap();
        assert_eq!(ledger.dropped(), 1);
        drop(output);
    });
    ledger.assert_all_dropped(2);
}

#[test]
fn a_future_is_dropped_when_it_is_ready_not_when_it_is_joined() {
    block_on(async {
        let ledger = Ledger::new();
        let mut guard = Some(ledger.guard());
        // Held by the future itself, beyond its completion.
        let task = spawn(poll_fn(move |_| {
            assert!(guard.as_mut().is_some());
            Poll::Ready(())
        }));
        yield_now().await;
        assert!(task.is_finished());
        ledger.assert_all_dropped(1);
        task.await.unwrap();
    });
}

#[test]
fn dropping_a_handle_detaches_its_task() {
    let ledger = Ledger::new();
    let ran = Rc::new(Cell::new(false));
    block_on(async {
        let (guard, flag) = (ledger.guard(), ran.clone());
        drop(spawn(async move {
            yield_now().await;
            flag.set(true);
            guard
        }));
        while !ran.get() {
            yield_now().await;
        }
        yield_now().await;
        // No handle is left to take the output, so it is dropped at once.
        ledger.assert_all_dropped(1);
    });
}

#[test]
fn an_output_is_dropped_with_the_handle() {
    let ledger = Ledger::new();
    block_on(async {
        let guard = ledger.guard();
        let task = spawn(async move { guard });
        yield_now().await;
        assert!(task.is_finished());
        assert_eq!(ledger.dropped(), 0);
        drop(task);
        ledger.assert_all_dropped(1);
    });
}

#[test]
fn awaiting_a_borrowed_handle_is_cancel_safe() {
    block_on(async {
        let go = Rc::new(Cell::new(false));
        let flag = go.clone();
        let mut task = spawn(async move {
            while !flag.get() {
                yield_now().await;
            }
            "kept"
        });
        let (_, noop) = Counting::new();
        for _ in 0..3 {
            assert!(poll_once(&mut task, &noop).is_pending());
        }
        go.set(true);
        yield_now().await;
        assert_eq!((&mut task).await.unwrap(), "kept");
    });
}

#[test]
#[cfg(panic = "unwind")]
fn polling_a_handle_again_panics_with_the_reason() {
    block_on(async {
        let mut task = spawn(async {});
        (&mut task).await.unwrap();
        let text = panic_of(|| poll_once(&mut task, Waker::noop()));
        assert_eq!(text, "a JoinHandle was polled after it gave its output");
    });
}

#[test]
fn the_newest_waker_of_a_handle_is_woken() {
    block_on(async {
        let mut task = spawn(async {});
        let (first, first_waker) = Counting::new();
        let (second, second_waker) = Counting::new();
        assert!(poll_once(&mut task, &first_waker).is_pending());
        assert!(poll_once(&mut task, &second_waker).is_pending());
        yield_now().await;
        assert_eq!((first.wakes(), second.wakes()), (0, 1));
        // The old one was dropped.
        assert_eq!(Arc::strong_count(&first), 2);
    });
}

#[test]
fn a_handle_moved_to_another_task_wakes_that_task() {
    block_on(async {
        let go = Rc::new(Cell::new(false));
        let flag = go.clone();
        let mut work = spawn(async move {
            while !flag.get() {
                yield_now().await;
            }
            9
        });
        let work = spawn(async move {
            assert!(poll_once(&mut work, &my_waker().await).is_pending());
            [work]
        });
        let [work] = work.await.unwrap();
        let other = spawn(async move { work.await.unwrap() });
        yield_now().await;
        go.set(true);
        assert_eq!(other.await.unwrap(), 9);
    });
}

#[test]
fn a_task_may_own_its_own_handle() {
    let ledger = Ledger::new();
    let slot: Rc<RefCell<Option<JoinHandle<()>>>> = Rc::default();
    let runtime = Runtime::new().unwrap();
    // It ends with the handle inside, it drops the handle, it waits for itself.
    for way in 0..3 {
        let (own, guard) = (slot.clone(), ledger.guard());
        let task = runtime.spawn(async move {
            let _guard = guard;
            yield_now().await;
            let handle = own.take().unwrap();
            match way {
                0 => {
                    let _kept = handle;
                }
                1 => {
                    drop(handle);
                    yield_now().await;
                }
                _ => handle.await.unwrap(),
            }
        });
        slot.replace(Some(task));
        runtime.block_on(async {
            for _ in 0..5 {
                yield_now().await;
            }
        });
    }
    assert_eq!(ledger.dropped(), 2);
    drop(runtime);
    ledger.assert_all_dropped(3);
}

// --- ids, names, places

#[test]
fn ids_are_unique_across_runtimes_and_threads() {
    let mut threads = Vec::new();
    for _ in 0..3 {
        threads.push(thread::spawn(|| {
            let mut ids = Vec::new();
            for _ in 0..2 {
                let runtime = Runtime::new().unwrap();
                ids.extend((0..100).map(|_| runtime.spawn(async {}).id()));
                ids.extend((0..3).map(|_| runtime.handle().spawn_with(|| async {}).id()));
            }
            ids
        }));
    }
    let mut ids: Vec<_> = threads
        .into_iter()
        .flat_map(|thread| thread.join().unwrap())
        .collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((all, ids.len()), (618, 618));
}

#[test]
#[cfg(panic = "unwind")]
fn a_task_knows_its_id_and_its_name() {
    assert_eq!(task::try_id(), None);
    assert_eq!(task::name(), None);
    block_on(async {
        // The future of `block_on` is not a task.
        assert_eq!(task::try_id(), None);
        assert!(panic_of(task::id).starts_with("`task::id` was called outside a task"));
        let named = task::Builder::new().name("reader").spawn(async {
            let before = task::name();
            let id = task::id();
            let inner = spawn(async { (task::name(), task::id()) }).await.unwrap();
            assert_eq!(inner.0, None);
            assert_ne!(inner.1, id);
            assert_eq!((task::name(), task::id()), (before.clone(), id));
            (before, id)
        });
        let expected = named.id();
        assert_eq!(named.await.unwrap(), (Some("reader".to_owned()), expected));
        assert_eq!(task::try_id(), None);
        let plain = task::Builder::new().spawn(async { task::name() });
        assert_eq!(plain.await.unwrap(), None);
    });
}

#[test]
fn a_task_knows_its_id_while_the_loop_drops_it() {
    block_on(async {
        let seen = Rc::new(Cell::new(None));
        let note = seen.clone();
        let note = OnDrop(move || note.set(task::try_id()));
        let task = spawn(async move {
            let _note = note;
            pending::<()>().await
        });
        let id = task.id();
        task.abort();
        assert!(task.await.is_err());
        assert_eq!(seen.get(), Some(id));
    });
}

#[test]
#[cfg(panic = "unwind")]
fn outside_a_runtime_a_spawn_panics_with_advice() {
    let advice = "there is no Wakeful runtime on this thread: call this inside \
                  `wakeful::block_on`, a function with `#[wakeful::main]`, or `Runtime::enter`. \
                  From another thread, and from `spawn_blocking`, use a `wakeful::Handle`, \
                  taken before: `handle.spawn(future)`";
    assert_eq!(panic_of(|| spawn(async {})), advice);
    assert_eq!(panic_of(|| wakeful::spawn_blocking(|| ())), advice);
    assert_eq!(panic_of(|| task::Builder::new().spawn(async {})), advice);
    assert_eq!(panic_of(wakeful::Handle::current), advice);
    assert!(wakeful::Handle::try_current().is_err());
    // Nor after a runtime, or on a thread other than the owner.
    block_on(async {
        let other = thread::spawn(move || panic_of(|| spawn(async {})));
        assert_eq!(other.join().unwrap(), advice);
    });
    assert_eq!(panic_of(|| spawn(async {})), advice);
}

#[test]
#[cfg(panic = "unwind")]
fn a_nested_block_on_panics_with_advice_and_has_no_other_effect() {
    let runtime = Runtime::new().unwrap();
    let other = Runtime::new().unwrap();
    runtime.block_on(async {
        let text = panic_of(|| block_on(async {}));
        assert!(
            text.starts_with("`block_on` was called inside a Wakeful runtime"),
            "{text}"
        );
        assert!(text.contains("spawn_blocking"), "{text}");
        panic_of(|| other.block_on(async {}));
        let error = spawn(async { block_on(async {}) }).await.unwrap_err();
        assert!(error.is_panic());
        assert_eq!(spawn(async { 1 }).await.unwrap(), 1);
    });
    other.block_on(async {});
    runtime.block_on(async {});
}

#[test]
fn two_runtimes_on_one_thread_keep_their_tasks_apart() {
    let (left, right) = (Runtime::new().unwrap(), Runtime::new().unwrap());
    let story = Rc::new(RefCell::new(Vec::new()));
    let tell = |what: &'static str| {
        let story = story.clone();
        async move { story.borrow_mut().push(what) }
    };
    let (a, b) = (left.spawn(tell("left")), right.spawn(tell("right")));
    // Spawned on one from inside the other; `enter` nests.
    let c = left.block_on(async {
        right.enter(|| {
            left.enter(|| spawn(tell("left, inner")));
            [spawn(tell("right, from left"))]
        })
    });
    let [c] = c;
    assert_eq!(*story.borrow(), ["left"]);
    left.block_on(yield_now());
    assert_eq!(*story.borrow(), ["left", "left, inner"]);
    // Joined across: the wake is sent to the loop that waits.
    right.block_on(async {
        b.await.unwrap();
        c.await.unwrap();
    });
    assert_eq!(story.borrow()[2..], ["right", "right, from left"]);
    right.block_on(a).unwrap();
}

#[test]
fn handles_are_send_and_sync_as_documented() {
    fn anywhere<T: Send + Sync>() {}
    anywhere::<AbortHandle>();
    anywhere::<JoinError>();
    anywhere::<task::Id>();
    anywhere::<wakeful::Handle>();
    anywhere::<wakeful::RemoteJoinHandle<Cell<u8>>>();

    // Ambiguous, and so an error, for a type that is `Send`.
    trait NotSend<A> {
        fn holds() {}
    }
    impl<T> NotSend<()> for T {}
    impl<T: Send> NotSend<u8> for T {}
    <JoinHandle<u8> as NotSend<_>>::holds();
    <task::JoinSet<u8> as NotSend<_>>::holds();
    <Runtime as NotSend<_>>::holds();
}

#[test]
fn a_task_woken_while_it_is_polled_is_polled_again() {
    struct Twice(u32);
    impl Future for Twice {
        type Output = u32;
        fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<u32> {
            self.0 += 1;
            if self.0 == 3 {
                return Poll::Ready(self.0);
            }
            // Many wakes cause one poll.
            (0..5).for_each(|_| cx.waker().wake_by_ref());
            Poll::Pending
        }
    }
    let runtime = Runtime::new().unwrap();
    assert_eq!(runtime.block_on(runtime.spawn(Twice(0))).unwrap(), 3);
    // Main, three of the task, main.
    assert_eq!(runtime.metrics().polls, 5);
}

#[test]
fn a_flag_set_from_another_thread_with_a_wake_is_seen() {
    block_on(async {
        let flag = Arc::new(AtomicBool::new(false));
        let (there, waker) = (flag.clone(), my_waker().await);
        let other = thread::spawn(move || {
            there.store(true, Ordering::SeqCst);
            waker.wake();
        });
        until(&flag).await;
        other.join().unwrap();
    });
}

// --- the current task outside of polls

#[test]
fn the_drop_of_an_output_has_the_id_of_its_task() {
    let seen = Rc::new(Cell::new(None));
    let output = || {
        let seen = seen.clone();
        OnDrop(move || seen.set(wakeful::task::try_id()))
    };
    block_on(async {
        // Its handle is dropped after it has completed: in the main future, then in a task.
        let (first, second) = (output(), output());
        let task = spawn(async move { first });
        let id = task.id();
        yield_now().await;
        assert!(task.is_finished());
        drop(task);
        assert_eq!(seen.take(), Some(id));
        assert_eq!(wakeful::task::try_id(), None);

        let task = spawn(async move { second });
        let id = task.id();
        yield_now().await;
        let other = spawn(async move {
            drop(task);
            wakeful::task::id()
        });
        let expected = other.id();
        assert_eq!(
            other.await.unwrap(),
            expected,
            "the id is that of the other task again"
        );
        assert_eq!(seen.take(), Some(id));
    });
    // The handle outlives the runtime.
    let last = output();
    let task = block_on(async move {
        let task = spawn(async move { last });
        yield_now().await;
        task
    });
    let id = task.id();
    drop(task);
    assert_eq!(seen.take(), Some(id));
}

#[test]
fn the_drop_of_a_future_has_the_id_of_its_task_also_at_shutdown() {
    let seen = Rc::new(Cell::new(None));
    let guard = || {
        let seen = seen.clone();
        OnDrop(move || {
            // The future of a loop that the drop runs is not a part of the task.
            assert_eq!(block_on(async { wakeful::task::try_id() }), None);
            seen.set(wakeful::task::try_id());
        })
    };
    let runtime = wakeful::Runtime::new().unwrap();
    let held = guard();
    let task = runtime.spawn(async move {
        let _held = held;
        std::future::pending::<()>().await;
    });
    drop(runtime);
    assert_eq!(seen.take(), Some(task.id()));
}
