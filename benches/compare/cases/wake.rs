//! Wakes on the runtime's own thread.

use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Poll, Waker};

use crate::case::{Case, Outcome, Peer, Run, Watch};
use crate::on;

pub const CASES: &[Case] = &[
    Case::new(
        "task/wake",
        "Tasks",
        "a task wakes another and waits to be woken by it; one wake and the poll it leads to count",
        wake,
    ),
    Case::new(
        "task/wakers-40000",
        "Tasks",
        "one task's waker is cloned 40,000 times, all alive at once; a clone and its drop count",
        wakers,
    ),
];

/// Two tasks wake each other in turn, each with the waker of the other.
#[derive(Default)]
struct Baton {
    turn: AtomicUsize,
    wakers: [OnceLock<Waker>; 2],
}

impl Baton {
    async fn play(self: Arc<Self>, me: usize, passes: u64) {
        let mut left = passes;
        poll_fn(move |cx| {
            self.wakers[me].get_or_init(|| cx.waker().clone());
            if self.turn.load(Ordering::Relaxed) != me {
                return Poll::Pending;
            }
            left -= 1;
            let other = 1 - me;
            self.turn.store(other, Ordering::Relaxed);
            // The first time, the other task has not run yet and needs no wake.
            if let Some(waker) = self.wakers[other].get() {
                waker.wake_by_ref();
            }
            if left == 0 {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }
}

macro_rules! passes {
    ($passes:expr, |$future:ident| $spawn:expr, |$task:ident| $join:expr) => {{
        let passes = $passes;
        async move {
            let baton = Arc::new(Baton::default());
            let watch = Watch::start();
            let mut players = Vec::with_capacity(2);
            for me in 0..2 {
                let $future = baton.clone().play(me, passes);
                players.push($spawn);
            }
            for $task in players {
                $join;
            }
            watch.stop()
        }
    }};
}

fn wake(run: &Run) -> Outcome {
    let n = run.n.div_ceil(2);
    let took = match run.peer {
        Peer::Wakeful => on::wakeful(passes!(n, |f| wakeful::spawn(f), |t| t.await.unwrap())),
        Peer::Tokio => on::tokio(passes!(n, |f| tokio::spawn(f), |t| t.await.unwrap())),
        Peer::TokioLocal => on::tokio_local(passes!(n, |f| tokio::task::spawn_local(f), |t| t
            .await
            .unwrap())),
        Peer::Smol => on::smol(|ex| passes!(n, |f| ex.spawn(f), |t| t.await)),
        Peer::SmolStatic => on::smol_static(|ex| passes!(n, |f| ex.spawn(f), |t| t.await)),
        Peer::Monoio => on::monoio(passes!(n, |f| monoio::spawn(f), |t| t.await)),
        Peer::Compio => on::compio(passes!(n, |f| compio::runtime::spawn(f), |t| t
            .await
            .unwrap())),
        _ => return Outcome::no_runtime(),
    };
    Outcome::cpu(took, 2 * n)
}

const WAKERS: u64 = 40_000;

fn wakers(run: &Run) -> Outcome {
    let rounds = run.n.div_ceil(WAKERS);
    // Of all values here only the waker belongs to the peer.
    let body = async move {
        let mut wakers = Vec::with_capacity(WAKERS as usize);
        let watch = Watch::start();
        for _ in 0..rounds {
            poll_fn(|cx| {
                wakers.extend((0..WAKERS).map(|_| cx.waker().clone()));
                Poll::Ready(())
            })
            .await;
            wakers.clear();
        }
        watch.stop()
    };
    let took = match run.peer {
        Peer::Wakeful => on::wakeful(body),
        Peer::Tokio => on::tokio(body),
        Peer::TokioLocal => on::tokio_local(body),
        Peer::Smol => on::smol(|_| body),
        Peer::SmolStatic => on::smol_static(|_| body),
        Peer::Monoio => on::monoio(body),
        Peer::Compio => on::compio(body),
        _ => return Outcome::no_runtime(),
    };
    Outcome::cpu(took, rounds * WAKERS)
}
