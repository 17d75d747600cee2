//! HTTP load by `wrk`, which others use, too.

use std::io;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

/// What `wrk` told.
pub struct Told {
    pub requests: u64,
    pub elapsed: Duration,
    /// Nanoseconds.
    pub p50: u64,
    pub p99: u64,
}

/// Is it installed?
pub fn is_there() -> bool {
    let mut command = Command::new("wrk");
    command
        .arg("-v")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok()
}

/// Runs it for whole seconds: it knows no shorter time.
pub fn run(address: SocketAddr, connections: usize, time: Duration) -> io::Result<Told> {
    let seconds = time.as_secs_f64().ceil();
    let mut command = Command::new("wrk");
    command.args(["-t1", "--latency", &format!("-c{connections}")]);
    command.args([&format!("-d{seconds}s"), &format!("http://{address}/")]);
    let output = command.stdin(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    if text.contains("Socket errors") || text.contains("Non-2xx") {
        return Err(io::Error::other(format!("wrk met errors:\n{text}")));
    }
    parse(&text).ok_or_else(|| io::Error::other(format!("wrk said what was not expected:\n{text}")))
}

fn parse(text: &str) -> Option<Told> {
    let after = |word: &str| {
        let line = text.lines().find(|line| line.trim().starts_with(word))?;
        Some(line.split_whitespace().nth(1)?.to_owned())
    };
    // "  6512 requests in 1.00s, 500KB read"
    let line = text.lines().find(|line| line.contains(" requests in "))?;
    let mut words = line.split_whitespace();
    let requests = words.next()?.parse().ok()?;
    let elapsed = duration(words.nth(2)?.trim_end_matches(','))?;
    Some(Told {
        requests,
        elapsed: Duration::from_nanos(elapsed),
        p50: duration(&after("50%")?)?,
        p99: duration(&after("99%")?)?,
    })
}

/// Nanoseconds of "1.00s", "3.5ms", "12us", "1.0m".
fn duration(text: &str) -> Option<u64> {
    let split = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(split);
    let scale = match unit {
        "us" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        "m" => 60e9,
        _ => return None,
    };
    Some((number.parse::<f64>().ok()? * scale) as u64)
}
