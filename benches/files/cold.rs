//! One loop serves echoes and reads a cold file. The client sends at a fixed rate and counts from
//! the moment a request was due, so that a stall delays all requests that fall into it. They talk
//! through a Unix socket: what the network's own threads add on a busy machine is more than what is
//! to be seen here.

use std::cell::Cell;
use std::io::{self, Read, Write};
use std::os::unix::net;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use futures_util::{AsyncReadExt, AsyncWriteExt};
use wakeful::fs::Backend;
use wakeful_net::UnixStream;

use super::Big;

/// A request every so often.
const PERIOD: Duration = Duration::from_micros(500);

#[derive(Clone, Copy, PartialEq)]
enum Way {
    Quiet,
    Files(Backend),
    InsideAPoll,
}

/// Delays of requests, until told to stop.
fn client(mut stream: net::UnixStream, stop: &AtomicBool) -> io::Result<Vec<Duration>> {
    let (begin, mut delays, mut buf) = (Instant::now(), Vec::new(), [7; 64]);
    while !stop.load(Ordering::Relaxed) {
        let due = PERIOD * delays.len() as u32;
        thread::sleep(due.saturating_sub(begin.elapsed()));
        // The client's own oversleeping is not the server's fault; being late after a stall is.
        let due = match begin.elapsed().saturating_sub(due) {
            late if late < PERIOD => begin.elapsed(),
            _ => due,
        };
        stream.write_all(&buf)?;
        stream.read_exact(&mut buf)?;
        delays.push(begin.elapsed() - due);
    }
    Ok(delays)
}

async fn serve(mut stream: UnixStream) -> io::Result<()> {
    let mut buf = [0; 64];
    while stream.read_exact(&mut buf).await.is_ok() {
        stream.write_all(&buf).await?;
    }
    Ok(())
}

async fn read_once(way: Way, path: &Path, least: Duration) -> io::Result<u64> {
    match way {
        Way::Quiet => {
            wakeful::time::sleep(least).await;
            Ok(0)
        }
        Way::InsideAPoll => {
            let mut file = std::fs::File::open(path)?;
            io::copy(&mut file, &mut io::sink())
        }
        Way::Files(_) => {
            let file = wakeful::fs::File::open(path).await?;
            let (mut buf, mut read) = (vec![0; 64 * 1024], 0);
            loop {
                match file.read_at(&mut buf, read).await? {
                    0 => break Ok(read),
                    count => read += count as u64,
                }
            }
        }
    }
}

fn measure(way: Way, big: &Big, least: Duration) -> io::Result<(Vec<Duration>, f64)> {
    let mut builder = wakeful::Builder::new();
    if let Way::Files(backend) = way {
        builder = builder.fs_backend(backend);
    }
    let runtime = builder.build()?;
    let (stop, rate) = (Arc::new(AtomicBool::new(false)), Rc::new(Cell::new(0.0)));
    let delays = runtime.block_on(async {
        let (ours, theirs) = net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let echo = wakeful::spawn(serve(UnixStream::from_std(ours)?));
        let client_stop = stop.clone();
        let client = thread::spawn(move || client(theirs, &client_stop));
        let (begin, mut bytes) = (Instant::now(), 0);
        while begin.elapsed() < least {
            bytes += read_once(way, big.path(), least).await?;
            // In another thread, or it would count as a stall of the loop.
            let path = big.path().to_owned();
            let cool = move || {
                rustix::fs::fadvise(
                    std::fs::File::open(path)?,
                    0,
                    None,
                    rustix::fs::Advice::DontNeed,
                )
                .map_err(io::Error::from)
            };
            wakeful::spawn_blocking(cool).await??;
        }
        rate.set(bytes as f64 / 1e6 / begin.elapsed().as_secs_f64());
        stop.store(true, Ordering::Relaxed);
        echo.await??;
        client.join().expect("the client does not panic")
    })?;
    Ok((delays, rate.get()))
}

pub(crate) fn run(full: bool) -> io::Result<()> {
    let (size, least, rounds) = match full {
        true => (1 << 30, Duration::from_secs(3), 3),
        false => (4 << 20, Duration::from_millis(20), 1),
    };
    let big = Big::new(size)?;
    let ways = [
        ("quiet", Way::Quiet),
        ("by the ring", Way::Files(Backend::Ring)),
        ("by the pool", Way::Files(Backend::Pool)),
        ("inside a poll", Way::InsideAPoll),
    ];
    println!(
        "echoes while {} MiB are read cold: delay in µs, {rounds} rounds",
        size >> 20
    );
    for round in 1..=rounds {
        let mut quiet = f64::NAN;
        for (name, way) in ways {
            big.cool()?;
            let (mut delays, rate) = match measure(way, &big, least) {
                Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                    println!("  skipped: {name}: {error}");
                    continue;
                }
                measured => measured?,
            };
            delays.sort();
            let at = |share: f64| {
                let index = (delays.len() - 1) as f64 * share;
                delays[index as usize].as_secs_f64() * 1e6
            };
            let p99 = at(0.99);
            if way == Way::Quiet {
                quiet = p99;
            }
            println!(
                "  {round} {name:14} p50 {:8.0}  p99 {p99:8.0} ({:6.2} of quiet)  most {:8.0}  {rate:6.0} MB/s",
                at(0.5),
                p99 / quiet,
                at(1.0),
            );
        }
    }
    Ok(())
}
