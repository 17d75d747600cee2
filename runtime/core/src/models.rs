//! Models: small programs whose every interleaving loom runs, and that must hold in all of them.
//!
//! ```text
//! RUSTFLAGS="--cfg loom" LOOM_MAX_PREEMPTIONS=3 CARGO_TARGET_DIR=target/loom \
//!     cargo test --release -p wakeful --lib models
//! ```
//!
//! # What is modelled
//!
//! The crate's own code: `task/*` (counts, remote_requests, waker, handles, oneshot, and what the loop does
//! with a task), `executor/remote.rs`, `Stop` of `runtime/handle.rs`, and `shard/mesh/{notify,queue}.rs` and `shard/call/inbox.rs`. Its atomics, queue, locks
//! and thread number come from [`crate::primitives`] and `id.rs`, where loom's twins take their place.
//!
//! Each protocol is explored by itself ([remote], [remote_requests], [refs]), then whole tasks are, with a
//! scheduler made for the models ([support]): [task] while the loop runs, [end] when it ends. [oneshot]
//! and [stop] are what [`Handle`](crate::Handle) adds for results and aborts between threads, and
//! [beat] is what a loop shows to the stall detector (`observe/*`). [pair_queue] is how shards send each other
//! messages and wait for them (`shard/mesh/{notify,queue}.rs`), [inbox] how they send answers (`shard/call/inbox.rs`).
//!
//! What a model checks without saying so:
//! - no deadlock: a wake that is lost leaves the loop asleep for ever;
//! - no leak, of a task, its future, its output, or the scheduler (`Track`, loom's `Arc`);
//! - no use after the free of a task, no free that races with a use, no second free (`primitives::Watch`);
//! - the future and the output are touched and dropped on the thread of the loop, one at a time
//!   ([support::Touch]), and a poll sees all that happened before the wake (counters are relaxed).
//!
//! For each of these and for each step of the protocols there is a model that takes the step out
//! and must fail (`without_*`, `should_panic`), so that the models are known to see. Such a flaw is
//! in a copy of the protocol, in the models' scheduler, or in a hand-made waker; never in the crate.
//!
//! # Longer schedules
//!
//! Loom's models are short, as it runs all of their interleavings. The same models, and longer ones
//! ([long]: crowds of senders, tens of messages), run in random schedules under shuttle, a seed each:
//!
//! ```text
//! RUSTFLAGS="--cfg shuttle" WAKEFUL_SCHEDULES=1000 CARGO_TARGET_DIR=target/shuttle \
//!     cargo test --profile smoke -p wakeful --lib models
//! ```
//!
//! A seed that fails prints the command that repeats it. Shuttle knows one order of memory, so what
//! only a weaker one breaks is loom's to see, and these `without_*` are ignored there.
//!
//! # What is not
//!
//! - Loom treats a `SeqCst` access as `AcqRel`. Only fences are `SeqCst` to it.
//! - The queues of `crossbeam` are taken for granted; a lock with a relaxed count stands in for them.
//! - The reactor is a bell: a notification before the wait ends the wait, as an eventfd does.
//! - The scheduler of the models repeats `send`, `post`, `receive`, `cancel_all` and `dissolve` of
//!   the executor's in short. Who changes one changes the other.
//! - Plain `Cell`s of the header are not tracked. That no other thread reaches them follows from
//!   the owner's number, and from `support` asking the thread wherever the scheduler is called.
//! - At most `LOOM_MAX_PREEMPTIONS` (here 3) preemptions in an execution.

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
    /// Set when a check failed where the crate keeps panics to itself: in a poll, in a drop.
    static ALARM: Cell<bool> = const { Cell::new(false) };
}

/// Runs `f` in every interleaving.
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

/// Runs `f` in many random schedules: `WAKEFUL_SCHEDULES` says how many, and
/// `WAKEFUL_SCHEDULE_SEED` takes one alone.
#[cfg(shuttle)]
fn model(f: impl Fn() + Send + Sync + 'static) {
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

    use shuttle::scheduler::{PctScheduler, RandomScheduler};
    use shuttle::{Config, FailurePersistence, Runner};

    let number = |variable| -> Option<u64> {
        let text = std::env::var(variable).ok()?;
        Some(text.parse().expect("the variable is a number"))
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
        // Some threads are held up for long in the one, all go on by turns in the other. The first
        // run of the one tells it how long the schedule is.
        let result = catch_unwind(AssertUnwindSafe(|| match seed % 2 {
            0 => Runner::new(RandomScheduler::new_from_seed(seed, 1), config).run(run),
            _ => Runner::new(PctScheduler::new_from_seed(seed, 3, 2), config).run(run),
        }));
        if let Err(payload) = result {
            let test = std::thread::current();
            let test = test.name().unwrap_or("models").to_owned();
            println!(
                "seed {seed} fails; it is repeated by\n    RUSTFLAGS='--cfg shuttle' \
                 WAKEFUL_SCHEDULE_SEED={seed} CARGO_TARGET_DIR=target/shuttle cargo test --profile \
                 smoke -p wakeful --lib -- --exact {test}"
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
