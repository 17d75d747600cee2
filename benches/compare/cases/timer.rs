//! Timers that do not fire: armed, reset, and dropped.

use std::future::{Future, poll_fn, ready};
use std::hint::black_box;
use std::task::Poll;
use std::time::Duration;

use super::{MONOIO_POLLS_AGAIN, TO_A_MILLION};
use crate::case::{Aim, Case, MAIN, Outcome, Peer, Run, Watch, ahead, of_tokio};
use crate::on;

pub const CASES: &[Case] = &[
    Case {
        aims: &[
            of_tokio(0.13),
            ahead(1.0, Peer::Compio),
            ahead(1.0, Peer::Monoio),
        ],
        ..Case::new(
            "timer/arm-drop",
            "Timers",
            "a boxed sleep is created, polled and dropped, the clock read with it, all in one poll",
            |run| arm_drop(run, 0),
        )
    },
    Case {
        notes: MONOIO_POLLS_AGAIN,
        aims: &[
            of_tokio(0.13),
            ahead(1.0, Peer::Compio),
            ahead(1.0, Peer::Monoio),
        ],
        ..Case::new(
            "timer/arm-drop-yield",
            "Timers",
            "the same, with a yield after each",
            |run| arm_drop_yield(run, 0),
        )
    },
    Case {
        aims: &[of_tokio(0.20)],
        ..Case::new(
            "timer/arm-drop-100k",
            "Timers",
            "arm and drop in one poll, with 100,000 other timers armed",
            |run| arm_drop(run, 100_000),
        )
    },
    Case {
        notes: MONOIO_POLLS_AGAIN,
        aims: &[of_tokio(0.20)],
        ..Case::new(
            "timer/arm-drop-yield-100k",
            "Timers",
            "arm and drop with a yield after each, with 100,000 other timers armed",
            |run| arm_drop_yield(run, 100_000),
        )
    },
    Case::new(
        "timer/reset",
        "Timers",
        "an armed sleep gets a new deadline and is polled; compio has no reset: a new sleep",
        reset,
    ),
    Case::new(
        "timer/timeout-ready",
        "Timers",
        "a timeout around a future that is ready; smol's is future::or with a Timer",
        timeout_ready,
    ),
];

pub const SCALE: &[Case] = &[Case {
    points: TO_A_MILLION,
    axis: "timers alive",
    aims: &[
        of_tokio(0.5),
        Aim::Growth {
            metric: MAIN,
            from: 1_000,
            to: 1_000_000,
        },
    ],
    ..Case::new(
        "scale/arm-drop",
        "Scale",
        "arm and drop in one poll, with n other timers armed",
        |run| arm_drop(run, run.size),
    )
}];

const MINUTE: Duration = Duration::from_secs(60);

/// Arms `$alive` timers, all of which fire after the end of the run. The deadlines that a case arms
/// lie in the middle of theirs.
macro_rules! alive {
    ($alive:expr, |$after:ident| $sleep:expr) => {{
        let mut sleeps = Vec::with_capacity($alive as usize);
        poll_fn(|cx| {
            for n in 0..$alive {
                let $after = Duration::from_secs(30 + n * 7919 % 60);
                let mut sleep = Box::pin($sleep);
                assert!(sleep.as_mut().poll(cx).is_pending());
                sleeps.push(sleep);
            }
            Poll::Ready(())
        })
        .await;
        sleeps
    }};
}

macro_rules! in_one_poll {
    ($n:expr, $alive:expr, |$after:ident| $sleep:expr) => {{
        let (n, alive) = ($n, $alive);
        async move {
            let sleeps = alive!(alive, |$after| $sleep);
            let watch = Watch::start();
            poll_fn(|cx| {
                for _ in 0..n {
                    let $after = MINUTE;
                    let mut sleep = Box::pin($sleep);
                    assert!(sleep.as_mut().poll(cx).is_pending());
                    drop(sleep);
                }
                Poll::Ready(())
            })
            .await;
            let took = watch.stop();
            drop(sleeps);
            took
        }
    }};
}

fn arm_drop(run: &Run, alive: u64) -> Outcome {
    let n = run.n;
    let took = match run.peer {
        Peer::Wakeful => on::wakeful(in_one_poll!(n, alive, |d| wakeful::time::sleep(d))),
        Peer::Tokio => on::tokio(in_one_poll!(n, alive, |d| tokio::time::sleep(d))),
        Peer::TokioLocal => on::tokio_local(in_one_poll!(n, alive, |d| tokio::time::sleep(d))),
        Peer::Smol => on::smol(|_| in_one_poll!(n, alive, |d| smol::Timer::after(d))),
        Peer::SmolStatic => on::smol_static(|_| in_one_poll!(n, alive, |d| smol::Timer::after(d))),
        Peer::Monoio => on::monoio(in_one_poll!(n, alive, |d| monoio::time::sleep(d))),
        Peer::Compio => on::compio(in_one_poll!(n, alive, |d| compio::time::sleep(d))),
        _ => return Outcome::no_runtime(),
    };
    Outcome::cpu(took, n)
}

macro_rules! with_yields {
    ($n:expr, $alive:expr, |$after:ident| $sleep:expr, $yield_now:expr) => {{
        let (n, alive) = ($n, $alive);
        async move {
            let sleeps = alive!(alive, |$after| $sleep);
            let watch = Watch::start();
            for _ in 0..n {
                let $after = MINUTE;
                let mut sleep = Box::pin($sleep);
                poll_fn(|cx| {
                    assert!(sleep.as_mut().poll(cx).is_pending());
                    Poll::Ready(())
                })
                .await;
                drop(sleep);
                $yield_now.await;
            }
            let took = watch.stop();
            drop(sleeps);
            took
        }
    }};
}

