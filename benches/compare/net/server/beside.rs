//! Echo beside a task that computes in polls of half a millisecond and yields after each, with the
//! code of each peer that has a `yield_now`.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use super::echo;
use crate::net::peers::{self, Peer, Result};

const POLL: Duration = Duration::from_micros(500);
/// The number of polls without a request after which the load has ended.
const QUIET: u32 = 40;
const REST: Duration = Duration::from_millis(1);

thread_local! {
    static REQUESTS: Cell<u64> = const { Cell::new(0) };
}

pub fn serve(peer: Peer, listener: TcpListener, size: usize) -> Result {
    match peer {
        Peer::Wakeful => peers::wakeful(wakeful_main(listener, size)),
        Peer::Tokio => peers::tokio(tokio_main(listener, size)),
        Peer::TokioLocal => peers::tokio_local(tokio_local_main(listener, size)),
        Peer::Smol => peers::smol(|executor| smol_main(executor, listener, size)),
        _ => Err(io::ErrorKind::Unsupported.into()),
    }
}

fn request() {
    REQUESTS.set(REQUESTS.get() + 1);
}

/// Computes while there is load. Between two loads the servers of the other peers use the core.
async fn batch<Y: Future, S: Future>(yield_now: impl Fn() -> Y, sleep: impl Fn(Duration) -> S) {
    let (mut seen, mut quiet) = (0, 0);
    loop {
        if quiet < QUIET {
            let began = Instant::now();
            while began.elapsed() < POLL {
                std::hint::spin_loop();
            }
            yield_now().await;
        } else {
            sleep(REST).await;
        }
        quiet = if REQUESTS.get() == seen { quiet + 1 } else { 0 };
        seen = REQUESTS.get();
    }
}

async fn wakeful_main(listener: TcpListener, size: usize) -> Result {
    let listener = wakeful::net::TcpListener::from_std(listener)?;
    wakeful::spawn(batch(wakeful::task::yield_now, wakeful::time::sleep));
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        wakeful::spawn(echo::wakeful_echo(stream, size, request));
    }
}

async fn tokio_main(listener: TcpListener, size: usize) -> Result {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    tokio::spawn(batch(tokio::task::yield_now, tokio::time::sleep));
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(echo::tokio_echo(stream, size, request));
    }
}

async fn tokio_local_main(listener: TcpListener, size: usize) -> Result {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    tokio::task::spawn_local(batch(tokio::task::yield_now, tokio::time::sleep));
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::task::spawn_local(echo::tokio_echo(stream, size, request));
    }
}

async fn smol_main(executor: peers::SmolExecutor, listener: TcpListener, size: usize) -> Result {
    let listener = smol::net::TcpListener::try_from(listener)?;
    let task = batch(smol::future::yield_now, smol::Timer::after);
    executor.spawn(task).detach();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        executor
            .spawn(echo::smol_echo(stream, size, request))
            .detach();
    }
}
