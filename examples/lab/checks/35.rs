//! Checks exercise 35.

#[cfg_attr(feature = "solutions", path = "../solutions/35.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/35.rs")]
mod program;

use std::cell::RefCell;
use std::process::ExitCode;
use std::rc::Rc;

use program::Jobs;
use wakeful::Builder;
use wakeful::class::Random;
use wakeful::task::yield_now;
use wakeful_lab::ensure;
use wakeful_lab::exercise::{Exercise, Verdict, let_run, step};

const EXERCISE: Exercise = Exercise {
    answer: 'd',
    replies: &[
        ('a', "Follow the first push: it wakes the worker."),
        ('b', "What does the worker do after the first job?"),
        (
            'c',
            "After the third push the boss yields twice. Who runs meanwhile?",
        ),
        (
            'd',
            "In the usual order the worker takes each job before the next one is pushed. A test in \
             this order passes, though the program is wrong.",
        ),
    ],
    shipped: "With the seed",
    check,
};

fn main() -> ExitCode {
    EXERCISE.main(program::main, program::ANSWER)
}

/// Pushes three jobs, stops, and returns the jobs that have run, and whether the worker has ended.
/// `yields` is how often the boss yields after each push.
async fn run(yields: usize) -> (Vec<u32>, bool) {
    let (jobs, done) = (Rc::new(Jobs::default()), Rc::new(RefCell::new(Vec::new())));
    let (its, list) = (jobs.clone(), done.clone());
    let worker = wakeful::spawn(async move {
        its.work(|job| list.borrow_mut().push(job)).await;
    });
    let boss = wakeful::spawn(async move {
        for job in 1..=3 {
            jobs.push(job);
            for _ in 0..yields {
                yield_now().await;
            }
        }
        jobs.stop();
    });
    boss.await.expect("the boss does not panic");
    // In an order by a seed, the worker may have to wait for its turn.
    for _ in 0..10 {
        let_run().await;
    }
    let ended = worker.is_finished();
    worker.abort();
    (done.take(), ended)
}

fn check() -> Verdict {
    step("in `work`");
    for yields in [2, 0, 1, 5] {
        for seed in 0..200 {
            // The seed 0 is the usual order.
            let builder = Builder::new();
            let builder = match seed {
                0 => builder,
                _ => builder.order(move || Random::new(seed)),
            };
            let runtime = builder.build().expect("a runtime can be created");
            let (done, ended) = runtime.block_on(run(yields));
            let order = match seed {
                0 => "In the usual order of tasks".to_owned(),
                _ => format!("With the seed {seed}"),
            };
            let boss = format!("{order}, and a boss that yields {yields} times after each push");
            ensure!(
                done == [1, 2, 3],
                "{boss}, the jobs 1, 2 and 3 were pushed before the stop, but these have run: \
                 {done:?}."
            );
            ensure!(ended, "{boss}, all jobs have run, and `work` still waits.");
        }
    }
    // A worker that has nothing to do waits for a push, and does not return before the stop.
    let early = wakeful::block_on(async {
        let jobs = Rc::new(Jobs::default());
        let its = jobs.clone();
        let worker = wakeful::spawn(async move { its.work(|_| ()).await });
        let_run().await;
        jobs.push(1);
        let_run().await;
        worker.is_finished()
    });
    ensure!(!early, "`work` returned before `stop` was called.");
    Ok(())
}