fn arm_drop_yield(run: &Run, alive: u64) -> Outcome {
    let n = run.n;
    let took = match run.peer {
        Peer::Wakeful => on::wakeful(with_yields!(
            n,
            alive,
            |d| wakeful::time::sleep(d),
            wakeful::task::yield_now()
        )),
        Peer::Tokio => on::tokio(with_yields!(
            n,
            alive,
            |d| tokio::time::sleep(d),
            tokio::task::yield_now()
        )),
        Peer::TokioLocal => on::tokio_local(with_yields!(
            n,
            alive,
            |d| tokio::time::sleep(d),
            tokio::task::yield_now()
        )),
        Peer::Smol => on::smol(|_| {
            with_yields!(
                n,
                alive,
                |d| smol::Timer::after(d),
                smol::future::yield_now()
            )
        }),
        Peer::SmolStatic => on::smol_static(|_| {
            with_yields!(
                n,
                alive,
                |d| smol::Timer::after(d),
                smol::future::yield_now()
            )
        }),
        Peer::Monoio => on::monoio(with_yields!(
            n,
            alive,
            |d| monoio::time::sleep(d),
            smol::future::yield_now()
        )),
        Peer::Compio => on::compio(with_yields!(
            n,
            alive,
            |d| compio::time::sleep(d),
            smol::future::yield_now()
        )),
        _ => return Outcome::no_runtime(),
    };
    Outcome::cpu(took, n)
}

/// Resets `$sleep`, a pinned box, to a minute from now with `$reset`.
macro_rules! resets {
    ($n:expr, $first:expr, |$sleep:ident| $reset:expr) => {{
        let n = $n;
        async move {
            let mut $sleep = Box::pin($first);
            let watch = Watch::start();
            poll_fn(|cx| {
                for _ in 0..n {
                    assert!($sleep.as_mut().poll(cx).is_pending());
                    $reset;
                }
                Poll::Ready(())
            })
            .await;
            watch.stop()
        }
    }};
}

fn reset(run: &Run) -> Outcome {
    let n = run.n;
    let took = match run.peer {
        Peer::Wakeful => on::wakeful(resets!(n, wakeful::time::sleep(MINUTE), |s| {
            s.as_mut().reset(wakeful::time::Instant::now() + MINUTE)
        })),
        Peer::Tokio => on::tokio(resets!(n, tokio::time::sleep(MINUTE), |s| {
            s.as_mut().reset(tokio::time::Instant::now() + MINUTE)
        })),
        Peer::TokioLocal => on::tokio_local(resets!(n, tokio::time::sleep(MINUTE), |s| {
            s.as_mut().reset(tokio::time::Instant::now() + MINUTE)
        })),
        Peer::Smol => on::smol(|_| resets!(n, smol::Timer::after(MINUTE), |s| s.set_after(MINUTE))),
        Peer::SmolStatic => {
            on::smol_static(|_| resets!(n, smol::Timer::after(MINUTE), |s| s.set_after(MINUTE)))
        }
        Peer::Monoio => on::monoio(resets!(n, monoio::time::sleep(MINUTE), |s| {
            s.as_mut().reset(monoio::time::Instant::now() + MINUTE)
        })),
        Peer::Compio => on::compio(resets!(n, compio::time::sleep(MINUTE), |s| {
            s.set(compio::time::sleep(MINUTE))
        })),
        _ => return Outcome::no_runtime(),
    };
    Outcome::cpu(took, n)
}

macro_rules! timeouts {
    ($n:expr, |$future:ident| $timeout:expr) => {{
        let n = $n;
        async move {
            let watch = Watch::start();
            for n in 0..n {
                let $future = ready(n);
                black_box($timeout);
            }
            watch.stop()
        }
    }};
}

fn timeout_ready(run: &Run) -> Outcome {
    let n = run.n;
    let took = match run.peer {
        Peer::Wakeful => on::wakeful(timeouts!(n, |f| {
            wakeful::time::timeout(MINUTE, f).await.unwrap()
        })),
        Peer::Tokio => on::tokio(timeouts!(n, |f| {
            tokio::time::timeout(MINUTE, f).await.unwrap()
        })),
        Peer::TokioLocal => on::tokio_local(timeouts!(n, |f| {
            tokio::time::timeout(MINUTE, f).await.unwrap()
        })),
        Peer::Smol => on::smol(|_| timeouts!(n, |f| smol_timeout(f).await.unwrap())),
        Peer::SmolStatic => on::smol_static(|_| timeouts!(n, |f| smol_timeout(f).await.unwrap())),
        Peer::Monoio => on::monoio(timeouts!(n, |f| {
            monoio::time::timeout(MINUTE, f).await.unwrap()
        })),
        Peer::Compio => on::compio(timeouts!(n, |f| {
            compio::time::timeout(MINUTE, f).await.unwrap()
        })),
        _ => return Outcome::no_runtime(),
    };
    Outcome::cpu(took, n)
}

async fn smol_timeout<T>(future: impl Future<Output = T>) -> Option<T> {
    smol::future::or(async { Some(future.await) }, async {
        smol::Timer::after(MINUTE).await;
        None
    })
    .await
}
