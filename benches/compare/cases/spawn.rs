//! Starting tasks and waiting for their ends.

use std::hint::black_box;
use std::time::Instant;

use crate::case::{Case, Outcome, Peer, Run, ahead, of_tokio};
use crate::on;

pub const CASES: &[Case] = &[Case {
    aims: &[of_tokio(0.15), ahead(1.0, Peer::Monoio)],
    ..Case::new(
        "spawn/join",
        "Tasks",
        "a task is spawned, runs, and its output is awaited, one at a time",
        spawn_join,
    )
}];

/// Times `$n` times what the peer calls spawning `$future` and awaiting its output.
macro_rules! each {
    ($n:expr, |$future:ident| $spawn_and_join:expr) => {{
        let n = $n;
        async move {
            let begin = Instant::now();
            for n in 0..n {
                let $future = async move { n };
                black_box($spawn_and_join);
            }
            begin.elapsed()
        }
    }};
}

fn spawn_join(run: &Run) -> Outcome {
    let n = run.n;
    let took = match run.peer {
        Peer::Wakeful => on::wakeful(each!(n, |f| wakeful::spawn(f).await.unwrap())),
        Peer::Tokio => on::tokio(each!(n, |f| tokio::spawn(f).await.unwrap())),
        Peer::TokioLocal => {
            on::tokio_local(each!(n, |f| tokio::task::spawn_local(f).await.unwrap()))
        }
        Peer::Smol => on::smol(|ex| each!(n, |f| ex.spawn(f).await)),
        Peer::SmolStatic => on::smol_static(|ex| each!(n, |f| ex.spawn(f).await)),
        Peer::Monoio => on::monoio(each!(n, |f| monoio::spawn(f).await)),
        Peer::Compio => on::compio(each!(n, |f| compio::runtime::spawn(f).await.unwrap())),
        Peer::Epoll => unreachable!("no runtime"),
    };
    Outcome::per_op(took, n)
}
