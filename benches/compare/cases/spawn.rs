//! Spawning tasks and awaiting their ends.

use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::TO_A_MILLION;
use crate::case::{Aim, Case, MAIN, Outcome, Peer, Run, Watch, ahead, of_tokio};
use crate::on;

pub const CASES: &[Case] = &[
    Case {
        aims: &[of_tokio(0.15), ahead(1.0, Peer::Monoio)],
        ..Case::new(
            "spawn/join",
            "Tasks",
            "spawn a task and await its output, one at a time",
            spawn_join,
        )
    },
    Case::new(
        "spawn/large",
        "Tasks",
        "the same with a future of 4 KiB",
        spawn_large,
    ),
    Case::new(
        "spawn/join-1000",
        "Tasks",
        "spawn 1,000 tasks, then await them in order; one of them counts",
        |run| spawn_many(run, 1_000),
    ),
];

pub const SCALE: &[Case] = &[Case {
    points: TO_A_MILLION,
    axis: "tasks",
    aims: &[
        of_tokio(0.5),
        Aim::Growth {
            metric: MAIN,
            from: 1_000,
            to: 1_000_000,
        },
    ],
    ..Case::new(
        "scale/spawn-join",
        "Scale",
        "spawn n tasks, then await them in order; one of them counts",
        |run| spawn_many(run, run.size),
    )
}];

/// Spawns `$future` with the peer's call and awaits its output, `$n` times.
macro_rules! each {
    ($n:expr, $make:expr, |$future:ident| $spawn_and_join:expr) => {{
        let n = $n;
        async move {
            let watch = Watch::start();
            for n in 0..n {
                let $future = $make(n);
                black_box($spawn_and_join);
            }
            watch.stop()
        }
    }};
}

async fn small(n: u64) -> u64 {
    n
}

fn spawn_join(run: &Run) -> Outcome {
    let n = run.n;
    let took = match run.peer {
        Peer::Wakeful => on::wakeful(each!(n, small, |f| wakeful::spawn(f).await.unwrap())),
        Peer::Tokio => on::tokio(each!(n, small, |f| tokio::spawn(f).await.unwrap())),
        Peer::TokioLocal => on::tokio_local(each!(n, small, |f| {
            tokio::task::spawn_local(f).await.unwrap()
        })),
        Peer::Smol => on::smol(|ex| each!(n, small, |f| ex.spawn(f).await)),
        Peer::SmolStatic => on::smol_static(|ex| each!(n, small, |f| ex.spawn(f).await)),
        Peer::Monoio => on::monoio(each!(n, small, |f| monoio::spawn(f).await)),
        Peer::Compio => on::compio(each!(n, small, |f| {
            compio::runtime::spawn(f).await.unwrap()
        })),
        _ => return Outcome::no_runtime(),
    };
    Outcome::cpu(took, n)
}

struct Large([u8; 4096]);

impl Future for Large {
    type Output = u8;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<u8> {
        Poll::Ready(black_box(&self.0)[0])
    }
}

fn large(n: u64) -> Large {
    Large([n as u8; 4096])
}

fn spawn_large(run: &Run) -> Outcome {
    let n = run.n;
    let took = match run.peer {
        Peer::Wakeful => on::wakeful(each!(n, large, |f| wakeful::spawn(f).await.unwrap())),
        Peer::Tokio => on::tokio(each!(n, large, |f| tokio::spawn(f).await.unwrap())),
        Peer::TokioLocal => on::tokio_local(each!(n, large, |f| {
            tokio::task::spawn_local(f).await.unwrap()
        })),
        Peer::Smol => on::smol(|ex| each!(n, large, |f| ex.spawn(f).await)),
        Peer::SmolStatic => on::smol_static(|ex| each!(n, large, |f| ex.spawn(f).await)),
        Peer::Monoio => on::monoio(each!(n, large, |f| monoio::spawn(f).await)),
        Peer::Compio => on::compio(each!(n, large, |f| {
            compio::runtime::spawn(f).await.unwrap()
        })),
        _ => return Outcome::no_runtime(),
    };
    Outcome::cpu(took, n)
}

/// Spawns `$many` tasks, and then awaits one after the other, `$rounds` times.
macro_rules! many {
    ($rounds:expr, $many:expr, |$future:ident| $spawn:expr, |$task:ident| $join:expr) => {{
        let (rounds, many) = ($rounds, $many);
        async move {
            let mut tasks = Vec::with_capacity(many as usize);
            let watch = Watch::start();
            for _ in 0..rounds {
                for n in 0..many {
                    let $future = small(n);
                    tasks.push($spawn);
                }
                for $task in tasks.drain(..) {
                    black_box($join);
                }
            }
            watch.stop()
        }
    }};
}

fn spawn_many(run: &Run, many: u64) -> Outcome {
    let n = run.n.div_ceil(many);
    let took = match run.peer {
        Peer::Wakeful => on::wakeful(many!(n, many, |f| wakeful::spawn(f), |t| t.await.unwrap())),
        Peer::Tokio => on::tokio(many!(n, many, |f| tokio::spawn(f), |t| t.await.unwrap())),
        Peer::TokioLocal => on::tokio_local(many!(n, many, |f| tokio::task::spawn_local(f), |t| t
            .await
            .unwrap())),
        Peer::Smol => on::smol(|ex| many!(n, many, |f| ex.spawn(f), |t| t.await)),
        Peer::SmolStatic => on::smol_static(|ex| many!(n, many, |f| ex.spawn(f), |t| t.await)),
        Peer::Monoio => on::monoio(many!(n, many, |f| monoio::spawn(f), |t| t.await)),
        Peer::Compio => on::compio(many!(n, many, |f| compio::runtime::spawn(f), |t| t
            .await
            .unwrap())),
        _ => return Outcome::no_runtime(),
    };
    Outcome::cpu(took, n * many)
}
