//! Kept and lost events, levels, and snapshots from other threads.

use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use wakeful::task::yield_now;
use wakeful::trace::{self, Effect, End, Kind, Level, Origin, Snapshot, Trouble};

use super::{all, named, record, task, wakes_of_threads};
use crate::support::{OnDrop, my_waker, panic_of, yield_until};

#[test]
fn the_oldest_are_overwritten_and_counted() {
    let runtime = wakeful::Builder::new()
        .trace_level(Level::Polls)
        .trace_capacity(64)
        .build()
        .unwrap();
    runtime.block_on(async {
        let kept = named("kept", std::future::pending::<()>());
        for _ in 0..1000 {
            trace::mark("again");
        }
        trace::mark("last");
        drop(kept);
    });
    let snapshot = runtime.enter(trace::snapshot);
    // Two spawns, the marks, and the poll of `main`.
    assert_eq!(snapshot.lost(), 2 + 1001 + 1 - 64);
    let events = snapshot.events();
    assert_eq!(events.len(), 1 + 64);
    assert_eq!(events[0].kind, Kind::Lost { n: snapshot.lost() });
    assert!(events[1..].windows(2).all(|two| two[0].ts <= two[1].ts));
    assert!(matches!(
        events.last().unwrap().kind,
        Kind::Mark { name: "last", .. }
    ));
    assert!(
        snapshot.tasks()[task(&snapshot, "kept")].alive,
        "its name is not lost"
    );
}

#[test]
fn names_of_freed_tasks_stay_as_long_as_their_events() {
    let runtime = wakeful::Builder::new()
        .trace_level(Level::Polls)
        .trace_capacity(64)
        .build()
        .unwrap();
    runtime.block_on(async {
        for n in 0..500 {
            named(&format!("task {n}"), async {}).await.unwrap();
        }
    });
    let snapshot = runtime.enter(trace::snapshot);
    let about = all(&snapshot, |kind| match *kind {
        Kind::Poll { task, .. } | Kind::Done { task, .. } | Kind::Freed { task } => Some(task),
        _ => None,
    });
    assert!(about.len() > 30);
    for (_, task) in about {
        assert!(snapshot.tasks()[task].name.is_some(), "{snapshot:#}");
    }
    task(&snapshot, "task 499");
    assert!(snapshot.tasks().len() < 64, "{}", snapshot.tasks().len());
}

#[test]
fn wakes_of_other_threads_are_in_order_of_time() {
    const THREADS: usize = 4;
    const WAKES: usize = 50;
    let snapshot = record(Level::Wakes, async {
        wakes_of_threads("waker", THREADS, WAKES).await;
        // One more turn, for messages that have not arrived.
        yield_now().await;
    });
    assert!(
        snapshot
            .events()
            .windows(2)
            .all(|two| two[0].ts <= two[1].ts)
    );
    let wakes = all(&snapshot, |kind| match *kind {
        Kind::Wake {
            origin: Origin::Thread(thread),
            effect,
            ..
        } => Some((thread, effect)),
        _ => None,
    });
    assert_eq!(wakes.len(), THREADS * WAKES);
    for n in 0..THREADS {
        let name = format!("waker-{n}");
        let thread = snapshot
            .threads()
            .iter()
            .position(|known| *known == name)
            .unwrap();
        let own: Vec<u64> = wakes
            .iter()
            .filter(|(_, (by, _))| *by == thread)
            .map(|(event, _)| event.seq)
            .collect();
        assert_eq!(own.len(), WAKES);
        assert!(
            own.windows(2).all(|two| two[0] < two[1]),
            "in its own order"
        );
    }
    let sent = wakes
        .iter()
        .filter(|(_, (_, effect))| *effect == Effect::Sent)
        .count();
    let received = all(&snapshot, |kind| match *kind {
        Kind::Received { sent, .. } => Some(sent),
        _ => None,
    });
    assert_eq!(
        received.len(),
        sent,
        "each message that was sent was received"
    );
    for (event, seq) in received {
        // Unknown if the record of a wake was read before its message arrived.
        let Some(seq) = seq else { continue };
        let wake = wakes.iter().find(|(wake, _)| wake.seq == seq);
        assert!(wake.expect("it was sent").0.ts <= event.ts);
    }
}

