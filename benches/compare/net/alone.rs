//! A plain driver of the network cases: rounds, peers in turn, one table for each case.

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use super::cases::{self, Case, Kind};
use super::load::wrk;
use super::machine;
use super::measure::{self, Sample, Times};
use super::peers::Peer;
use super::syscalls::Tool;

const USAGE: &str = "usage: net [--quick] [--rounds N] [--ms N] [--only TEXT] [--peers A,B]";

struct Options {
    rounds: usize,
    times: Times,
    only: Vec<String>,
    peers: Vec<Peer>,
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
        rounds: 5,
        times: times(1000),
        only: Vec::new(),
        peers: Peer::ALL.to_vec(),
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
            "--quick" => (options.rounds, options.times) = (3, times(200)),
            "--rounds" => options.rounds = number(value()?)? as usize,
            "--ms" => options.times = times(number(value()?)?),
            "--only" => options.only.push(value()?.clone()),
            "--peers" => {
                let peer =
                    |name| Peer::from_name(name).ok_or_else(|| bad(format!("{name:?} is no peer")));
                options.peers = value()?.split(',').map(peer).collect::<io::Result<_>>()?;
            }
            _ => return Err(bad(format!("{arg:?} is not understood"))),
        }
    }
    Ok(options)
}

fn times(milliseconds: u64) -> Times {
    Times {
        warm: Duration::from_millis(milliseconds / 5),
        measured: Duration::from_millis(milliseconds),
    }
}

fn run(options: &Options) -> io::Result<()> {
    machine::raise_files()?;
    machine::pin(machine::LOAD_CORE);
    let tool = Tool::find();
    println!("syscalls are counted by {tool:?}");
    for case in cases::all(wrk::is_there()) {
        let wanted = |text: &String| case.name.contains(text);
        if options.only.is_empty() || options.only.iter().any(wanted) {
            one(&case, options, tool)?;
        }
    }
    Ok(())
}

fn one(case: &Case, options: &Options, tool: Option<Tool>) -> io::Result<()> {
    let mut peers = case.peers().to_vec();
    peers.retain(|peer| options.peers.contains(peer));
    let mut samples = vec![Vec::new(); peers.len()];
    for round in 0..options.rounds {
        for turn in 0..peers.len() {
            let at = (turn + round) % peers.len();
            match measure::sample(case, peers[at], options.times) {
                Ok(sample) => samples[at].push(sample),
                Err(error) => eprintln!("{}: {}: {error}", case.name, peers[at].name()),
            }
        }
    }
    println!("\n{}", case.name);
    let of = |peer| peers.iter().position(|p| *p == peer);
    for (at, peer) in peers.iter().enumerate() {
        let all = &samples[at];
        if all.is_empty() {
            continue;
        }
        let against = |other: Option<usize>| {
            let pairs = all.iter().zip(&samples[other?]);
            Some(median(pairs.map(|(mine, its)| mine.cost() / its.cost())))
        };
        let calls = match tool {
            Some(tool) => measure::syscalls(case, *peer, options.times, tool).unwrap_or_default(),
            None => None,
        };
        let ratios = [against(of(Peer::Tokio)), against(of(Peer::Epoll))];
        line(case, *peer, all, ratios, calls);
    }
    Ok(())
}

fn line(case: &Case, peer: Peer, all: &[Sample], ratios: [Option<f64>; 2], calls: Option<f64>) {
    let of = |value: fn(&Sample) -> f64| median(all.iter().map(value));
    if case.kind == Kind::Memory {
        let bytes = of(|s| s.bytes.unwrap_or_default().0);
        let user = of(|s| s.bytes.unwrap_or_default().1);
        println!(
            "{:13} {bytes:7.0} B, without future and buffer {:6.0} B",
            peer.name(),
            bytes - user
        );
        return;
    }
    let number = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.3}"));
    print!(
        "{:13} {:9.0}/s  p50 {:8.1} p99 {:8.1} p99.9 {:8.1} us  cpu {:7.0} ns (min {:7.0})  \
         of tokio {:>6}  of loop {:>6}  syscalls {:>6}",
        peer.name(),
        of(Sample::rate),
        of(|s| s.p50 as f64 / 1e3),
        of(|s| s.p99 as f64 / 1e3),
        of(|s| s.p999 as f64 / 1e3),
        of(Sample::cost),
        all.iter().map(Sample::cost).fold(f64::INFINITY, f64::min),
        number(ratios[0]),
        number(ratios[1]),
        number(calls),
    );
    if case.kind == Kind::AgainstEcho {
        print!(
            "  of its echo {:.3}",
            of(|s| s.cost() / s.echo.unwrap_or(1.0))
        );
    }
    println!();
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
