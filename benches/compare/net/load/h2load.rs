//! HTTP/2 load by `h2load`, the load generator of nghttp2.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{Latencies, Load};

/// Whether `h2load` is installed.
pub fn is_there() -> bool {
    let mut command = Command::new("h2load");
    command.arg("--version").stdout(Stdio::null());
    command.stderr(Stdio::null()).status().is_ok()
}

/// Requests in flight on each connection.
const STREAMS: usize = 8;

/// An empty message of gRPC: not compressed, with a length of 0.
const EMPTY_MESSAGE: &[u8] = &[0; 5];

/// `h2load` as a load. It opens new connections in each run.
pub struct H2load {
    url: String,
    connections: usize,
    /// The directory of its files, removed at the end.
    files: PathBuf,
    grpc: bool,
}

impl H2load {
    /// Requests `path`, or calls it as a unary method of gRPC with an empty message.
    pub fn new(
        address: SocketAddr,
        connections: usize,
        path: &str,
        grpc: bool,
    ) -> io::Result<H2load> {
        let name = format!("wakeful-compare-{}", std::process::id());
        let load = H2load {
            url: format!("http://{address}{path}"),
            connections,
            files: std::env::temp_dir().join(name),
            grpc,
        };
        fs::create_dir_all(&load.files)?;
        fs::write(load.body(), EMPTY_MESSAGE)?;
        Ok(load)
    }

    fn body(&self) -> PathBuf {
        self.files.join("body")
    }

    fn log(&self) -> PathBuf {
        self.files.join("log")
    }
}

impl Load for H2load {
    /// Runs for whole seconds, which `h2load` requires. Latencies are from its log.
    fn run(&mut self, time: Duration, latencies: &mut Latencies) -> io::Result<u64> {
        // It appends to its log.
        let _ = fs::remove_file(self.log());
        let seconds = time.as_secs_f64().ceil();
        let mut command = Command::new("h2load");
        command.args([
            &format!("--duration={seconds}"),
            &format!("--clients={}", self.connections),
            &format!("--max-concurrent-streams={STREAMS}"),
        ]);
        command.arg("--log-file").arg(self.log());
        if self.grpc {
            command.arg("--data").arg(self.body());
            command.args(["-H", "content-type: application/grpc", "-H", "te: trailers"]);
        }
        let output = command.arg(&self.url).stdin(Stdio::null()).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        parse(&text, &log, latencies)
            .ok_or_else(|| io::Error::other(format!("h2load reported errors:\n{text}")))
    }
}

impl Drop for H2load {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.files);
    }
}

/// Returns the number of requests; `None` if one failed.
fn parse(text: &str, log: &str, latencies: &mut Latencies) -> Option<u64> {
    // "requests: 6512 total, 6576 started, 6512 done, 6512 succeeded, 0 failed, 0 errored, ..."
    let line = text.lines().find(|line| line.starts_with("requests: "))?;
    let count = |what: &str| -> Option<u64> {
        let mut fields = line.trim_start_matches("requests: ").split(", ");
        let field = fields.find(|field| field.ends_with(what))?;
        field.split_whitespace().next()?.parse().ok()
    };
    let requests = count("succeeded")?;
    if requests == 0 || count("failed")? > 0 || count("errored")? > 0 {
        return None;
    }
    // A line for each request: its start, the status, and the time to its end in microseconds.
    for line in log.lines() {
        let mut fields = line.split('\t').skip(1);
        if fields.next()? == "200" {
            let micros: u64 = fields.next()?.parse().ok()?;
            latencies.saturating_record(1000 * micros.max(1));
        }
    }
    Some(requests)
}

#[cfg(test)]
mod tests {
    use super::super::latencies;
    use super::*;

    const TEXT: &str = "finished in 1.00s, 3 req/s, 1B/s\n\
        requests: 3 total, 67 started, 3 done, 3 succeeded, 0 failed, 0 errored, 0 timeout\n";
    const LOG: &str = "1764486000000000\t200\t100\n1764486000000001\t200\t300\n\
        1764486000000002\t200\t200\n1764486000000003\t-1\t9000\n";

    #[test]
    fn requests_are_counted_and_their_latencies_are_those_of_the_log() {
        let mut all = latencies();
        assert_eq!(parse(TEXT, LOG, &mut all), Some(3));
        assert_eq!(all.len(), 3);
        assert_eq!(all.value_at_quantile(0.5) / 1000, 200);
    }

    #[test]
    fn a_failed_request_is_an_error() {
        for (from, to) in [
            ("0 failed", "1 failed"),
            ("0 errored", "2 errored"),
            ("3 succeeded", "0 succeeded"),
            ("requests: ", ""),
        ] {
            let text = TEXT.replace(from, to);
            assert_eq!(parse(&text, LOG, &mut latencies()), None, "{text}");
        }
    }
}
