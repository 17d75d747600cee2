//! One loop serves echoes and reads a cold file. The client sends at a fixed rate and measures from
//! the time at which a request was due, so that a stall delays all requests that fall into it.
//! Client and server use a Unix socket: on a busy machine the delays of the network's threads would
//! exceed the delays to measure.
//!
//! A window is one read of the whole file. The ways run in turn, and a ratio is that of a window to
//! the quiet window of its round, so that slow periods of the machine affect both. Two windows are
//! controls: in one, another process reads the file, which shows the effect of the disk on the
//! machine; in the other, the loop reads it inside a poll, which must show a delay, or the
//! measurement does not work.

use std::io::{self, Read, Write};
use std::os::unix::net;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use wakeful::fs::Backend;
use wakeful::net::UnixStream;

use super::Big;

/// The time between two requests.
const PERIOD: Duration = Duration::from_micros(500);
/// The number of requests at the beginning of a window that are not measured.
const WARM: usize = 50;
/// The largest ratio to the quiet window, at the 99th percentile.
const AIM: f64 = 1.5;

#[derive(Clone, Copy, PartialEq)]
enum Way {
    Quiet,
    OtherProcess,
    Files(Backend),
    InsideAPoll,
}

/// Measures the delays of requests, until it is stopped.
fn client(mut stream: net::UnixStream, stop: &AtomicBool) -> io::Result<Vec<Duration>> {
    let (begin, mut delays, mut buf) = (Instant::now(), Vec::new(), [7; 64]);
    loop {
        let due = PERIOD * delays.len() as u32;
        // Requests that were due during a stall are sent at once.
        let all = !delays.is_empty() && due + PERIOD > begin.elapsed();
        if all && stop.load(Ordering::Relaxed) {
            break;
        }
        thread::sleep(due.saturating_sub(begin.elapsed()));
        // A late wake of the client is not counted; being late after a stall is.
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

async fn serve(stream: UnixStream) -> io::Result<()> {
    let mut buf = [0; 64];
    while stream.read_exact(&mut buf).await.is_ok() {
        stream.write_all(&buf).await?;
    }
    Ok(())
}

/// The first argument with which the program reads the file named by the second, and exits.
pub(crate) const READER: &str = "--read";

pub(crate) fn read_inside(path: &Path) -> io::Result<u64> {
    let (mut file, mut buf, mut read) = (std::fs::File::open(path)?, vec![0; 64 * 1024], 0);
    loop {
        match file.read(&mut buf)? {
            0 => break Ok(read),
            count => read += count as u64,
        }
    }
}

async fn read_once(way: Way, path: &Path, quiet: Duration) -> io::Result<u64> {
    match way {
        Way::Quiet => {
            wakeful::time::sleep(quiet).await;
            Ok(0)
        }
        Way::OtherProcess => {
            let mut command = Command::new(std::env::current_exe()?);
            command.arg(READER).arg(path);
            let status = wakeful::spawn_blocking(move || command.status()).await??;
            if !status.success() {
                return Err(io::Error::other(format!("the reader ended with {status}")));
            }
            path.metadata().map(|meta| meta.len())
        }
        Way::InsideAPoll => read_inside(path),
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

/// Returns the sorted delays of one window, and megabytes a second.
fn window(way: Way, big: &Big, quiet: Duration) -> io::Result<(Vec<Duration>, f64)> {
    let mut builder = wakeful::Builder::new();
    if let Way::Files(backend) = way {
        builder = builder.fs_backend(backend);
    }
    let runtime = builder.build()?;
    let stop = Arc::new(AtomicBool::new(false));
    big.cool()?;
    runtime.block_on(async {
        let (ours, theirs) = net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let echo = wakeful::spawn(serve(UnixStream::from_std(ours)?));
        let client_stop = stop.clone();
        let client = thread::spawn(move || client(theirs, &client_stop));
        wakeful::time::sleep(PERIOD * WARM as u32).await;
        let begin = Instant::now();
        let bytes = read_once(way, big.path(), quiet).await?;
        let rate = bytes as f64 / 1e6 / begin.elapsed().as_secs_f64();
        stop.store(true, Ordering::Relaxed);
        echo.await??;
        let mut delays = client.join().expect("the client does not panic")?;
        delays.drain(..WARM.min(delays.len() - 1));
        delays.sort();
        Ok((delays, rate))
    })
}

fn at(delays: &[Duration], share: f64) -> f64 {
    let index = (delays.len() - 1) as f64 * share;
    delays[index as usize].as_secs_f64() * 1e6
}

/// The results of one way.
#[derive(Default)]
struct Row {
    p50: Vec<f64>,
    p99: Vec<f64>,
    ratio: Vec<f64>,
    rate: Vec<f64>,
}

fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// Returns the smallest and the largest value of the middle half.
fn middle(samples: &[f64]) -> (f64, f64) {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let aside = sorted.len() / 4;
    (sorted[aside], sorted[sorted.len() - 1 - aside])
}

const WAYS: [(&str, Way); 5] = [
    ("quiet", Way::Quiet),
    ("another process", Way::OtherProcess),
    ("by the ring", Way::Files(Backend::Ring)),
    ("by the pool", Way::Files(Backend::Pool)),
    ("inside a poll", Way::InsideAPoll),
];

pub(crate) fn run(full: bool) -> io::Result<()> {
    let (size, quiet, rounds) = match full {
        true => (1 << 30, Duration::from_secs(1), 11),
        false => (4 << 20, Duration::from_millis(20), 1),
    };
    let big = Big::new(size)?;
    println!(
        "echoes while {} MiB are read cold, {rounds} rounds: medians, in us; a ratio is to the quiet \
         window of its round",
        size >> 20
    );
    let mut rows: [Row; WAYS.len()] = Default::default();
    for round in 0..rounds {
        let mut p99s = [None; WAYS.len()];
        // Another way begins each round, so that none always follows the same one.
        for index in (0..WAYS.len()).map(|step| (round + step) % WAYS.len()) {
            let (name, way) = WAYS[index];
            let (delays, rate) = match window(way, &big, quiet) {
                Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                    println!("  skipped: {name}: {error}");
                    continue;
                }
                measured => measured?,
            };
            let p99 = at(&delays, 0.99);
            p99s[index] = Some(p99);
            rows[index].p50.push(at(&delays, 0.5));
            rows[index].p99.push(p99);
            rows[index].rate.push(rate);
        }
        let beside = p99s[0].expect("the quiet window is never skipped");
        for (row, p99) in rows.iter_mut().zip(p99s) {
            row.ratio.extend(p99.map(|p99| p99 / beside));
        }
    }
    for ((name, _), row) in WAYS
        .iter()
        .zip(&rows)
        .filter(|(_, row)| !row.p99.is_empty())
    {
        let (low, high) = middle(&row.ratio);
        println!(
            "  {name:15}  p50 {:8.0}  p99 {:8.0}  of quiet {:7.2} ({low:.2} to {high:.2})  {:6.0} MB/s",
            median(&row.p50),
            median(&row.p99),
            median(&row.ratio),
            median(&row.rate),
        );
    }
    let ratio = |index: usize| median(&rows[index].ratio);
    if full {
        verdict(ratio(1), &rows[2..4], ratio(4));
    }
    Ok(())
}

fn verdict(machine: f64, ours: &[Row], inside: f64) {
    println!(
        "  a read inside a poll shows a delay: {}",
        if inside > AIM { "yes" } else { "NO" }
    );
    for ((name, _), row) in WAYS[2..4].iter().zip(ours) {
        if row.ratio.is_empty() {
            continue;
        }
        let ratio = median(&row.ratio);
        let said = if ratio <= AIM { "yes" } else { "NO" };
        println!(
            "  {name}, within {AIM} of quiet: {said} ({ratio:.2}; another process: {machine:.2})"
        );
    }
}
