//! Many futures or tasks whose results are received in the order in which they end.

use std::hint::black_box;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use crate::case::{Case, Outcome, Peer, Run, Watch};
use crate::on;

pub const CASES: &[Case] = &[
    Case::new(
        "spawn/join-set",
        "Tasks",
        "1,000 tasks by a JoinSet; smol, monoio and compio have none: FuturesUnordered of handles",
        join_set,
    ),
    Case::new(
        "task/futures-unordered",
        "Tasks",
        "1,000 futures that yield once, in a FuturesUnordered in one task; one of them counts",
        futures_unordered,
    ),
];

const MANY: u64 = 1_000;

/// Fills a set with 1,000 entries and empties it, `$rounds` times.
macro_rules! fill_and_empty {
    ($rounds:expr, $set:expr, |$s:ident, $future:ident| $spawn:expr, $next:expr) => {{
        let rounds = $rounds;
        async move {
            let watch = Watch::start();
            for _ in 0..rounds {
                let mut $s = $set;
                for n in 0..MANY {
                    let $future = async move { n };
                    $spawn;
                }
                while let Some(output) = $next.await {
                    let _ = black_box(output);
                }
            }
            watch.stop()
        }
    }};
}

fn join_set(run: &Run) -> Outcome {
    let rounds = run.n.div_ceil(MANY);
    let took = match run.peer {
        Peer::Wakeful => on::wakeful(fill_and_empty!(
            rounds,
            wakeful::task::JoinSet::new(),
            |s, f| s.spawn(f),
            s.join_next()
        )),
        Peer::Tokio => on::tokio(fill_and_empty!(
            rounds,
            tokio::task::JoinSet::new(),
            |s, f| s.spawn(f),
            s.join_next()
        )),
        Peer::TokioLocal => on::tokio_local(fill_and_empty!(
            rounds,
            tokio::task::JoinSet::new(),
            |s, f| s.spawn_local(f),
            s.join_next()
        )),
        Peer::Smol => on::smol(|ex| {
            fill_and_empty!(
                rounds,
                FuturesUnordered::new(),
                |s, f| s.push(ex.spawn(f)),
                s.next()
            )
        }),
        Peer::SmolStatic => on::smol_static(|ex| {
            fill_and_empty!(
                rounds,
                FuturesUnordered::new(),
                |s, f| s.push(ex.spawn(f)),
                s.next()
            )
        }),
        Peer::Monoio => on::monoio(fill_and_empty!(
            rounds,
            FuturesUnordered::new(),
            |s, f| s.push(monoio::spawn(f)),
            s.next()
        )),
        Peer::Compio => on::compio(fill_and_empty!(
            rounds,
            FuturesUnordered::new(),
            |s, f| s.push(compio::runtime::spawn(f)),
            s.next()
        )),
        _ => return Outcome::no_runtime(),
    };
    Outcome::cpu(took, rounds * MANY)
}

macro_rules! unordered {
    ($rounds:expr, $yield_now:expr) => {{
        let rounds = $rounds;
        async move {
            let watch = Watch::start();
            for _ in 0..rounds {
                let futures = (0..MANY).map(|n| async move {
                    $yield_now.await;
                    n
                });
                let mut futures: FuturesUnordered<_> = futures.collect();
                while let Some(output) = futures.next().await {
                    black_box(output);
                }
            }
            watch.stop()
        }
    }};
}

fn futures_unordered(run: &Run) -> Outcome {
    let rounds = run.n.div_ceil(MANY);
    let took = match run.peer {
        Peer::Wakeful => on::wakeful(unordered!(rounds, wakeful::task::yield_now())),
        Peer::Tokio => on::tokio(unordered!(rounds, tokio::task::yield_now())),
        Peer::TokioLocal => on::tokio_local(unordered!(rounds, tokio::task::yield_now())),
        Peer::Smol => on::smol(|_| unordered!(rounds, smol::future::yield_now())),
        Peer::SmolStatic => on::smol_static(|_| unordered!(rounds, smol::future::yield_now())),
        Peer::Monoio => on::monoio(unordered!(rounds, smol::future::yield_now())),
        Peer::Compio => on::compio(unordered!(rounds, smol::future::yield_now())),
        _ => return Outcome::no_runtime(),
    };
    Outcome::cpu(took, rounds * MANY)
}
