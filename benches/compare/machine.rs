//! A description of the machine and the programs, for the report.

use std::fs;
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::case::Peer;

#[derive(Deserialize, Serialize)]
pub struct Machine {
    pub cpu: String,
    pub cores: usize,
    pub kernel: String,
    pub compiler: String,
    /// In UTC, with minutes.
    pub date: String,
    pub command: String,
    /// The commit that is checked out, and whether files differ from it.
    #[serde(default)]
    pub commit: String,
    /// The load average of the minute before the run.
    pub load: String,
    pub versions: Vec<(String, String)>,
}

/// The `Cargo.lock` of this build.
const LOCK: &str = include_str!("../../Cargo.lock");

impl Machine {
    pub fn look() -> Machine {
        let uname = rustix::system::uname();
        Machine {
            cpu: cpu(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: format!(
                "{} {}",
                uname.sysname().to_string_lossy(),
                uname.release().to_string_lossy()
            ),
            compiler: compiler(),
            date: jiff::Timestamp::now().strftime("%F %H:%M UTC").to_string(),
            command: command(),
            commit: commit(),
            load: first_word("/proc/loadavg"),
            versions: versions(),
        }
    }
}

/// The command of this run, as it is given to cargo.
fn command() -> String {
    let options = crate::net::OPTIONS;
    let program = format!("cargo run --release -p wakeful-benches{options} --bin compare --");
    let words: Vec<String> = std::iter::once(program)
        .chain(std::env::args().skip(1))
        .collect();
    words.join(" ")
}

fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]) else {
        return "unknown".to_owned();
    };
    match git(&["status", "--porcelain", "--untracked-files=no"]) {
        Some(changes) if changes.is_empty() => commit,
        _ => format!("{commit}, with changes"),
    }
}

fn first_word(file: &str) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.split_whitespace()
        .next()
        .unwrap_or("unknown")
        .to_owned()
}

fn cpu() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let names = text.lines().filter_map(|line| line.split_once(':'));
    names
        .filter(|(key, _)| key.trim() == "model name")
        .map(|(_, name)| name.trim().to_owned())
        .next()
        .unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}

/// Returns the versions of the peers' packages, without duplicates.
fn versions() -> Vec<(String, String)> {
    let mut versions: Vec<(String, String)> = Vec::new();
    let peers = Peer::ALL.into_iter().filter_map(Peer::package);
    for package in peers.chain(crate::net::PACKAGES.iter().copied()) {
        let version = locked(package).unwrap_or("unknown");
        if versions.iter().all(|(known, _)| known != package) {
            versions.push((package.to_owned(), version.to_owned()));
        }
    }
    versions
}

fn locked(package: &str) -> Option<&'static str> {
    let head = format!("name = \"{package}\"\nversion = \"");
    let rest = &LOCK[LOCK.find(&head)? + head.len()..];
    rest.split('"').next()
}

/// Returns the version of the compiler in the path, which `cargo run` uses.
fn compiler() -> String {
    let output = Command::new("rustc").arg("--version").output();
    let version = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    version.map_or_else(|_| "unknown".to_owned(), |line| line.trim().to_owned())
}
