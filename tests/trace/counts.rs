//! Counts of tasks, and the limit of the rate of events.

use std::time::{Duration, Instant};

use wakeful::task::yield_now;
use wakeful::time::sleep;
use wakeful::trace::{self, Counts, Cursor, Kind, Level, Snapshot, snapshot_since};

use super::{named, wakes_of_threads};

fn runtime(capacity: usize, rate: u32) -> wakeful::Runtime {
    wakeful::Builder::new()
        .trace_level(Level::Wakes)
        .trace_capacity(capacity)
        .trace_rate(rate)
        .build()
        .unwrap()
}

fn counts(snapshot: &Snapshot, name: &str) -> Counts {
    let mut tasks = snapshot.tasks().iter();
    tasks.find(|task| task.label() == name).unwrap().counts
}

async fn yields(times: u64) {
    for _ in 0..times {
        yield_now().await;
    }
}

/// Keeps the loop busy without a poll that ends.
fn hold_for(time: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < time {}
}

fn gaps(snapshot: &Snapshot) -> usize {
    let events = snapshot.events().iter();
    let gaps = events.filter(|event| matches!(event.kind, Kind::Gap { .. }));
    gaps.count()
}

#[test]
fn counts_are_exact_when_the_ring_has_lost_most_events() {
    let runtime = runtime(64, 0);
    runtime.block_on(async {
        let spinner = named("spinner", yields(1000));
        while !spinner.is_finished() {
            yield_now().await;
        }
        let snapshot = trace::snapshot();
        assert!(snapshot.lost() > 1000, "{}", snapshot.lost());
        // The handle keeps the task.
        let spinner = counts(&snapshot, "spinner");
        assert_eq!(spinner.polls, 1001);
        assert_eq!((spinner.wakes, spinner.self_wakes), (1000, 1000));
        assert!(spinner.longest > 0 && spinner.ran >= spinner.longest);
        assert!(spinner.delay > 0);
        let main = counts(&snapshot, "main");
        let totals = snapshot.totals();
        assert_eq!(totals.counts.polls, spinner.polls + main.polls);
        // Later polls are counted in sixteens.
        let about = totals.counts.polls - 32..=totals.counts.polls;
        assert!(about.contains(&totals.poll_time.count()), "{totals:?}");
        assert!(about.contains(&totals.wake_to_poll.count()), "{totals:?}");
        assert_eq!(totals.spawned, 2);
    });
}

#[test]
fn the_counts_of_tasks_that_are_gone_stay_in_the_counts_of_their_place() {
    let runtime = runtime(64, 0);
    runtime.block_on(async {
        let kept: Vec<_> = (0..100)
            .map(|n| wakeful::spawn(async move { yields(n).await }))
            .collect();
        for handle in kept {
            handle.await.unwrap();
        }
    });
    let snapshot = runtime.enter(trace::snapshot);
    let place = snapshot.places().iter().find(|place| place.spawned == 100);
    let place = place.expect("one place has spawned them all");
    assert!(place.location.contains("counts.rs"), "{}", place.location);
    assert_eq!(place.alive, 0);
    assert_eq!(place.counts.polls, 5050);
    assert_eq!(place.counts.self_wakes, 4950);
}

#[test]
fn each_wake_of_another_thread_is_counted() {
    const WAKES: usize = 40;
    const THREADS: usize = 3;
    let runtime = runtime(64, 0);
    runtime.block_on(async {
        wakes_of_threads("counted", THREADS, WAKES).await;
        // The last wakes may be on their way.
        let all = (THREADS * WAKES) as u64;
        while counts(&trace::snapshot(), "main").wakes < all {
            yield_now().await;
        }
    });
}

#[test]
fn with_a_limit_what_is_left_out_is_summed_up() {
    let runtime = runtime(1 << 16, 2000);
    runtime.block_on(async {
        let spinner = named("spinner", yields(20_000));
        spinner.await.unwrap();
    });
    let snapshot = runtime.enter(trace::snapshot);
    assert_eq!(snapshot.lost(), 0);
    assert!(gaps(&snapshot) > 0);
    let (mut recorded, mut summed, mut wakes) = (0, 0, 0);
    for event in snapshot.events() {
        match event.kind {
            Kind::Poll { .. } => recorded += 1,
            Kind::Wake { .. } => wakes += 1,
            Kind::Sum {
                polls, wakes: more, ..
            } => {
                summed += polls;
                wakes += more;
            }
            _ => {}
        }
    }
    let totals = snapshot.totals().counts;
    assert!(totals.polls > 20_000 && totals.wakes >= 20_000);
    assert_eq!(recorded + summed, totals.polls);
    assert_eq!(wakes, totals.wakes);
    assert!(recorded < 15_000, "{recorded} polls were recorded");
}

#[test]
fn a_long_poll_in_a_gap_is_recorded() {
    let runtime = runtime(1 << 16, 2000);
    runtime.block_on(async {
        yields(1000).await;
        named("slow", async { hold_for(Duration::from_millis(3)) })
            .await
            .unwrap();
    });
    let snapshot = runtime.enter(trace::snapshot);
    let mut events = snapshot.events().iter();
    let slow = events.find(|event| match event.kind {
        Kind::Poll { task, .. } => snapshot.tasks()[task].label() == "slow",
        _ => false,
    });
    assert!(slow.unwrap().dur() >= Some(3_000_000));
}

#[test]
fn a_gap_ends_with_its_slice_if_nothing_more_happens() {
    let runtime = runtime(1 << 16, 2000);
    runtime.block_on(async {
        let mut cursor = Cursor::new();
        yields(1000).await;
        let first = snapshot_since(&mut cursor, 10_000);
        assert!(gaps(&first) > 0);
        assert!(first.is_complete(), "an end of a task may be left out");
        // Longer than a slice.
        hold_for(Duration::from_millis(110));
        snapshot_since(&mut cursor, 10_000);
        let last = snapshot_since(&mut cursor, 10_000);
        assert_eq!(gaps(&last), 0, "{last:#}");
    });
}

#[test]
fn a_part_with_a_gap_has_the_final_counts_of_tasks_that_ended_in_it() {
    let runtime = runtime(1 << 16, 2000);
    runtime.block_on(async {
        let mut cursor = Cursor::new();
        let spinner = named("spinner", yields(20_000));
        yield_now().await;
        let first = snapshot_since(&mut cursor, 10_000);
        assert!(counts(&first, "spinner").polls < 10);
        spinner.await.unwrap();
        let last = snapshot_since(&mut cursor, 10_000);
        assert!(gaps(&last) > 0);
        assert_eq!(counts(&last, "spinner").polls, 20_001);
    });
}

#[test]
fn a_busy_loop_does_not_sleep_and_an_idle_one_does() {
    let runtime = runtime(1 << 10, 0);
    let slept = || runtime.enter(trace::snapshot).totals().slept;
    runtime.block_on(yields(1000));
    assert_eq!(slept(), 0);
    runtime.block_on(async { sleep(Duration::from_millis(5)).await });
    assert!(slept() >= 4_000_000, "{} ns", slept());
}
