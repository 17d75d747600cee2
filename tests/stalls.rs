//! The stall detector names the stuck task while it is stuck, and reports what it is doing.
//!
//! Each stuck poll lasts until the report arrives, which ends it. So a test takes as long as the
//! report, and fails if none arrives.

// Linux only, with `child`.
#[cfg(target_os = "linux")]
#[path = "support/alone.rs"]
mod alone;
// Linux only: `StallKind::Stopped` and the time without a CPU come from `/proc`.
#[cfg(target_os = "linux")]
#[path = "stalls/child.rs"]
mod child;
#[path = "support/fifo.rs"]
mod fifo;
#[path = "stalls/kinds.rs"]
mod kinds;
#[path = "stalls/locks.rs"]
mod locks;
#[path = "support/mod.rs"]
mod support;

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use support::{panic_of, yield_until};
use wakeful::{Builder, StallKind, StallReport};

const THRESHOLD: Duration = Duration::from_millis(40);
/// The time after which a test fails.
const LIMIT: Duration = Duration::from_secs(60);

fn reporting() -> (wakeful::Runtime, Receiver<StallReport>) {
    let (sender, receiver) = channel();
    let runtime = Builder::new()
        .detect_stalls(THRESHOLD)
        .on_stall(move |report| _ = sender.send(report.clone()))
        .build()
        .unwrap();
    (runtime, receiver)
}

/// As `reporting`, but skips up to five reports that the thread gets no CPU: on a busy machine a
/// later report may show what the poll is doing.
fn reporting_what_it_does() -> (wakeful::Runtime, Receiver<StallReport>) {
    let (sender, receiver) = channel();
    let passed = Mutex::new(0);
    let runtime = Builder::new()
        .detect_stalls(THRESHOLD)
        .on_stall(move |report| {
            let mut passed = passed.lock().unwrap();
            if report.kind == StallKind::Starved && *passed < 5 {
                *passed += 1;
                return;
            }
            _ = sender.send(report.clone());
        })
        .build()
        .unwrap();
    (runtime, receiver)
}

/// Asserts that the report has this kind, or that, by its numbers, the thread gets no CPU.
fn assert_kind(report: &StallReport, kind: StallKind) {
    if report.kind == StallKind::Starved {
        let (cpu, starved) = (report.cpu.unwrap(), report.starved.unwrap());
        let there = report.elapsed + report.stopped;
        assert!(
            starved > cpu * 8 && (starved + cpu) * 2 >= there,
            "{report}"
        );
        println!("the machine is too busy to show more than this: {report}");
        return;
    }
    if cfg!(not(target_os = "linux")) && report.kind == StallKind::Cpu {
        println!("only the CPU time of the process is known, and other tests use it: {report}");
        return;
    }
    assert_eq!(report.kind, kind, "{report}");
}

/// Runs `stuck` as one poll of a task with its name, between two others. `stuck` gets a function
/// that waits for the report. Returns the report.
fn report_of(
    name: &str,
    stuck: impl FnOnce(Receiver<StallReport>) -> StallReport + 'static,
) -> StallReport {
    let (runtime, reports) = reporting_what_it_does();
    let report = runtime.block_on(async {
        let other = wakeful::spawn(std::future::pending::<()>());
        let builder = wakeful::task::Builder::new().name(name);
        let task = builder.spawn(async move {
            wakeful::task::yield_now().await;
            stuck(reports)
        });
        let id = task.id();
        let report = task.await.unwrap();
        assert_eq!(report.task, id);
        other.abort();
        report
    });
    assert_eq!(report.name.as_deref(), Some(name));
    let location = report.location.unwrap();
    assert_eq!(location.file(), file!());
    assert!(report.elapsed >= THRESHOLD, "{report}");
    assert!(
        report
            .to_string()
            .contains(&format!("\"{name}\", spawned at {location}"))
    );
    report
}

/// Waits for the report, and repeats `step` meanwhile.
fn while_stuck(reports: &Receiver<StallReport>, mut step: impl FnMut()) -> StallReport {
    let limit = Instant::now() + LIMIT;
    loop {
        if let Ok(report) = reports.try_recv() {
            return report;
        }
        assert!(Instant::now() < limit, "no report came");
        step();
    }
}

#[test]
fn the_future_of_block_on_is_named() {
    let (runtime, reports) = reporting();
    let line = line!() + 1;
    let report = runtime.block_on(async { reports.recv_timeout(LIMIT).unwrap() });
    assert_eq!(report.name.as_deref(), Some("block_on"));
    let location = report.location.unwrap();
    assert_eq!((location.file(), location.line()), (file!(), line));
}

