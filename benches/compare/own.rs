//! A case of the user's own: `compare --own FILE`. The programs are the user's, one for each peer.
//!
//! The file is JSON:
//!
//! ```json
//! {
//!     "name": "own/cache",
//!     "about": "a lookup in our cache",
//!     "peers": {
//!         "wakeful": ["target/release/cache", "--runtime", "wakeful"],
//!         "tokio": ["target/release/cache", "--runtime", "tokio"]
//!     }
//! }
//! ```
//!
//! A sample runs the command of a peer with one more argument, the number of operations to perform.
//! The program has to perform as many and to exit with success. Its processor time and the elapsed
//! time, both divided by that number, are the figures. It is run with 0 operations as well, and the
//! time of that run, its start, is subtracted. What it prints on standard output is ignored.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::case::{Case, Outcome, Peer, Run, Took};

/// The heading of the user's case.
const OWN: &str = "Own";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    about: String,
    peers: BTreeMap<String, Vec<String>>,
}

/// The command of each peer.
type Commands = Vec<(Peer, Vec<String>)>;

/// The case and its commands, once [`read`] has read them.
static READ: OnceLock<(Case, Commands)> = OnceLock::new();

/// Reads the file, so that [`case`] returns its case.
pub fn read(path: &Path) -> Result<(), String> {
    let at = |error: &dyn std::fmt::Display| format!("cannot read {}: {error}", path.display());
    let text = fs::read_to_string(path).map_err(|error| at(&error))?;
    let own = parse(&text).map_err(|error| at(&error))?;
    READ.set(own)
        .map_err(|_| "a case of your own is given twice".to_owned())
}

/// Returns the user's case, if there is one.
pub fn case() -> Option<&'static Case> {
    READ.get().map(|(case, _)| case)
}

/// What is read lives as long as the program, as the other cases do.
fn parse(text: &str) -> Result<(Case, Commands), String> {
    let File { name, about, peers } =
        serde_json::from_str(text).map_err(|error| error.to_string())?;
    let mut commands = Vec::new();
    for (peer, command) in peers {
        let known = || Peer::ALL.map(Peer::name).join(", ");
        let named = Peer::parse(&peer)
            .ok_or_else(|| format!("unknown peer {peer:?}; the peers are {}", known()))?;
        if command.is_empty() {
            return Err(format!(
                "the command of {peer:?} is empty: it needs a program"
            ));
        }
        commands.push((named, command));
    }
    // The order of the report's columns.
    commands.sort_by_key(|(peer, _)| *peer);
    let peers: Vec<Peer> = commands.iter().map(|(peer, _)| *peer).collect();
    let ours = peers.first().copied().ok_or("it has no peers")?;
    let case = Case {
        peers: peers.leak(),
        ours,
        ..Case::new(name.leak(), OWN, about.leak(), run)
    };
    Ok((case, commands))
}

fn run(run: &Run) -> Outcome {
    let commands = READ.get().map(|(_, commands)| commands.iter());
    let command = commands
        .into_iter()
        .flatten()
        .find(|(peer, _)| *peer == run.peer);
    let Some((_, command)) = command else {
        return Outcome::not_available("the file has no command for this peer");
    };
    let result = sample(command, 0).and_then(|start| Ok((start, sample(command, run.n)?)));
    match result {
        Ok((start, took)) => Outcome::cpu(without(took, start), run.n),
        Err(error) => Outcome::not_available(&error),
    }
}

/// At least a nanosecond remains, so that ratios exist.
fn without(took: Took, start: Took) -> Took {
    let less = |took: Duration, start| took.saturating_sub(start).max(Duration::from_nanos(1));
    Took {
        time: less(took.time, start.time),
        cpu: less(took.cpu, start.cpu),
    }
}

fn sample(command: &[String], n: u64) -> Result<Took, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{command:?} with {n}: {error}");
    let before = cpu_of_children().map_err(|error| failed(&error))?;
    let begin = Instant::now();
    let status = Command::new(&command[0])
        .args(&command[1..])
        .arg(n.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .map_err(|error| failed(&error))?;
    let time = begin.elapsed();
    if !status.success() {
        return Err(failed(&status));
    }
    let after = cpu_of_children().map_err(|error| failed(&error))?;
    Ok(Took {
        time,
        cpu: after.saturating_sub(before),
    })
}

/// Returns the processor time of all child processes that have ended.
fn cpu_of_children() -> io::Result<Duration> {
    let mut usage = MaybeUninit::<libc::rusage>::uninit();
    // SAFETY: `usage` is valid for a write.
    if unsafe { libc::getrusage(libc::RUSAGE_CHILDREN, usage.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call above succeeded, so it has filled `usage`.
    let usage = unsafe { usage.assume_init() };
    let time = |time: libc::timeval| {
        Duration::from_secs(time.tv_sec as u64) + Duration::from_micros(time.tv_usec as u64)
    };
    Ok(time(usage.ru_utime) + time(usage.ru_stime))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_a_case_whose_first_peer_is_ours() {
        let text =
            r#"{"name": "own/a", "about": "x", "peers": {"tokio": ["b"], "wakeful": ["a"]}}"#;
        let (case, commands) = parse(text).unwrap();
        assert_eq!((case.name, case.ours), ("own/a", Peer::Wakeful));
        assert_eq!(case.peers, [Peer::Wakeful, Peer::Tokio]);
        assert_eq!(commands[1], (Peer::Tokio, vec!["b".to_owned()]));
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said() {
        let with = |peers: &str| format!(r#"{{"name": "a", "about": "b", "peers": {peers}}}"#);
        for (text, expected) in [
            (
                with(r#"{"tokyo": ["a"]}"#),
                "unknown peer \"tokyo\"; the peers are wakeful, ",
            ),
            (
                with(r#"{"tokio": []}"#),
                "the command of \"tokio\" is empty",
            ),
            (with("{}"), "it has no peers"),
            ("{}".to_owned(), "missing field `name`"),
        ] {
            let error = parse(&text).err().unwrap();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_program_gets_the_number_and_its_processor_time_counts() {
        let shell = |script: &str| ["sh", "-c", script, "sh"].map(str::to_owned);
        let busy = "i=0; while [ $i -lt $1 ]; do i=$((i + 1)); done";
        let [start, took] = [0, 100_000].map(|n| sample(&shell(busy), n).unwrap());
        assert!(took.cpu > start.cpu && took.time > Duration::ZERO);
        assert_eq!(without(took, start).cpu, took.cpu - start.cpu);
        assert_eq!(without(start, took).cpu, Duration::from_nanos(1));
        let error = sample(&shell("exit $1"), 3).err().unwrap();
        assert!(error.ends_with("with 3: exit status: 3"), "{error}");
    }
}
