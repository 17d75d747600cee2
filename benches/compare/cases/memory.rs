//! Memory: the allocated bytes for each of many tasks and timers.

use std::future::{Future, pending, poll_fn};
use std::hint::black_box;
use std::task::Poll;
use std::time::Duration;

use crate::case::{Aim, Case, Iterations, MAIN, Metric, Outcome, Peer, Run};
use crate::memory::in_use;
use crate::on;

pub const CASES: &[Case] = &[
    Case {
        iterations: MANY,
        aims: &[Aim::Absolute {
            metric: MAIN,
            at_most: 64.0,
        }],
        ..Case::new(
            "scale/bytes-task",
            "Scale",
            "heap of each of 100,000 waiting tasks, the future of 64 bytes and the handle not counted",
            bytes_of_a_task,
        )
    },
    Case {
        iterations: MANY,
        ..Case::new(
            "scale/bytes-timer",
            "Scale",
            "heap of each of 100,000 armed sleeps in boxes, the box counted",
            bytes_of_a_timer,
        )
    },
];

const MANY: Iterations = Iterations::Fixed {
    quick: 10_000,
    full: 100_000,
};

fn bytes(each: f64) -> Outcome {
    Outcome::Measured(vec![Metric::new("memory", "bytes", each)])
}

/// A future of 64 bytes that never ends.
async fn waiting() {
    let kept = black_box([1_u64; 7]);
    pending::<()>().await;
    black_box(kept);
}

/// Returns the bytes for each of `n` spawned tasks that have been polled once. The space for their
/// handles is allocated before.
macro_rules! growth {
    ($n:expr, |$future:ident| $spawn:expr, |$task:ident| $join:expr) => {{
        let n = $n;
        async move {
            let mut tasks = Vec::with_capacity(n as usize);
            let before = in_use();
            for _ in 0..n {
                let $future = waiting();
                tasks.push($spawn);
            }
            // When this task is polled, the others have been polled as well.
            let $future = async {};
            let $task = $spawn;
            $join;
            let grown = in_use() - before;
            std::mem::forget(tasks);
            grown as f64 / n as f64
        }
    }};
}

fn bytes_of_a_task(run: &Run) -> Outcome {
    let n = run.n;
    let each = match run.peer {
        Peer::Wakeful => on::wakeful(growth!(n, |f| wakeful::spawn(f), |t| t.await.unwrap())),
        Peer::Tokio => on::tokio(growth!(n, |f| tokio::spawn(f), |t| t.await.unwrap())),
        Peer::TokioLocal => on::tokio_local(growth!(n, |f| tokio::task::spawn_local(f), |t| t
            .await
            .unwrap())),
        Peer::Smol => on::smol(|ex| growth!(n, |f| ex.spawn(f), |t| t.await)),
        Peer::SmolStatic => on::smol_static(|ex| growth!(n, |f| ex.spawn(f), |t| t.await)),
        Peer::Monoio => on::monoio(growth!(n, |f| monoio::spawn(f), |t| t.await)),
        Peer::Compio => on::compio(growth!(n, |f| compio::runtime::spawn(f), |t| t
            .await
            .unwrap())),
        _ => return Outcome::no_runtime(),
    };
    bytes(each - size_of_val(&waiting()) as f64)
}

macro_rules! armed {
    ($n:expr, $sleep:expr, $yield_now:expr) => {{
        let n = $n;
        async move {
            let mut sleeps = Vec::with_capacity(n as usize);
            let before = in_use();
            poll_fn(|cx| {
                for _ in 0..n {
                    let mut sleep = Box::pin($sleep);
                    assert!(sleep.as_mut().poll(cx).is_pending());
                    sleeps.push(sleep);
                }
                Poll::Ready(())
            })
            .await;
            $yield_now.await;
            (in_use() - before) as f64 / n as f64
        }
    }};
}

fn bytes_of_a_timer(run: &Run) -> Outcome {
    let n = run.n;
    let hour = Duration::from_secs(3600);
    let each = match run.peer {
        Peer::Wakeful => on::wakeful(armed!(
            n,
            wakeful::time::sleep(hour),
            wakeful::task::yield_now()
        )),
        Peer::Tokio => on::tokio(armed!(
            n,
            tokio::time::sleep(hour),
            tokio::task::yield_now()
        )),
        Peer::TokioLocal => on::tokio_local(armed!(
            n,
            tokio::time::sleep(hour),
            tokio::task::yield_now()
        )),
        Peer::Smol => on::smol(|_| armed!(n, smol::Timer::after(hour), smol::future::yield_now())),
        Peer::SmolStatic => {
            on::smol_static(|_| armed!(n, smol::Timer::after(hour), smol::future::yield_now()))
        }
        Peer::Monoio => on::monoio(armed!(
            n,
            monoio::time::sleep(hour),
            smol::future::yield_now()
        )),
        Peer::Compio => on::compio(armed!(
            n,
            compio::time::sleep(hour),
            smol::future::yield_now()
        )),
        _ => return Outcome::no_runtime(),
    };
    bytes(each)
}
