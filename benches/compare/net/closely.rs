//! `compare net`: rounds of short slices of time, the peers in turn, with one table for each case.

use std::io;
use std::iter;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use super::cases::{self, Case, OPEN_RATE};
use super::load::wrk;
use super::machine;
use super::measure::Sample;
use super::peers::Peer;
use super::run::{self, Outcome, Plan};
use super::syscalls::Tool;

/// Measures network cases more precisely: in short slices of time, the peers in turn.
#[derive(Parser)]
#[command(name = "compare net")]
struct Args {
    /// The number of slices for each peer; at most 5 with wrk or more than 2,000 connections.
    #[arg(long, default_value_t = 25, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// The length of a slice in milliseconds.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..))]
    ms: u64,
    /// Requests per second of the open loop.
    #[arg(long, default_value_t = OPEN_RATE, value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,
    /// Only the cases whose name contains one of these.
    #[arg(long, value_delimiter = ',', value_name = "PART,..")]
    only: Vec<String>,
    /// Only these peers. Ratios need tokio and the epoll loop.
    #[arg(long, value_delimiter = ',', value_name = "PEER,..", value_parser = peer)]
    peers: Vec<Peer>,
}

fn peer(name: &str) -> Result<Peer, String> {
    let known = || Peer::ALL.map(Peer::name).join(", ");
    Peer::from_name(name).ok_or_else(|| format!("unknown peer; the peers are {}", known()))
}

/// Runs `compare net`. `args` are the arguments after `net`.
pub fn main(args: &[String]) -> ExitCode {
    let name = "compare net".to_owned();
    let mut args = Args::parse_from(iter::once(&name).chain(args));
    if args.peers.is_empty() {
        args.peers = Peer::ALL.to_vec();
    }
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("compare net: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> io::Result<()> {
    machine::raise_files()?;
    machine::pin(machine::LOAD_CORE);
    let plan = Plan {
        peers: args.peers.clone(),
        rounds: args.rounds as usize,
        slice: Duration::from_millis(args.ms),
        tool: Tool::find(),
    };
    match plan.tool {
        Some(tool) => println!("system calls are counted by {tool:?}"),
        None => println!("system calls are not counted: neither perf nor strace works here"),
    }
    let wrk = wrk::is_there();
    if !wrk {
        println!("wrk is not installed: this program generates the load of the HTTP case");
    }
    let mut cases = cases::all(wrk);
    if !args.only.is_empty() {
        cases.retain(|case| args.only.iter().any(|part| case.name.contains(part)));
    }
    if cases.is_empty() {
        let names = cases::all(wrk).into_iter().map(|case| case.name);
        let names = names.collect::<Vec<_>>().join(", ");
        return Err(io::Error::other(format!(
            "unknown case; the cases are {names}"
        )));
    }
    for mut case in cases {
        case.rate = args.rate;
        show(&case, &run::case(&case, &plan));
    }
    Ok(())
}

fn show(case: &Case, outcomes: &[Outcome]) {
    println!("\n{}", case.name);
    let of = |peer| outcomes.iter().find(|outcome| outcome.peer == peer);
    for outcome in outcomes {
        if let Some(error) = &outcome.error {
            println!("{:13} {error}", outcome.peer.name());
        }
        if let Some(bytes) = outcome.bytes {
            let rest = bytes.all - bytes.of_user;
            let name = outcome.peer.name();
            println!(
                "{name:13} {:6.0} B, less future and buffer {rest:6.0} B",
                bytes.all
            );
        }
        if !outcome.samples.is_empty() {
            line(outcome, of(Peer::Tokio), of(Peer::Epoll));
        }
    }
}

fn line(outcome: &Outcome, tokio: Option<&Outcome>, epoll: Option<&Outcome>) {
    let samples = &outcome.samples;
    let quantile = |q| {
        outcome
            .latencies
            .as_ref()
            .map_or(0, |all| all.value_at_quantile(q)) as f64
            / 1e3
    };
    print!(
        "{:13} {:9.0}/s  p50 {:8.1} p99 {:8.1} p99.9 {:8.1} us  cpu {:7.0} ns  of tokio {}  of loop {}",
        outcome.peer.name(),
        median(samples.iter().map(Sample::rate)),
        quantile(0.5),
        quantile(0.99),
        quantile(0.999),
        median(samples.iter().map(Sample::cost)),
        ratio(samples, tokio.map_or(&[][..], |other| &other.samples)),
        ratio(samples, epoll.map_or(&[][..], |other| &other.samples)),
    );
    if let Some(syscalls) = outcome.syscalls {
        print!("  syscalls {syscalls:6.3}");
    }
    if !outcome.echo.is_empty() {
        print!("  of its echo {}", ratio(samples, &outcome.echo));
    }
    println!();
}

/// Returns the median of the ratios of all rounds, and the range of their middle half.
fn ratio(mine: &[Sample], others: &[Sample]) -> String {
    let pairs = mine.iter().zip(others);
    let mut ratios: Vec<f64> = pairs.map(|(mine, its)| mine.cost() / its.cost()).collect();
    if ratios.is_empty() {
        return "-".into();
    }
    ratios.sort_by(f64::total_cmp);
    let (low, high) = (ratios[ratios.len() / 4], ratios[ratios.len() * 3 / 4]);
    format!("{:.3} ({low:.2}-{high:.2})", median(ratios.into_iter()))
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[n / 2],
        n => (values[n / 2 - 1] + values[n / 2]) / 2.0,
    }
}
