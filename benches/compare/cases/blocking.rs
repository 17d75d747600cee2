//! Blocking closures, on other threads.

use std::hint::black_box;

use crate::case::{Case, Outcome, Peer, Run, Watch};
use crate::on;

pub const CASES: &[Case] = &[Case {
    pinned: false,
    ..Case::new(
        "blocking/spawn-join",
        "Threads",
        "an empty closure is sent to the pool of threads and awaited, one at a time",
        spawn_blocking,
    )
}];

macro_rules! each {
    ($n:expr, |$closure:ident| $run_and_join:expr) => {{
        let n = $n;
        async move {
            let watch = Watch::start();
            for n in 0..n {
                let $closure = move || n;
                black_box($run_and_join);
            }
            watch.stop()
        }
    }};
}

fn spawn_blocking(run: &Run) -> Outcome {
    let n = run.n;
    let took = match run.peer {
        Peer::Wakeful => on::wakeful(each!(n, |f| wakeful::spawn_blocking(f).await.unwrap())),
        Peer::Tokio => on::tokio(each!(n, |f| {
            tokio::task::spawn_blocking(f).await.unwrap()
        })),
        Peer::TokioLocal => on::tokio_local(each!(n, |f| {
            tokio::task::spawn_blocking(f).await.unwrap()
        })),
        Peer::Smol => on::smol(|_| each!(n, |f| smol::unblock(f).await)),
        Peer::SmolStatic => on::smol_static(|_| each!(n, |f| smol::unblock(f).await)),
        Peer::Monoio => on::monoio(each!(n, |f| monoio::spawn_blocking(f).await.unwrap())),
        Peer::Compio => on::compio(each!(n, |f| {
            compio::runtime::spawn_blocking(f).await.unwrap()
        })),
        _ => return Outcome::no_runtime(),
    };
    Outcome::time(took, n)
}
