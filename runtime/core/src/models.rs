//! Models: small programs that loom runs in all interleavings of at most 3 preemptions.
//!
//! ```text
//! RUSTFLAGS="--cfg loom" LOOM_MAX_PREEMPTIONS=3 CARGO_TARGET_DIR=target/loom \
//!     cargo test --release -p wakeful-core --lib models
//! ```
//!
//! # What is modelled
//!
//! The crate's own code: `task/*` (counts, remote_requests, waker, handles, oneshot, and what the
//! loop does with a task), `executor/remote.rs`, `Stop` of `runtime/handle.rs`, and
//! `shard/mesh/{notify,queue}.rs` and `shard/call/inbox.rs`. Its atomics, queue, locks and thread
//! number come from [`crate::primitives`] and `id.rs`, which use loom's types here.
//!
//! [remote], [remote_requests] and [refs] explore one protocol each. [task] and [end] explore whole
//! tasks, while the loop runs and when it ends, with a scheduler made for the models ([support]).
//! [oneshot] and [stop] explore the results and aborts that [`Handle`](crate::Handle) passes
//! between threads, and [beat] the marker that the stall detector reads (`observe/*`). [pair_queue]
//! explores the messages between shards (`shard/mesh/{notify,queue}.rs`), and [inbox] their replies
//! (`shard/call/inbox.rs`).
//!
//! Each model also checks:
//! - There is no deadlock: after a lost wake the loop would sleep forever.
//! - There is no leak of a task, its future, its output, or the scheduler (`Track`, loom's `Arc`).
//! - There is no use of a task after its free, no free that races with a use, and no second free
//!   (`primitives::Watch`).
//! - The future and the output are accessed and dropped on the thread of the loop, one at a time
//!   ([support::Touch]), and a poll sees all that happened before the wake (counters are relaxed).
//!
//! For each of these checks and for each step of the protocols there is a model without that step,
//! which must fail (`without_*`, `should_panic`). These flaws are in a copy of the protocol, in the
//! scheduler of the models, or in a hand-written waker, never in the crate.
//!
//! # Longer schedules
//!
//! Loom's models are short, as the number of their interleavings grows fast. The same models and
//! longer ones ([long]: many senders, tens of messages) run in random schedules under shuttle, one
//! per seed:
//!
//! ```text
//! RUSTFLAGS="--cfg shuttle" WAKEFUL_SCHEDULES=1000 CARGO_TARGET_DIR=target/shuttle \
//!     cargo test --profile smoke -p wakeful-core --lib models
//! ```
//!
//! A failing seed prints the command that repeats it. Shuttle treats every access as `SeqCst`, so
//! only loom finds failures that need a weaker order, and those `without_*` are ignored under
//! shuttle.
//!
//! # Limits
//!
//! - Loom treats a `SeqCst` access as `AcqRel`. Only fences are `SeqCst`.
//! - The queues of `crossbeam` are not modelled; a lock with a relaxed count replaces them.
//! - The reactor is replaced by `Event`: a notification before the wait ends the wait, as with an
//!   eventfd.
//! - The scheduler of the models has short versions of `send`, `post`, `receive`, `cancel_all` and
//!   `release_remaining` of the executor. A change of one needs a change of the other.
//! - Plain `Cell`s of the header are not tracked. That no other thread accesses them follows from
//!   the owner's number, and from the checks of the thread in `support`.
//! - An execution has at most `LOOM_MAX_PREEMPTIONS` (here 3) preemptions.

mod beat;
mod end;
mod inbox;
#[cfg(shuttle)]
mod long;
mod oneshot;
mod pair_queue;
mod refs;
mod remote;
mod remote_requests;
mod stop;
mod support;
mod task;

use std::cell::Cell;

use crate::primitives::empty_freed;

thread_local! {
    /// Set when a check failed where the crate catches panics: in a poll or in a drop.
    static ALARM: Cell<bool> = const { Cell::new(false) };
}

/// Runs `f` in all interleavings of at most `LOOM_MAX_PREEMPTIONS` preemptions.
#[cfg(loom)]
fn model(f: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(3);
    builder.check(move || {
        ALARM.set(false);
        empty_freed();
        f();
        assert!(!ALARM.get(), "a check failed inside a poll or a drop");
    });
}

/// Runs `f` in many random schedules. `WAKEFUL_SCHEDULES` is their number, and
/// `WAKEFUL_SCHEDULE_SEED` selects a single one.
#[cfg(shuttle)]
fn model(f: impl Fn() + Send + Sync + 'static) {
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

    use shuttle::scheduler::{PctScheduler, RandomScheduler};
    use shuttle::{Config, FailurePersistence, Runner};

    let number = |variable| -> Option<u64> {
        let text = std::env::var(variable).ok()?;
        let number = text.parse();
        Some(number.unwrap_or_else(|_| panic!("{variable} is not a number: {text:?}")))
    };
    let seeds = match number("WAKEFUL_SCHEDULE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("WAKEFUL_SCHEDULES").unwrap_or(200),
    };
    let f = std::sync::Arc::new(f);
    for seed in seeds {
        let mut config = Config::new();
        config.stack_size = 1 << 18;
        config.failure_persistence = FailurePersistence::None;
        config.silence_warnings = true;
        let f = f.clone();
        let run = move || {
            ALARM.set(false);
            empty_freed();
            crate::primitives::take_alive();
            f();
            assert!(!ALARM.get(), "a check failed inside a poll or a drop");
        };
        // The PCT scheduler delays some threads for long; the random one picks a thread each time.
        // The first run of the PCT scheduler measures the length of the schedule.
        let result = catch_unwind(AssertUnwindSafe(|| match seed % 2 {
            0 => Runner::new(RandomScheduler::new_from_seed(seed, 1), config).run(run),
            _ => Runner::new(PctScheduler::new_from_seed(seed, 3, 2), config).run(run),
        }));
        if let Err(payload) = result {
            let test = std::thread::current();
            let test = test.name().unwrap_or("models").to_owned();
            println!(
                "seed {seed} failed. To repeat it:\n    RUSTFLAGS='--cfg shuttle' \
                 WAKEFUL_SCHEDULE_SEED={seed} CARGO_TARGET_DIR=target/shuttle cargo test --profile \
                 smoke -p wakeful-core --lib -- --exact {test}"
            );
            resume_unwind(payload);
        }
        empty_freed();
        assert_eq!(
            crate::primitives::take_alive(),
            0,
            "Allocation leaked in seed {seed}"
        );
    }
}
