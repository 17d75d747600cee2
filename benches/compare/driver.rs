//! Runs this program as a child process for each sample, with the peers in turn, and collects the
//! results.

use std::env::current_exe;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::Args;
use crate::case::{Case, Iterations, Outcome};
use crate::cases;
use crate::machine::Machine;
use crate::net::{NETWORK, WEB};
use crate::report;
use crate::series::Series;

/// Time limit of a sample. The driver kills a child that takes longer, and the report says so.
const LIMIT: Duration = Duration::from_secs(120);

pub fn run(args: &Args) -> Result<(), String> {
    let mut plan = plan(args)?;
    let machine = Machine::look();
    let exe = current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
    let turns = |series: &Series| u64::from(args.samples) * u64::from(series.case.turns) + 1;
    let steps = plan.iter().map(turns).sum();
    let bar = ProgressBar::new(steps).with_style(
        ProgressStyle::with_template("{bar:30} {pos}/{len}  {elapsed}, {eta} to go  {msg}")
            .expect("the template is right"),
    );
    for series in &mut plan {
        bar.set_message(format!(
            "trying {} {}",
            series.case.name,
            series.peer.name()
        ));
        fit(args, &exe, series)?;
        bar.inc(1);
    }
    for round in 0..args.samples as usize {
        let same = |a: &Series, b: &Series| a.case.name == b.case.name && a.size == b.size;
        for group in plan.chunk_by_mut(same) {
            for turn in 0..group[0].case.turns as usize {
                // Rotate the order, so that the slowest peer does not always precede the same one.
                let count = group.len();
                for index in (0..count).map(|index| (index + turn + round) % count) {
                    let series = &mut group[index];
                    bar.inc(1);
                    if series.n == 0 {
                        continue;
                    }
                    bar.set_message(format!("{} {}", series.case.name, series.peer.name()));
                    let outcome = sample(args, &exe, series)?;
                    series.samples.push(outcome);
                }
            }
        }
    }
    bar.finish_and_clear();
    report::write(&args.out, &args.write, machine, args.quick, &plan)
}

/// Returns all series in the order of a round, in which the peers of a case follow each other.
fn plan(args: &Args) -> Result<Vec<Series>, String> {
    let wanted = |case: &Case| {
        args.only.is_empty()
            || args
                .only
                .iter()
                .any(|part| case.name.contains(part.as_str()))
    };
    let mut plan = Vec::new();
    for case in cases::all().into_iter().filter(|case| wanted(case)) {
        for size in case.sizes(args.quick) {
            let peers = case.peers.iter().copied();
            for peer in peers.filter(|peer| args.peers.is_empty() || args.peers.contains(peer)) {
                plan.push(Series {
                    case,
                    size,
                    peer,
                    n: 0,
                    samples: Vec::new(),
                });
            }
        }
    }
    if plan.is_empty() {
        return Err(format!(
            "nothing to run: no case of these peers has one of {:?} in its name; see --list",
            args.only
        ));
    }
    Ok(plan)
}

/// Sets the number of operations in a sample, or records why the case can't be run.
fn fit(args: &Args, exe: &PathBuf, series: &mut Series) -> Result<(), String> {
    series.n = match series.case.iterations {
        Iterations::Fixed { quick, .. } if args.quick => quick,
        // Their number is a time in milliseconds.
        Iterations::Fixed { full, .. } if matches!(series.case.group, NETWORK | WEB) => {
            (full * args.net_percent / 100).max(1)
        }
        Iterations::Fixed { full, .. } => full,
        Iterations::Fitted => {
            let millis = if args.quick { "5" } else { "60" };
            let mut command = child(args, exe, series);
            command.args(["--fit", millis]);
            let line = match output(command)? {
                Ok(line) => line,
                Err(why) => {
                    series.samples.push(Outcome::NotAvailable(why));
                    return Ok(());
                }
            };
            if let Ok(n) = serde_json::from_str(&line) {
                n
            } else {
                series.samples.push(parse(&line)?);
                0
            }
        }
    };
    Ok(())
}

fn sample(args: &Args, exe: &PathBuf, series: &Series) -> Result<Outcome, String> {
    let mut command = child(args, exe, series);
    command.args(["--n", &series.n.to_string()]);
    if matches!(series.case.iterations, Iterations::Fitted) {
        command.arg("--warm-up");
    }
    match output(command)? {
        Ok(line) => parse(&line),
        Err(why) => Ok(Outcome::NotAvailable(why)),
    }
}

fn child(args: &Args, exe: &PathBuf, series: &Series) -> Command {
    let mut command = Command::new(exe);
    command.args(["--child", series.case.name, series.peer.name()]);
    command.args(["--size", &series.size.unwrap_or(0).to_string()]);
    if args.quick {
        command.arg("--quick");
    }
    if let Some(own) = &args.own {
        command.arg("--own").arg(own);
    }
    command
}

fn parse(line: &str) -> Result<Outcome, String> {
    serde_json::from_str(line).map_err(|error| format!("cannot parse the sample {line:?}: {error}"))
}

/// Returns the line that the child prints, or why the child failed.
fn output(mut command: Command) -> Result<Result<String, String>, String> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot start {command:?}: {error}"))?;
    let mut stdout = child.stdout.take().expect("it is piped");
    let (send, lines) = mpsc::channel();
    thread::spawn(move || {
        let mut line = String::new();
        let read = stdout.read_to_string(&mut line);
        let _ = send.send(read.map(|_| line));
    });
    let Ok(line) = lines.recv_timeout(LIMIT) else {
        let _ = child.kill();
        let _ = child.wait();
        return Ok(Err(format!("took longer than {} s", LIMIT.as_secs())));
    };
    let line = line.map_err(|error| format!("cannot read from {command:?}: {error}"))?;
    let status = child
        .wait()
        .map_err(|error| format!("cannot wait for {command:?}: {error}"))?;
    if status.success() {
        Ok(Ok(line.trim().to_owned()))
    } else {
        Ok(Err(format!("failed: {status}")))
    }
}