#[test]
fn a_long_stall_is_reported_again_and_counted_once() {
    let (runtime, reports) = reporting();
    runtime.block_on(async {
        let (first, second) = (
            reports.recv_timeout(LIMIT).unwrap(),
            reports.recv_timeout(LIMIT).unwrap(),
        );
        assert_eq!((first.repeats, second.repeats), (0, 1));
        assert_eq!(first.task, second.task);
        assert!(second.elapsed >= first.elapsed * 2);
        assert_eq!(wakeful::Metrics::current().stalls, 1);
        assert_eq!(wakeful::Metrics::current().stall_time.count(), 0);
        wakeful::task::yield_now().await;
        // Until the watchdog has seen the end.
        yield_until(|| wakeful::Metrics::current().stall_time.count() >= 1).await;
    });
    let metrics = runtime.metrics();
    assert!(metrics.stalls >= metrics.stall_time.count());
    assert!(metrics.stall_time.max() >= 2 * THRESHOLD.as_nanos() as u64);
}

#[test]
fn many_short_polls_and_many_idle_checks_are_no_stall() {
    let (runtime, reports) = reporting();
    // For longer than the threshold, in both states that the watchdog checks: short polls in a row,
    // and a loop that sleeps.
    let long = runtime.block_on(async {
        let busy = wakeful::spawn(async {
            let end = Instant::now() + 3 * THRESHOLD;
            let mut lengths = Lengths::new(THRESHOLD);
            while Instant::now() < end {
                lengths.poll_ends();
                wakeful::task::yield_now().await;
            }
            lengths.long
        });
        let long = busy.await.unwrap();
        wakeful::time::sleep(3 * THRESHOLD).await;
        long
    });
    drop(runtime);
    // On a busy machine a short poll may take long, also where that is not measured: in the future
    // of `block_on`, and after the last reading of the clock. Then its CPU time is shorter.
    let computed = |report: &StallReport| report.cpu.is_none_or(|cpu| cpu >= THRESHOLD / 2);
    let stalls: Vec<_> = reports.try_iter().filter(computed).collect();
    assert!(
        stalls.len() as u64 <= long,
        "{stalls:?}, and {long} long polls"
    );
}

#[test]
fn two_thousand_polls_just_under_the_threshold_are_no_stall() {
    const SHORT: Duration = Duration::from_millis(2);
    let runtime = Builder::new()
        .detect_stalls(SHORT)
        .on_stall(|_| ())
        .build()
        .unwrap();
    let mut lengths = Lengths::new(SHORT);
    runtime.block_on(async {
        while lengths.short < 2000 {
            let begin = Instant::now();
            while begin.elapsed() < SHORT * 9 / 10 {}
            lengths.poll_ends();
            wakeful::task::yield_now().await;
        }
    });
    let (stalls, long) = (runtime.metrics().stalls, lengths.long);
    assert!(stalls <= long, "{stalls} stalls, and {long} long polls");
}

/// Counts the polls of one task by their length. On a busy machine one may take longer than
/// intended, and then it is a stall. Each is measured from the end of the one before, so it counts
/// as a little longer than it was.
struct Lengths {
    threshold: Duration,
    last: Instant,
    short: u64,
    long: u64,
}

impl Lengths {
    fn new(threshold: Duration) -> Lengths {
        Lengths {
            threshold,
            last: Instant::now(),
            short: 0,
            long: 0,
        }
    }

    fn poll_ends(&mut self) {
        let now = Instant::now();
        match now - self.last < self.threshold {
            true => self.short += 1,
            false => self.long += 1,
        }
        self.last = now;
    }
}

#[test]
fn a_panic_of_the_hook_does_not_end_the_watchdog() {
    let (sender, receiver) = channel();
    let count = Mutex::new(0);
    let runtime = Builder::new()
        .detect_stalls(THRESHOLD)
        .on_stall(move |_| {
            let mut count = count.lock().unwrap();
            *count += 1;
            let first = *count == 1;
            drop(count);
            assert!(!first, "on purpose");
            let _ = sender.send(());
        })
        .build()
        .unwrap();
    runtime.block_on(async { receiver.recv_timeout(LIMIT).unwrap() });
}

#[test]
fn two_loops_are_distinguished() {
    let stall = |name: &'static str| {
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(|| {
                let (runtime, reports) = reporting();
                runtime.block_on(async { reports.recv_timeout(LIMIT).unwrap() })
            })
            .unwrap()
    };
    let both = [stall("left"), stall("right")].map(|thread| thread.join().unwrap());
    let names = both.each_ref().map(|report| report.thread.as_deref());
    assert_eq!(names, [Some("left"), Some("right")]);
    assert_ne!(both[0].task, both[1].task);
}

