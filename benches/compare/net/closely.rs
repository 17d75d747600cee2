//! A closer look at network cases: rounds of short slices, peers in turn, one table for each case.

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use super::cases::{self, Case};
use super::load::wrk;
use super::machine;
use super::measure::Sample;
use super::peers::Peer;
use super::run::{self, Outcome, Plan};
use super::syscalls::Tool;

const USAGE: &str =
    "usage: compare net [--quick] [--rounds N] [--ms N] [--only TEXT] [--peers A,B]";

struct Options {
    plan: Plan,
    only: Vec<String>,
}

pub fn main(args: &[String]) -> ExitCode {
    let result = options(args).and_then(|options| run(&options));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            ExitCode::FAILURE
        }
    }
}

fn options(args: &[String]) -> io::Result<Options> {
    let bad = |text: String| io::Error::new(io::ErrorKind::InvalidInput, text);
    let mut options = Options {
        plan: Plan {
            peers: Peer::ALL.to_vec(),
            rounds: 25,
            slice: Duration::from_millis(200),
            tool: Tool::find(),
        },
        only: Vec::new(),
    };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value = || {
            args.next()
                .ok_or_else(|| bad(format!("{arg} needs a value")))
        };
        let number = |text: &String| {
            let parsed = text.parse::<u64>().ok().filter(|n| *n > 0);
            parsed.ok_or_else(|| bad(format!("{text:?} is not a number above 0")))
        };
        match arg.as_str() {
            "--quick" => options.plan.rounds = 5,
            "--rounds" => options.plan.rounds = number(value()?)? as usize,
            "--ms" => options.plan.slice = Duration::from_millis(number(value()?)?),
            "--only" => options.only.push(value()?.clone()),
            "--peers" => {
                let peer =
                    |name| Peer::from_name(name).ok_or_else(|| bad(format!("{name:?} is no peer")));
                options.plan.peers = value()?.split(',').map(peer).collect::<io::Result<_>>()?;
            }
            _ => return Err(bad(format!("{arg:?} is not understood"))),
        }
    }
    Ok(options)
}

fn run(options: &Options) -> io::Result<()> {
    machine::raise_files()?;
    machine::pin(machine::LOAD_CORE);
    println!("syscalls are counted by {:?}", options.plan.tool);
    for case in cases::all(wrk::is_there()) {
        let wanted = |text: &String| case.name.contains(text);
        if options.only.is_empty() || options.only.iter().any(wanted) {
            show(&case, &run::case(&case, &options.plan));
        }
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

/// The middle of the ratios in each round, and the middle half of them.
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
