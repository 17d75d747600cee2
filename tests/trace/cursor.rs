//! Reading the trace part by part.

use wakeful::task::yield_now;
use wakeful::trace::{self, Cursor, Event, Kind, Level, Origin, snapshot_since};

use super::{all, named, wakes_of_threads};

fn runtime(level: Level, capacity: usize) -> wakeful::Runtime {
    wakeful::Builder::new()
        .trace_level(level)
        .trace_capacity(capacity)
        .build()
        .unwrap()
}

fn seqs(events: &[Event]) -> Vec<u64> {
    let told = events.iter().filter(|event| event.seq != 0);
    let mut seqs: Vec<u64> = told.map(|event| event.seq).collect();
    seqs.sort_unstable();
    seqs
}

#[test]
fn the_parts_together_are_the_whole() {
    let runtime = runtime(Level::Clones, 1 << 16);
    let mut cursor = Cursor::new();
    let mut parts = Vec::new();
    for round in 0..5 {
        runtime.block_on(async {
            for _ in 0..round {
                named("worker", yield_now()).await.unwrap();
            }
        });
        // Also without new events, and cut at the limit.
        for limit in [7, 10_000, 10_000] {
            let part = runtime.enter(|| snapshot_since(&mut cursor, limit));
            assert!(part.events().len() <= limit);
            assert_eq!(part.lost(), 0);
            // Since the creation of the runtime, not since the first event of the part.
            assert!(part.events().iter().all(|event| event.ts > 0));
            parts.extend(part.events().to_vec());
        }
    }
    let whole = runtime.enter(trace::snapshot);
    assert!(whole.events().len() > 50);
    assert_eq!(seqs(&parts), seqs(whole.events()));
}

#[test]
fn events_overwritten_in_between_are_reported_once() {
    let runtime = runtime(Level::Polls, 64);
    let mut cursor = Cursor::new();
    runtime.enter(|| {
        let mark = |n| (0..n).for_each(|_| trace::mark("again"));
        mark(10);
        assert_eq!(seqs(snapshot_since(&mut cursor, 4).events()).len(), 4);
        mark(100);
        // The spawn of `main`, and 110 marks.
        let part = snapshot_since(&mut cursor, 1000);
        assert_eq!(part.lost(), 111 - 4 - 64);
        assert_eq!(part.events()[0].kind, Kind::Lost { n: 111 - 4 - 64 });
        assert_eq!(part.events()[0].ts, part.events()[1].ts);
        assert_eq!(part.events().len(), 1 + 64);
        mark(3);
        let part = snapshot_since(&mut cursor, 1000);
        assert_eq!((part.lost(), part.events().len()), (0, 3));
    });
}

#[test]
fn wakes_of_other_threads_come_once_and_do_not_starve() {
    const WAKES: usize = 40;
    const THREADS: usize = 3;
    let runtime = runtime(Level::Wakes, 1 << 16);
    let mut cursor = Cursor::new();
    runtime.block_on(wakes_of_threads("reader", THREADS, WAKES));
    runtime.enter(|| (0..100).for_each(|_| trace::mark("much of the loop's own")));
    let mut found = Vec::new();
    // More parts than needed: no wake comes again.
    for _ in 0..1000 {
        let part = runtime.enter(|| snapshot_since(&mut cursor, 16));
        if part.events().is_empty() {
            break;
        }
        assert!(part.events().len() <= 16);
        let wakes = all(&part, |kind| match *kind {
            Kind::Wake {
                origin: Origin::Thread(by),
                ..
            } => Some(by),
            _ => None,
        });
        for (event, by) in wakes {
            assert!(part.threads()[by].starts_with("reader-"));
            found.push(event.seq);
        }
    }
    assert_eq!(found.len(), THREADS * WAKES);
    found.sort_unstable();
    found.dedup();
    assert_eq!(found.len(), THREADS * WAKES, "each once");
}

#[test]
fn the_first_part_and_one_after_a_loss_list_all_living_tasks() {
    let runtime = runtime(Level::Polls, 64);
    let mut cursor = Cursor::new();
    runtime.block_on(async {
        let old = named("old", std::future::pending::<()>());
        yield_now().await;
        (0..100).for_each(|_| trace::mark("again"));
        let names = |part: &trace::Snapshot| {
            let tasks = part.tasks().iter();
            tasks
                .map(|task| task.label().to_owned())
                .collect::<Vec<_>>()
        };
        let first = names(&snapshot_since(&mut cursor, 1000));
        assert!(first.contains(&"old".to_owned()), "{first:?}");
        named("new", async {}).await.unwrap();
        let later = names(&snapshot_since(&mut cursor, 1000));
        assert!(later.contains(&"new".to_owned()), "{later:?}");
        assert!(!later.contains(&"old".to_owned()), "{later:?}");
        (0..100).for_each(|_| trace::mark("again"));
        let after = snapshot_since(&mut cursor, 1000);
        let is_alive = |name| {
            let mut tasks = after.tasks().iter();
            tasks.any(|task| task.label() == name && task.alive)
        };
        assert!(is_alive("old") && !is_alive("new"), "{:?}", after.tasks());
        drop(old);
    });
}

#[test]
fn a_cursor_of_another_runtime_begins_anew() {
    let mut cursor = Cursor::new();
    for _ in 0..2 {
        let runtime = runtime(Level::Polls, 64);
        runtime.block_on(async { trace::mark("here") });
        let part = runtime.enter(|| snapshot_since(&mut cursor, 1000));
        assert!(part.to_string().contains("marks \"here\""), "{part}");
        assert!(part.to_string().contains("main is spawned"), "{part}");
    }
}
