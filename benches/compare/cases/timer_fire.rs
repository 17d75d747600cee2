//! Timers that fire.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::case::{Case, Iterations, Outcome, Peer, Run, Watch};
use crate::on;

pub const CASES: &[Case] = &[Case {
    iterations: Iterations::Fixed {
        quick: 10_000,
        full: 100_000,
    },
    ..Case::new(
        "timer/fire-100k",
        "Timers",
        "100,000 tasks sleep until deadlines within 100 ms: from all asleep to all joined",
        fire,
    )
}];

/// Returns the longest time until all are asleep.
fn lead(run: &Run) -> Duration {
    Duration::from_millis(if run.quick { 200 } else { 2_000 })
}

macro_rules! sleepers {
    (
        $run:expr,
        |$future:ident| $spawn:expr,
        |$task:ident| $join:expr,
        |$at:ident| $sleep_until:expr
    ) => {{
        let (n, first) = ($run.n, Instant::now() + lead($run));
        async move {
            let asleep = Arc::new(AtomicU64::new(0));
            let (last, all_asleep) = async_channel::bounded(1);
            let mut tasks = Vec::with_capacity(n as usize);
            for k in 0..n {
                let (asleep, last) = (asleep.clone(), last.clone());
                let $at = first + Duration::from_millis(100) * (k as u32) / (n as u32);
                let $future = async move {
                    let mut sleep = pin!($sleep_until);
                    poll_fn(|cx| {
                        assert!(sleep.as_mut().poll(cx).is_pending());
                        Poll::Ready(())
                    })
                    .await;
                    if asleep.fetch_add(1, Ordering::Relaxed) == n - 1 {
                        last.try_send(()).unwrap();
                    }
                    sleep.await;
                };
                tasks.push($spawn);
            }
            all_asleep.recv().await.unwrap();
            let watch = Watch::start();
            for $task in tasks {
                $join;
            }
            watch.stop()
        }
    }};
}

fn fire(run: &Run) -> Outcome {
    let took = match run.peer {
        Peer::Wakeful => on::wakeful(sleepers!(
            run,
            |f| wakeful::spawn(f),
            |t| t.await.unwrap(),
            |at| wakeful::time::sleep_until(at.into())
        )),
        Peer::Tokio => on::tokio(sleepers!(
            run,
            |f| tokio::spawn(f),
            |t| t.await.unwrap(),
            |at| tokio::time::sleep_until(at.into())
        )),
        Peer::TokioLocal => on::tokio_local(sleepers!(
            run,
            |f| tokio::task::spawn_local(f),
            |t| t.await.unwrap(),
            |at| tokio::time::sleep_until(at.into())
        )),
        Peer::Smol => {
            on::smol(|ex| sleepers!(run, |f| ex.spawn(f), |t| t.await, |at| smol::Timer::at(at)))
        }
        Peer::SmolStatic => on::smol_static(|ex| {
            sleepers!(run, |f| ex.spawn(f), |t| t.await, |at| smol::Timer::at(at))
        }),
        Peer::Monoio => on::monoio(sleepers!(run, |f| monoio::spawn(f), |t| t.await, |at| {
            monoio::time::sleep_until(at.into())
        })),
        Peer::Compio => on::compio(sleepers!(
            run,
            |f| compio::runtime::spawn(f),
            |t| t.await.unwrap(),
            |at| compio::time::sleep_until(at)
        )),
        _ => return Outcome::no_runtime(),
    };
    Outcome::cpu(took, run.n)
}