#[test]
fn each_level_includes_the_lower_ones() {
    let kinds = |level| {
        let snapshot = record(level, async {
            named("worker", yield_now()).await.unwrap();
            drop(my_waker().await);
        });
        let mut names: Vec<&str> = snapshot
            .events()
            .iter()
            .map(|event| event.kind.name())
            .collect();
        names.retain(|name| !matches!(*name, "wait" | "drain"));
        names.sort_unstable();
        names.dedup();
        names
    };
    assert!(kinds(Level::Off).is_empty());
    assert_eq!(kinds(Level::Polls), ["done", "freed", "poll", "spawn"]);
    assert_eq!(
        kinds(Level::Wakes),
        ["done", "freed", "poll", "spawn", "wake"]
    );
    assert_eq!(
        kinds(Level::Clones),
        ["clone", "done", "drop", "freed", "poll", "spawn", "wake"]
    );
}

#[test]
fn a_level_may_be_set_at_any_time() {
    wakeful::block_on(async {
        assert_eq!(trace::level(), Level::Off);
        let early = named("early", std::future::pending::<()>());
        trace::set_level(Level::Wakes);
        yield_now().await;
        trace::set_level(Level::Off);
        yield_now().await;
        let snapshot = trace::snapshot();
        let main = task(&snapshot, "main");
        assert!(
            snapshot.tasks()[task(&snapshot, "early")].alive,
            "known all the same"
        );
        let wakes = all(&snapshot, |kind| match *kind {
            Kind::Wake { origin, effect, .. } => Some((origin, effect)),
            _ => None,
        });
        assert_eq!(wakes.len(), 1, "{snapshot}");
        assert_eq!(wakes[0].1, (Origin::Task(main), Effect::DuringPoll));
        let polls = all(&snapshot, |kind| match *kind {
            Kind::Poll { task, result, .. } if task == main => Some(result),
            _ => None,
        });
        // The second was not recorded to its end, and the third not at all.
        assert_eq!(polls[0].1, End::Pending, "{snapshot}");
        trace::set_level(Level::Polls);
        let snapshot = trace::snapshot();
        let running = all(&snapshot, |kind| match *kind {
            Kind::Poll {
                task,
                result: End::Running,
                ..
            } => Some(task),
            _ => None,
        });
        assert!(matches!(running[..], [(_, task)] if task == main));
        drop(early);
    });
}

#[test]
fn outside_of_a_runtime_a_mark_has_no_effect() {
    trace::mark("this mark is not recorded");
    drop(trace::span("nor this"));
    for text in [
        panic_of(|| drop(trace::snapshot())),
        panic_of(|| trace::set_level(Level::Off)),
        panic_of(trace::level),
    ] {
        assert!(text.contains("outside a Wakeful runtime"), "{text}");
    }
}

#[test]
fn a_snapshot_is_taken_for_another_thread() {
    let runtime = wakeful::Builder::new()
        .trace_level(Level::Polls)
        .build()
        .unwrap();
    let handle = runtime.handle();
    let too_late = handle.clone();
    let snapshot: Snapshot = runtime.block_on(async {
        named("seen", std::future::pending::<()>());
        let asked = thread::spawn(move || wakeful::block_on(handle.trace_snapshot()));
        yield_until(|| asked.is_finished()).await;
        asked.join().unwrap().unwrap()
    });
    task(&snapshot, "seen");
    drop(runtime);
    assert!(wakeful::block_on(too_late.trace_snapshot()).is_none());
}

#[test]
fn a_panic_calls_the_hook() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let keep = seen.clone();
    let runtime = wakeful::Builder::new()
        .trace_level(Level::Polls)
        .trace_on_trouble(move |trouble, snapshot| {
            keep.lock().unwrap().push((trouble, snapshot.to_string()));
            panic!("a panic of the hook is caught");
        })
        .build()
        .unwrap();
    runtime.block_on(async {
        assert!(
            named("fails", async { panic!("on purpose") })
                .await
                .is_err()
        );
    });
    {
        let seen = seen.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let [(Trouble::Panicked, story)] = &seen[..] else {
            panic!("{seen:?}");
        };
        assert!(story.contains("fails is done: panicked"), "{story}");
    }
    panic_of(|| runtime.block_on(async { panic!("main, on purpose") }));
    let seen = seen.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    assert_eq!(seen.len(), 2);
    assert!(
        seen[1].1.ends_with("main is polled: panicked\n"),
        "{}",
        seen[1].1
    );
}

