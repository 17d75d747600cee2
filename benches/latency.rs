//! Measures how long a task waits for its poll while a batch fills the loop: in a class with a
//! latency, in first-in first-out order, and on tokio.
//!
//! ```text
//! cargo run --release -p wakeful-benches --bin latency
//! ```
//!
//! Fifty tasks compute in polls of half a millisecond. A thread wakes one more task every few
//! milliseconds and sends it the time; the task measures the time until its poll. The three ways
//! run in turn, and a number is the median of the rounds.
//!
//! The batch also reads the clock while it computes. A gap means that the loop's thread did not
//! run, because another thread had its processor. Waits without a gap are listed separately: these
//! are due to the scheduler alone. The waking thread reads the clock again after the wake, and a
//! wake that took long is not among them either.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use wakeful::class::Class;

const ROUNDS: usize = 7;
const BATCH: usize = 50;
const POLL: Duration = Duration::from_micros(500);
const WAKES: usize = 400;
const EVERY: Duration = Duration::from_millis(3);
/// The time between two readings of the clock from which on the thread was not running.
const GAP: Duration = Duration::from_micros(50);

thread_local! {
    /// The last time at which the batch found a gap.
    static GAPS: RefCell<Vec<Instant>> = const { RefCell::new(Vec::new()) };
}

fn compute() {
    let began = Instant::now();
    let mut last = began;
    while last - began < POLL {
        let now = Instant::now();
        if now - last > GAP {
            GAPS.with_borrow_mut(|gaps| gaps.push(now));
        }
        last = now;
    }
}

/// The times before and after a wake.
type Woken = (Instant, Instant);

/// Sends the time again and again.
fn sender() -> (
    async_channel::Receiver<Instant>,
    thread::JoinHandle<Vec<Woken>>,
) {
    let (send, receive) = async_channel::unbounded();
    let thread = thread::spawn(move || {
        let mut woken = Vec::new();
        for _ in 0..WAKES {
            thread::sleep(EVERY);
            let before = Instant::now();
            if send.send_blocking(before).is_err() {
                break;
            }
            woken.push((before, Instant::now()));
        }
        woken
    });
    (receive, thread)
}

/// The results of one round.
struct Round {
    all: Vec<Duration>,
    /// The waits in which both threads had a processor.
    undisturbed: Vec<Duration>,
}

async fn measure() -> Round {
    GAPS.take();
    let (receive, thread) = sender();
    let mut polled = Vec::new();
    while receive.recv().await.is_ok() {
        polled.push(Instant::now());
    }
    let woken = thread.join().expect("the thread does not panic");
    let gaps = GAPS.take();
    let mut round = Round {
        all: Vec::new(),
        undisturbed: Vec::new(),
    };
    for ((before, after), polled) in woken.into_iter().zip(polled) {
        let waited = polled - before;
        round.all.push(waited);
        let gap = gaps.iter().any(|&gap| gap >= before && gap - GAP <= polled);
        if !gap && after - before < GAP {
            round.undisturbed.push(waited);
        }
    }
    round.all.sort();
    round.undisturbed.sort();
    round
}

/// Computes and yields, until it is stopped.
async fn batch<Y: Future>(stop: Rc<Cell<bool>>, give_way: impl Fn() -> Y) {
    while !stop.get() {
        compute();
        give_way().await;
    }
}

fn on_wakeful(with_classes: bool) -> Round {
    wakeful::block_on(async {
        let stop = Rc::new(Cell::new(false));
        let (requests, reports) = if with_classes {
            let requests = Class::builder("requests").latency(Duration::from_millis(1));
            let reports = Class::builder("reports");
            (
                requests.build().expect("a class"),
                reports.build().expect("a class"),
            )
        } else {
            (Class::current(), Class::current())
        };
        for _ in 0..BATCH {
            let task = batch(stop.clone(), wakeful::task::yield_now);
            drop(wakeful::spawn_in(&reports, task));
        }
        let measured = wakeful::spawn_in(&requests, measure());
        let waited = measured.await.expect("no panic");
        stop.set(true);
        waited
    })
}

fn on_tokio() -> Round {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let stop = Rc::new(Cell::new(false));
        for _ in 0..BATCH {
            tokio::task::spawn_local(batch(stop.clone(), tokio::task::yield_now));
        }
        let measured = tokio::task::spawn_local(measure());
        let waited = measured.await.expect("no panic");
        stop.set(true);
        waited
    })
}

fn percentile(sorted: &[Duration], part: usize) -> Duration {
    sorted[sorted.len().saturating_sub(1) * part / 100]
}

fn median(mut samples: Vec<Duration>) -> Duration {
    samples.sort();
    samples[samples.len() / 2]
}

fn main() {
    println!(
        "wake to poll, {BATCH} tasks beside it that compute {POLL:?} a poll; medians of {ROUNDS} rounds \
         of {WAKES} wakes"
    );
    type Way = (&'static str, fn() -> Round);
    let ways: [Way; 3] = [
        ("wakeful, a class with a latency of 1 ms", || {
            on_wakeful(true)
        }),
        ("wakeful, first in, first out", || on_wakeful(false)),
        ("tokio, a LocalSet", on_tokio),
    ];
    let mut rounds = ways.map(|_| Vec::new());
    for _ in 0..ROUNDS {
        for ((_, way), rounds) in ways.iter().zip(&mut rounds) {
            rounds.push(way());
        }
    }
    for ((name, _), rounds) in ways.iter().zip(rounds) {
        let of = |part, undisturbed: bool| {
            let waits = rounds.iter().map(|round: &Round| match undisturbed {
                true => percentile(&round.undisturbed, part),
                false => percentile(&round.all, part),
            });
            let waits: Vec<_> = waits.collect();
            (*waits.iter().max().expect("a round"), median(waits))
        };
        let (_, p50) = of(50, false);
        let (worst, p99) = of(99, false);
        let (worst_alone, alone) = of(99, true);
        let count = |f: fn(&Round) -> usize| rounds.iter().map(f).sum::<usize>();
        println!(
            "{name:40} p50 {p50:>9.3?}  p99 {p99:>9.3?} (worst round {worst:>9.3?})  undisturbed: p99 \
             {alone:>9.3?} ({worst_alone:>9.3?}), {} of {} wakes",
            count(|round| round.undisturbed.len()),
            count(|round| round.all.len()),
        );
    }
}
