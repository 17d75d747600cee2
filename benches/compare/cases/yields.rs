//! Tasks that yield to each other.

use super::{MONOIO_POLLS_AGAIN, TO_A_MILLION};
use crate::case::{Aim, Case, MAIN, Outcome, Peer, Run, Watch, ahead, of_tokio};
use crate::on;

pub const CASES: &[Case] = &[Case {
    notes: MONOIO_POLLS_AGAIN,
    aims: &[of_tokio(0.22), ahead(1.0, Peer::Monoio)],
    ..Case::new(
        "task/yield",
        "Tasks",
        "100 tasks yield in turn; monoio and compio use the yield_now of futures-lite",
        |run| yields(run, 100),
    )
}];

pub const SCALE: &[Case] = &[Case {
    points: TO_A_MILLION,
    axis: "tasks",
    notes: MONOIO_POLLS_AGAIN,
    aims: &[
        of_tokio(0.5),
        Aim::Growth {
            metric: MAIN,
            from: 1_000,
            to: 1_000_000,
        },
    ],
    ..Case::new(
        "scale/yield",
        "Scale",
        "n tasks yield in turn, at least 8 times each",
        |run| yields(run, run.size),
    )
}];

/// Runs `$many` tasks that yield `$rounds` times each. All have been polled once before the watch
/// starts; their ends are included.
macro_rules! rounds {
    (
        $rounds:expr, $many:expr,
        |$future:ident| $spawn:expr,
        |$task:ident| $join:expr,
        $yield_now:expr
    ) => {{
        let (rounds, many) = ($rounds, $many);
        async move {
            let mut tasks = Vec::with_capacity(many as usize);
            for _ in 0..many {
                let $future = async move {
                    for _ in 0..rounds {
                        $yield_now.await;
                    }
                };
                tasks.push($spawn);
            }
            $yield_now.await;
            let watch = Watch::start();
            for $task in tasks {
                $join;
            }
            watch.stop()
        }
    }};
}

fn yields(run: &Run, many: u64) -> Outcome {
    let rounds = run.n.div_ceil(many).max(8);
    let took = match run.peer {
        Peer::Wakeful => on::wakeful(rounds!(
            rounds,
            many,
            |f| wakeful::spawn(f),
            |t| t.await.unwrap(),
            wakeful::task::yield_now()
        )),
        Peer::Tokio => on::tokio(rounds!(
            rounds,
            many,
            |f| tokio::spawn(f),
            |t| t.await.unwrap(),
            tokio::task::yield_now()
        )),
        Peer::TokioLocal => on::tokio_local(rounds!(
            rounds,
            many,
            |f| tokio::task::spawn_local(f),
            |t| t.await.unwrap(),
            tokio::task::yield_now()
        )),
        Peer::Smol => on::smol(|ex| {
            rounds!(
                rounds,
                many,
                |f| ex.spawn(f),
                |t| t.await,
                smol::future::yield_now()
            )
        }),
        Peer::SmolStatic => on::smol_static(|ex| {
            rounds!(
                rounds,
                many,
                |f| ex.spawn(f),
                |t| t.await,
                smol::future::yield_now()
            )
        }),
        Peer::Monoio => on::monoio(rounds!(
            rounds,
            many,
            |f| monoio::spawn(f),
            |t| t.await,
            smol::future::yield_now()
        )),
        Peer::Compio => on::compio(rounds!(
            rounds,
            many,
            |f| compio::runtime::spawn(f),
            |t| t.await.unwrap(),
            smol::future::yield_now()
        )),
        _ => return Outcome::no_runtime(),
    };
    Outcome::cpu(took, rounds * many)
}