/// The task is kept until its hook has returned, so a task spawned in the hook does not reuse its
/// memory.
#[test]
fn in_the_hook_the_task_that_panicked_is_current() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let keep = seen.clone();
    let runtime = wakeful::Builder::new()
        .trace_level(Level::Polls)
        .trace_on_trouble(move |_, _| {
            drop(wakeful::spawn(std::future::ready(())));
            keep.lock().unwrap().push(wakeful::task::try_id());
        })
        .build()
        .unwrap();
    let panics = runtime.spawn(poll_fn(|_| -> Poll<()> { panic!("on purpose") }));
    let id = panics.id();
    drop(panics);
    runtime.block_on(yield_now());
    assert_eq!(*seen.lock().unwrap(), [Some(id)]);
    assert_eq!(runtime.enter(wakeful::task::try_id), None);
}

#[test]
fn a_hook_whose_payload_panics_in_its_drop_does_not_end_the_loop() {
    let runtime = wakeful::Builder::new()
        .trace_level(Level::Polls)
        .trace_on_trouble(|_, _| std::panic::panic_any(OnDrop(|| panic!("the payload"))))
        .build()
        .unwrap();
    runtime.block_on(async {
        drop(wakeful::spawn(async { panic!("on purpose") }));
        yield_now().await;
    });
    assert_eq!(runtime.enter(wakeful::task::try_id), None);
    assert_eq!(runtime.block_on(runtime.spawn(async { 7 })).unwrap(), 7);
}

/// The header of `block_on`'s future is the first in the table to be freed, and is freed last.
#[test]
fn a_drop_at_shutdown_may_set_the_level_inside_another_loop() {
    let (send, stories) = std::sync::mpsc::channel();
    let runtime = wakeful::Runtime::new().unwrap();
    let on_drop = OnDrop(move || {
        // It is cancelled at once, and would reuse the memory of that header.
        let late = wakeful::task::Builder::new().name("late");
        let _late = late.spawn(std::future::pending::<()>());
        trace::set_level(Level::Polls);
        trace::mark("here");
        send.send(trace::snapshot().to_string()).unwrap();
    });
    drop(runtime.spawn(async move {
        let _on_drop = &on_drop;
        std::future::pending::<()>().await
    }));
    wakeful::block_on(async move { drop(runtime) });
    let story = stories.recv().unwrap();
    assert!(story.contains("main marks \"here\""), "{story}");
}

#[test]
fn a_long_poll_is_a_stall_and_calls_the_hook() {
    let stalls = |longest| {
        let told = Arc::new(AtomicUsize::new(0));
        let count = told.clone();
        let runtime = wakeful::Builder::new()
            .trace_level(Level::Polls)
            .trace_stall(longest)
            .trace_on_trouble(move |trouble, _| {
                assert_eq!(trouble, Trouble::Stalled);
                count.fetch_add(1, Ordering::SeqCst);
            })
            .build()
            .unwrap();
        runtime.block_on(async { named("slow", async {}).await.unwrap() });
        let snapshot = runtime.enter(trace::snapshot);
        let stalls = all(&snapshot, |kind| match *kind {
            Kind::Stall { task, dur } => Some((task, dur)),
            _ => None,
        });
        assert_eq!(told.load(Ordering::SeqCst), stalls.len());
        let slow = task(&snapshot, "slow");
        assert!(
            stalls
                .iter()
                .all(|(_, (_, dur))| u128::from(*dur) > longest.as_nanos())
        );
        stalls.iter().any(|(_, (task, _))| *task == Some(slow))
    };
    assert!(stalls(Duration::ZERO), "every poll is too long");
    assert!(!stalls(Duration::from_secs(3600)));
}

#[test]
fn another_thread_overwrites_its_own_oldest_events() {
    const KEPT: u64 = 1024;
    let snapshot = record(Level::Wakes, async {
        let waker = my_waker().await;
        let other = thread::spawn(move || (0..2 * KEPT).for_each(|_| waker.wake_by_ref()));
        yield_until(|| other.is_finished()).await;
        other.join().unwrap();
    });
    let wakes = all(&snapshot, |kind| match *kind {
        Kind::Wake {
            origin: Origin::Thread(_),
            ..
        } => Some(()),
        _ => None,
    });
    assert_eq!(wakes.len() as u64, KEPT);
    // The loop may have lost some as well, if it waited for long.
    assert!(snapshot.lost() >= KEPT, "{}", snapshot.lost());
}
