//! HTTP load by `wrk`, a common load generator.

use std::io;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{Latencies, Load, PATIENCE};

/// Whether `wrk` is installed.
pub fn is_there() -> bool {
    let mut command = Command::new("wrk");
    command
        .arg("-v")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok()
}

/// `wrk` as a load. It opens new connections in each run.
pub struct Wrk {
    address: SocketAddr,
    connections: usize,
    path: &'static str,
}

impl Wrk {
    /// Makes one request first and compares the body of its answer, as `wrk` does not look at it.
    pub fn new(
        address: SocketAddr,
        connections: usize,
        path: &'static str,
        body: &str,
    ) -> io::Result<Wrk> {
        expect(address, path, body)?;
        Ok(Wrk {
            address,
            connections,
            path,
        })
    }
}

/// Returns an error unless the answer ends with this body.
fn expect(address: SocketAddr, path: &str, body: &str) -> io::Result<()> {
    let mut socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    socket.write_all(head.as_bytes())?;
    let (mut answer, mut buffer) = (Vec::new(), [0; 1024]);
    let end = format!("\r\n\r\n{body}");
    while !answer.ends_with(end.as_bytes()) {
        // A wrong answer ends here when the server closes the connection, or by the time limit.
        match socket.read(&mut buffer) {
            Ok(length) if length > 0 => answer.extend_from_slice(&buffer[..length]),
            _ => {
                let answer = String::from_utf8_lossy(&answer);
                let text = format!("http://{address}{path} answers {answer:?} without {body:?}");
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
        }
    }
    Ok(())
}

impl Load for Wrk {
    /// Runs for whole seconds, which `wrk` requires. It reports only some quantiles, and each is
    /// recorded as often as the number of requests that it represents.
    fn run(&mut self, time: Duration, latencies: &mut Latencies) -> io::Result<u64> {
        let seconds = time.as_secs_f64().ceil();
        let mut command = Command::new("wrk");
        command.args(["-t1", "--latency", &format!("-c{}", self.connections)]);
        command.args([
            &format!("-d{seconds}s"),
            &format!("http://{}{}", self.address, self.path),
        ]);
        let output = command.stdin(Stdio::null()).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        if text.contains("Socket errors") || text.contains("Non-2xx") {
            return Err(io::Error::other(format!("wrk reported errors:\n{text}")));
        }
        parse(&text, latencies)
            .ok_or_else(|| io::Error::other(format!("unexpected output of wrk:\n{text}")))
    }
}

/// Returns the number of requests.
fn parse(text: &str, latencies: &mut Latencies) -> Option<u64> {
    // "  6512 requests in 1.00s, 500KB read"
    let line = text.lines().find(|line| line.contains(" requests in "))?;
    let requests = line.split_whitespace().next()?.parse().ok()?;
    // "     50%  635.00us"
    for (quantile, hundredths) in [("50%", 50), ("75%", 25), ("90%", 15), ("99%", 10)] {
        let line = text
            .lines()
            .find(|line| line.trim().starts_with(quantile))?;
        let latency = duration(line.split_whitespace().nth(1)?)?;
        latencies.saturating_record_n(latency, requests * hundredths / 100);
    }
    Some(requests)
}

/// Parses "1.00s", "3.5ms", "12us" or "1.0m" as nanoseconds.
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
