//! Compares Wakeful with other runtimes, in one run:
//! `cargo run --release -p wakeful-benches --bin compare`.
//!
//! Each sample is a process of its own, and the samples of the peers are interleaved, so that other
//! load on the machine affects all of them alike. The report is `target/compare/report.html`.

mod case;
mod cases;
mod child;
mod driver;
mod machine;
mod memory;
mod net;
mod on;
mod own;
mod report;
mod series;
mod stats;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use case::{Case, Peer, Run};

/// Compares Wakeful with other runtimes and writes a report.
#[derive(Parser)]
#[command(name = "compare")]
pub struct Args {
    /// Short samples and small sizes: a test of the program, not a measurement.
    #[arg(long)]
    quick: bool,
    /// Only the cases whose name contains one of these.
    #[arg(long, value_delimiter = ',', value_name = "PART,..")]
    only: Vec<String>,
    /// Only these peers. Ratios need Wakeful and tokio.
    #[arg(long, value_delimiter = ',', value_name = "PEER,..", value_parser = peer)]
    peers: Vec<Peer>,
    /// Adds a case of your own, whose programs this file names, see `benches/compare/own.rs`.
    #[arg(long, value_name = "FILE")]
    own: Option<PathBuf>,
    /// Prints how the figures of the second `report.json` differ from those of the first, such as
    /// of two commits or two machines, and measures nothing.
    #[arg(long, num_args = 2, value_names = ["FILE", "FILE"])]
    beside: Option<Vec<PathBuf>>,
    /// The number of rounds.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    samples: u32,
    /// The directory of the report.
    #[arg(long, default_value = "target/compare", value_name = "DIR")]
    out: PathBuf,
    /// Rewrites the generated parts of these Markdown pages.
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "PAGE,..",
        conflicts_with = "only"
    )]
    write: Vec<PathBuf>,
    /// Takes the samples from the `report.json` of an earlier run, and measures nothing.
    #[arg(long, value_name = "FILE", requires = "write")]
    from: Option<PathBuf>,
    /// The length of the samples of the network cases, in percent of the usual length.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    net_percent: u64,
    /// Lists the cases and the peers, and runs nothing.
    #[arg(long)]
    list: bool,
    /// Runs one sample of one case for one peer. The program calls itself with this option.
    #[arg(long, hide = true, num_args = 2, value_names = ["CASE", "PEER"])]
    child: Option<Vec<String>>,
    #[arg(long, hide = true, default_value_t = 1)]
    n: u64,
    #[arg(long, hide = true, default_value_t = 0)]
    size: u64,
    #[arg(long, hide = true)]
    warm_up: bool,
    /// Determines the number of operations that take this many milliseconds.
    #[arg(long, hide = true)]
    fit: Option<u64>,
}

fn peer(name: &str) -> Result<Peer, String> {
    let known = || Peer::ALL.map(Peer::name).join(", ");
    Peer::parse(name).ok_or_else(|| format!("unknown peer; the peers are {}", known()))
}

fn main() -> ExitCode {
    if let Some(code) = net::if_asked() {
        return code;
    }
    let args = Args::parse();
    let result = args.own.as_deref().map_or(Ok(()), own::read);
    let result = result.and_then(|()| match &args.child {
        Some(child) => run_child(&args, &child[0], &child[1]),
        None if args.beside.is_some() => beside(&args),
        None if args.list => {
            list();
            Ok(())
        }
        None => match &args.from {
            Some(from) => report::rewrite(from, &args.write),
            None => driver::run(&args),
        },
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("compare: {error}");
            ExitCode::FAILURE
        }
    }
}

fn beside(args: &Args) -> Result<(), String> {
    match args.beside.as_deref() {
        Some([first, second]) => report::beside(first, second),
        _ => Err("--beside needs two files".to_owned()),
    }
}

fn list() {
    for case in cases::all() {
        println!("{:24} {}", case.name, case.about);
    }
    println!("\npeers: {}", Peer::ALL.map(Peer::name).join(", "));
}

fn run_child(args: &Args, case: &str, peer_name: &str) -> Result<(), String> {
    let case: &Case = cases::all()
        .into_iter()
        .find(|known| known.name == case)
        .ok_or_else(|| format!("unknown case {case:?}; see --list"))?;
    let run = Run {
        peer: peer(peer_name)?,
        n: args.n,
        size: args.size,
        quick: args.quick,
    };
    match args.fit {
        Some(millis) => child::fit(case, run, Duration::from_millis(millis)),
        None => child::measure(case, run, args.warm_up),
    }
    Ok(())
}