#[test]
fn a_hook_may_create_a_runtime() {
    let (sender, receiver) = channel();
    let runtime = Builder::new()
        .detect_stalls(THRESHOLD)
        .on_stall(move |_| {
            let inner = Builder::new().detect_stalls(LIMIT).build().unwrap();
            let _ = sender.send(inner.block_on(async { 5 }));
        })
        .build()
        .unwrap();
    assert_eq!(
        runtime.block_on(async { receiver.recv_timeout(LIMIT) }),
        Ok(5)
    );
}

#[test]
fn a_stall_names_the_new_task_of_a_reused_slot() {
    // The second task takes the slot of the first; the report names the second.
    let (runtime, reports) = reporting();
    let report = runtime.block_on(async {
        let first = wakeful::task::Builder::new().name("first").spawn(async {});
        let first_id = first.id();
        first.await.unwrap();
        let second = wakeful::spawn(async move { reports.recv_timeout(LIMIT).unwrap() });
        let id = second.id();
        let report = second.await.unwrap();
        assert_eq!(report.task, id);
        assert_ne!(report.task, first_id);
        report
    });
    assert_eq!(report.name, None);
}

#[test]
fn a_threshold_of_zero_is_refused() {
    let text = panic_of(|| Builder::new().detect_stalls(Duration::ZERO));
    assert!(
        text.contains("detect_stalls(0)") && text.contains("100 ms"),
        "{text}"
    );
}

#[test]
fn max_poll_names_the_task() {
    let runtime = Builder::new()
        .max_poll(Duration::from_nanos(1))
        .build()
        .unwrap();
    let text = panic_of(|| {
        runtime.block_on(async {
            wakeful::task::Builder::new()
                .name("slow")
                .spawn(async {})
                .await
        })
    });
    // The first long poll is that of `block_on` itself.
    assert!(text.contains("\"block_on\", spawned at"), "{text}");
    assert!(
        text.contains("longer than the 1ns that `max_poll` allows"),
        "{text}"
    );
}

/// With the attribute, and with a limit that only one poll exceeds.
#[wakeful::test(max_poll = "300ms", detect_stalls = false)]
#[should_panic(expected = "\"slow\", spawned at tests/stalls.rs")]
async fn a_poll_that_is_too_long_fails_the_test() {
    let builder = wakeful::task::Builder::new().name("slow");
    let slow = builder.spawn(async {
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_millis(301) {}
    });
    wakeful::spawn(async {}).await.unwrap();
    slow.await.unwrap();
}

#[wakeful::test(max_poll = "60s")]
async fn polls_below_the_limit_pass() {
    for _ in 0..1000 {
        wakeful::spawn(wakeful::task::yield_now()).await.unwrap();
    }
    wakeful::time::sleep(Duration::from_millis(1)).await;
}

#[test]
fn a_runtime_is_usable_after_a_poll_over_the_limit() {
    let limit = Duration::from_millis(300);
    let runtime = Builder::new().max_poll(limit).build().unwrap();
    let stuck = move || while_it_is_short(limit);
    assert!(panic_of(|| runtime.block_on(async { stuck() })).contains("block_on"));
    let task = runtime.spawn(async move { stuck() });
    assert!(panic_of(|| runtime.block_on(task).unwrap()).contains("spawned at"));
    assert_eq!(runtime.block_on(async { 5 }), 5);
}

/// Computes for a little longer, up to a limit.
fn while_it_is_short(limit: Duration) {
    let begin = Instant::now();
    while begin.elapsed() <= limit {}
}

fn _is_send(report: StallReport) -> impl Send + Sync {
    let shared: Arc<(StallReport, StallKind)> = Arc::new((report, StallKind::Cpu));
    let sender: Sender<Arc<(StallReport, StallKind)>> = channel().0;
    drop(sender);
    shared
}

/// The watchdog may be the last owner of a hook, and drops it when the runtime has ended.
#[test]
fn a_hook_is_dropped_with_its_runtime_and_may_panic_in_its_drop() {
    struct Captured(Sender<()>);
    impl Drop for Captured {
        fn drop(&mut self) {
            _ = self.0.send(());
            panic!("the drop of a hook panics");
        }
    }
    let (sender, dropped) = channel();
    let captured = Captured(sender);
    let runtime = Builder::new()
        .detect_stalls(Duration::from_secs(3600))
        .on_stall(move |_| _ = &captured)
        .build()
        .unwrap();
    drop(runtime);
    dropped
        .recv_timeout(LIMIT)
        .expect("the hook is dropped long before the next check");
    // The watchdog continues.
    let (runtime, reports) = reporting();
    let report = runtime.block_on(async { reports.recv_timeout(LIMIT) });
    assert!(report.is_ok(), "no report after the panic");
}
