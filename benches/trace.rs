//! The costs of the trace: of a poll without recording, and of an event with it.
//!
//! ```text
//! cargo run --release -p wakeful-benches --no-default-features --features trace --bin trace
//! cargo run --release -p wakeful-benches --no-default-features --bin trace
//! ```
//!
//! The second command is without the feature, to compare with level 0. Rounds of all levels run in
//! turn, and medians are shown, so that other load affects all of them alike.

use std::future::poll_fn;
use std::hint::black_box;
use std::task::Poll;
use std::time::{Duration, Instant};

use wakeful::task::{JoinSet, yield_now};
use wakeful::time::sleep;

const ROUNDS: usize = 31;
const OPERATIONS: u32 = 20_000;
const CASES: &[&str] = &[
    "poll and wake",
    "spawn and join",
    "timer armed and dropped",
    "waker cloned",
];

async fn run(case: &str) {
    match case {
        "poll and wake" => {
            let mut set = JoinSet::new();
            for _ in 0..100 {
                set.spawn(async {
                    for _ in 0..OPERATIONS / 100 {
                        yield_now().await;
                    }
                });
            }
            while set.join_next().await.is_some() {}
        }
        "spawn and join" => {
            for _ in 0..OPERATIONS {
                wakeful::spawn(async {}).await.expect("no panic");
            }
        }
        "timer armed and dropped" => {
            for _ in 0..OPERATIONS {
                let mut timer = Box::pin(sleep(Duration::from_secs(3_600)));
                let asked = poll_fn(|cx| Poll::Ready(timer.as_mut().poll(cx).is_pending()));
                assert!(asked.await);
            }
        }
        "waker cloned" => {
            poll_fn(|cx| {
                for _ in 0..OPERATIONS {
                    drop(black_box(cx.waker().clone()));
                }
                Poll::Ready(())
            })
            .await;
        }
        other => unreachable!("unknown case {other}"),
    }
}

/// Returns the nanoseconds for each operation.
async fn timed(case: &str) -> f64 {
    let begin = Instant::now();
    run(case).await;
    begin.elapsed().as_nanos() as f64 / f64::from(OPERATIONS)
}

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

#[cfg(feature = "trace")]
async fn measure(case: &str) {
    use wakeful::trace::{self, Level};

    /// Returns the number of all events so far, including those that were overwritten.
    fn recorded() -> u64 {
        let snapshot = trace::snapshot();
        snapshot.lost() + snapshot.events().len() as u64
    }

    let levels = [Level::Off, Level::Polls, Level::Wakes, Level::Clones];
    let mut times = [const { Vec::new() }; 4];
    for _ in 0..ROUNDS {
        for (level, times) in levels.into_iter().zip(&mut times) {
            trace::set_level(level);
            times.push(timed(case).await);
        }
    }
    let events = async |level| {
        trace::set_level(level);
        let before = recorded();
        run(case).await;
        let count = recorded() - before;
        count as f64 / f64::from(OPERATIONS)
    };
    let times = times.map(median);
    print!("{case:24} level 0: {:6.1} ns", times[0]);
    for (level, time) in levels.into_iter().zip(times).skip(1) {
        let events = events(level).await;
        // The rounds themselves cause a few events.
        if events < 0.1 {
            print!(
                "   level {}: {time:6.1} ns,   no events          ",
                level as u8
            );
        } else {
            let each = (time - times[0]) / events;
            print!(
                "   level {}: {time:6.1} ns, {events:3.1} events of {each:4.1} ns",
                level as u8
            );
        }
    }
    println!();
}

#[cfg(not(feature = "trace"))]
async fn measure(case: &str) {
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        times.push(timed(case).await);
    }
    println!("{case:24} without: {:6.1} ns", median(times));
}

fn main() -> std::io::Result<()> {
    // In a task, as in most programs, not in the future of `block_on`.
    wakeful::Builder::new().build()?.block_on(async {
        for &case in CASES {
            wakeful::spawn(measure(case)).await.expect("no panic");
        }
    });
    Ok(())
}
