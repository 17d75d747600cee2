//! Two tasks that exchange messages through `async-channel`, which belongs to none of the peers.

use crate::case::{Aim, Case, Outcome, Peer, Run, Watch, ahead, of_tokio};
use crate::on;

const AIMS: &[Aim] = &[
    of_tokio(0.35),
    ahead(1.0, Peer::Smol),
    ahead(1.0, Peer::SmolStatic),
];

pub const CASES: &[Case] = &[
    Case {
        aims: AIMS,
        ..Case::new(
            "channel/round-trip",
            "Tasks",
            "a number goes to another task and back, through two channels of capacity 1",
            round_trip,
        )
    },
    Case {
        aims: AIMS,
        ..Case::new(
            "channel/round-trip-main",
            "Tasks",
            "the same, but the future of block_on sends, as in a short program or a benchmark",
            main_round_trip,
        )
    },
];

macro_rules! round_trips {
    ($n:expr, |$future:ident| $spawn:expr, |$task:ident| $join:expr) => {{
        let n = $n;
        async move {
            let (ask, asked) = async_channel::bounded(1);
            let (answer, answers) = async_channel::bounded(1);
            let $future = async move {
                while let Ok(n) = asked.recv().await {
                    answer.send(n).await.unwrap();
                }
            };
            let $task = $spawn;
            let watch = Watch::start();
            for n in 0..n {
                ask.send(n).await.unwrap();
                assert_eq!(answers.recv().await.unwrap(), n);
            }
            let took = watch.stop();
            drop(ask);
            $join;
            took
        }
    }};
}

fn round_trip(run: &Run) -> Outcome {
    let n = run.n;
    let took = match run.peer {
        Peer::Wakeful => on::wakeful(round_trips!(n, |f| wakeful::spawn(f), |t| t.await.unwrap())),
        Peer::Tokio => on::tokio(round_trips!(n, |f| tokio::spawn(f), |t| t.await.unwrap())),
        Peer::TokioLocal => {
            on::tokio_local(round_trips!(n, |f| tokio::task::spawn_local(f), |t| t
                .await
                .unwrap()))
        }
        Peer::Smol => on::smol(|ex| round_trips!(n, |f| ex.spawn(f), |t| t.await)),
        Peer::SmolStatic => on::smol_static(|ex| round_trips!(n, |f| ex.spawn(f), |t| t.await)),
        Peer::Monoio => on::monoio(round_trips!(n, |f| monoio::spawn(f), |t| t.await)),
        Peer::Compio => on::compio(round_trips!(n, |f| compio::runtime::spawn(f), |t| t
            .await
            .unwrap())),
        _ => return Outcome::no_runtime(),
    };
    Outcome::cpu(took, n)
}

fn main_round_trip(run: &Run) -> Outcome {
    let n = run.n;
    let took = match run.peer {
        Peer::Wakeful => {
            on::main::wakeful(round_trips!(n, |f| wakeful::spawn(f), |t| t.await.unwrap()))
        }
        Peer::Tokio => on::main::tokio(round_trips!(n, |f| tokio::spawn(f), |t| t.await.unwrap())),
        Peer::TokioLocal => {
            on::main::tokio_local(round_trips!(n, |f| tokio::task::spawn_local(f), |t| t
                .await
                .unwrap()))
        }
        Peer::Smol => on::main::smol(|ex| round_trips!(n, |f| ex.spawn(f), |t| t.await)),
        Peer::SmolStatic => {
            on::main::smol_static(|ex| round_trips!(n, |f| ex.spawn(f), |t| t.await))
        }
        Peer::Monoio => on::main::monoio(round_trips!(n, |f| monoio::spawn(f), |t| t.await)),
        Peer::Compio => on::main::compio(round_trips!(n, |f| compio::runtime::spawn(f), |t| t
            .await
            .unwrap())),
        _ => return Outcome::no_runtime(),
    };
    Outcome::cpu(took, n)
}
