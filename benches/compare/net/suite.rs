//! The network cases of `compare`. The number of a sample is its length in milliseconds.

use std::io;
use std::time::Duration;

use super::cases::{self, Case as Net, Kind};
use super::load::{Latencies, wrk};
use super::measure::{self, Bout, Sample};
use super::syscalls::Tool;
use super::{machine, peer_of, peers};
use crate::case::{Aim, Case, Iterations, Metric, Outcome, Peer, Run};

/// The heading of the network cases.
pub const NETWORK: &str = "Network";

const RUNTIMES: &[Peer] = &[
    Peer::Wakeful,
    Peer::Tokio,
    Peer::TokioLocal,
    Peer::Smol,
    Peer::Monoio,
    Peer::Compio,
];

/// The runtimes, and the loop without a runtime.
const PEERS: &[Peer] = &[
    Peer::Wakeful,
    Peer::Tokio,
    Peer::TokioLocal,
    Peer::Smol,
    Peer::Monoio,
    Peer::Compio,
    Peer::Epoll,
];

/// The server's processor time for each request, which other load on the machine affects least.
pub const COST: &str = "server cpu";
pub const RATE: &str = "rate";
const SYSCALLS: &str = "system calls";
/// That cost, divided by the same peer's cost in the case with which this one is compared.
const AGAINST: &str = "against the other";
/// The memory that the runtime uses for a connection, beyond that of the program.
const RUNTIME: &str = "of the runtime";

/// At most tokio's cost, and little more than the cost without a runtime.
const NEAR_THE_LOOP: &[Aim] = &[
    Aim::Ratio {
        metric: COST,
        at_most: 1.03,
        of: Peer::Epoll,
    },
    Aim::Ratio {
        metric: COST,
        at_most: 1.0,
        of: Peer::Tokio,
    },
];

const fn at_most(metric: &'static str, at_most: f64) -> Aim {
    Aim::Absolute { metric, at_most }
}

const fn case(name: &'static str, about: &'static str, run: fn(&Run) -> Outcome) -> Case {
    Case {
        peers: PEERS,
        iterations: Iterations::Fixed {
            quick: 200,
            full: 300,
        },
        turns: 3,
        // Server and load are pinned, each to a core of its own.
        pinned: false,
        ..Case::new(name, NETWORK, about, run)
    }
}

const fn echo(name: &'static str, about: &'static str, run: fn(&Run) -> Outcome) -> Case {
    Case {
        points: &[8, 64, 1000],
        axis: "connections",
        aims: NEAR_THE_LOOP,
        ..case(name, about, run)
    }
}

const fn two_cores(name: &'static str, about: &'static str, run: fn(&Run) -> Outcome) -> Case {
    Case {
        peers: &[Peer::Wakeful, Peer::Tokio, Peer::Monoio],
        notes: &[
            (Peer::Wakeful, "two shards; one accepts for both, in turn"),
            (Peer::Tokio, "the multi-threaded runtime, two workers"),
            (
                Peer::Monoio,
                "two runtimes, each with a listener, SO_REUSEPORT",
            ),
        ],
        ..case(name, about, run)
    }
}

const fn open(name: &'static str, about: &'static str, run: fn(&Run) -> Outcome) -> Case {
    Case {
        peers: &[Peer::Wakeful, Peer::Tokio, Peer::TokioLocal, Peer::Smol],
        iterations: Iterations::Fixed {
            quick: 200,
            full: 1000,
        },
        aims: &[
            Aim::Ratio {
                metric: "p50",
                at_most: 1.0,
                of: Peer::Tokio,
            },
            Aim::Ratio {
                metric: "p99",
                at_most: 1.0,
                of: Peer::Tokio,
            },
        ],
        ..case(name, about, run)
    }
}

pub const CASES: &[Case] = &[
    case(
        "net/echo-one",
        "echo of 64 bytes to one connection: mostly sleeping and waking",
        |run| ordinary(run, cases::echo(1, 64)),
    ),
    echo("net/echo-64", "echo of 64 bytes", |run| {
        ordinary(run, cases::echo(size(run), 64))
    }),
    echo("net/echo-1k", "echo of 1 KiB", |run| {
        ordinary(run, cases::echo(size(run), 1024))
    }),
    echo("net/echo-64k", "echo of 64 KiB", |run| {
        ordinary(run, cases::echo(size(run), 65_536))
    }),
    Case {
        peers: &[Peer::Wakeful, Peer::WakefulGuest, Peer::Tokio],
        ours: Peer::WakefulGuest,
        notes: &[(
            Peer::WakefulGuest,
            "its loop is a task of tokio's current-thread runtime: two waits a turn",
        )],
        ..case(
            "net/guest",
            "echo of 64 bytes to 64 connections by Wakeful as a guest of tokio",
            |run| ordinary(run, cases::echo(64, 64)),
        )
    },
    Case {
        aims: &[at_most(SYSCALLS, 2.1)],
        turns: 1,
        ..case(
            "net/syscalls",
            "system calls for each echo of 64 bytes to 64 connections",
            syscalls,
        )
    },
    case(
        "net/kv",
        "SET and GET, 16 at once from each of 50 connections; one command counts",
        |run| ordinary(run, cases::kv()),
    ),
    Case {
        // wrk counts in whole seconds.
        iterations: Iterations::Fixed {
            quick: 200,
            full: 1000,
        },
        ..case(
            "net/http",
            "HTTP keep-alive with 64 connections, by wrk where it is installed",
            |run| ordinary(run, cases::http(wrk::is_there())),
        )
    },
    two_cores(
        "net/two-echo",
        "echo of 64 bytes to 64 connections by two threads, a core each; the load is on the second",
        |run| ordinary(run, cases::echo_two(64, 64)),
    ),
    two_cores(
        "net/two-kv",
        "SET and GET, 16 at once from each of 50 connections, by two threads, a core each, that \
         share a store; the load is on the second core",
        |run| ordinary(run, cases::kv_two()),
    ),
    Case {
        peers: RUNTIMES,
        points: &[8, 64, 1000],
        axis: "connections",
        aims: &[at_most(AGAINST, 1.03)],
        // These run in turn on their own.
        iterations: Iterations::Fixed {
            quick: 200,
            full: 1000,
        },
        turns: 1,
        ..case(
            "net/timeout",
            "echo of 64 bytes with a deadline for each request, against echo without, by the same \
             peer",
            |run| ratio(run, cases::timed(size(run)), cases::echo(size(run), 64)),
        )
    },
    open(
        "net/open-beside",
        "echo of 64 bytes to 64 connections, 40,000 requests a second at fixed times, beside a \
         task with polls of 0.5 ms that calls yield_now; latency from the time at which a request \
         was due",
        |run| open_loop(run, true),
    ),
    open("net/open", "the same without the task", |run| {
        open_loop(run, false)
    }),
    case("net/accept", "accept a connection and close it", |run| {
        ordinary(run, cases::accept())
    }),
    case("net/udp", "echo of datagrams of 64 bytes", |run| {
        ordinary(run, cases::udp())
    }),
    case(
        "net/chat",
        "one connection sends and 500 receive; each receipt counts",
        |run| ordinary(run, cases::chat()),
    ),
    Case {
        points: &[100, 1000, 10_000],
        axis: "connections",
        aims: &[at_most(AGAINST, 1.1)],
        iterations: Iterations::Fixed {
            quick: 200,
            full: 1000,
        },
        turns: 1,
        ..case(
            "net/among",
            "echo to 10 connections among n, against 10 among 10, by the same peer",
            |run| ratio(run, cases::among(size(run)), cases::among(10)),
        )
    },
    Case {
        aims: &[at_most(RUNTIME, 200.0)],
        turns: 1,
        ..case(
            "net/idle",
            "memory of an idle connection among 10,000, without its future and buffer",
            idle,
        )
    },
];

fn size(run: &Run) -> usize {
    run.size as usize
}

fn outcome_of(
    run: &Run,
    case: &Net,
    sample: impl FnOnce(peers::Peer, Duration) -> io::Result<Vec<Metric>>,
) -> Outcome {
    let Some(peer) = peer_of(run.peer).filter(|peer| case.has(*peer)) else {
        return Outcome::not_available("this peer does not have the service");
    };
    measured(|| sample(peer, Duration::from_millis(run.n)))
}

/// Runs a sample on the core of the load; an error becomes its outcome.
pub fn measured(sample: impl FnOnce() -> io::Result<Vec<Metric>>) -> Outcome {
    machine::pin(machine::LOAD_CORE);
    match machine::raise_files().and_then(|()| sample()) {
        Ok(metrics) => Outcome::Measured(metrics),
        Err(error) => Outcome::not_available(&error.to_string()),
    }
}

pub fn ordinary(run: &Run, case: Net) -> Outcome {
    outcome_of(run, &case, |peer, time| {
        let mut bout = Bout::open(&case, peer)?;
        bout.warm(time / 5)?;
        let sample = bout.slice(time)?;
        let mut metrics = vec![
            Metric::new(COST, "ns", sample.cost()),
            Metric::new(RATE, "requests/s", sample.rate()).higher_is_better(),
        ];
        metrics.extend(quantiles(case.kind, &bout.latencies));
        Ok(metrics)
    })
}

/// Only the latencies count: the rate is fixed, and the task uses the rest of the processor.
fn open_loop(run: &Run, beside: bool) -> Outcome {
    let case = cases::open(beside);
    outcome_of(run, &case, |peer, time| {
        let mut bout = Bout::open(&case, peer)?;
        bout.warm(time / 5)?;
        bout.slice(time)?;
        Ok(quantiles(case.kind, &bout.latencies).collect())
    })
}

fn quantiles(kind: Kind, latencies: &Latencies) -> impl Iterator<Item = Metric> {
    // wrk does not report the last one.
    let known = if kind == Kind::Wrk { 2 } else { 3 };
    let quantiles = [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)];
    quantiles.into_iter().take(known).map(|(name, quantile)| {
        let nanos = latencies.value_at_quantile(quantile);
        Metric::new(name, "us", nanos as f64 / 1e3)
    })
}

fn syscalls(run: &Run) -> Outcome {
    let case = cases::echo(64, 64);
    outcome_of(run, &case, |peer, time| {
        let tool = Tool::find().ok_or_else(|| {
            io::Error::other("neither `perf` (with raw_syscalls:sys_enter) nor `strace` works here")
        })?;
        let mut bout = Bout::open(&case, peer)?;
        bout.warm(time / 5)?;
        let calls = bout.syscalls(time, tool)?;
        Ok(vec![Metric::new(SYSCALLS, "a request", calls)])
    })
}

/// Returns the cost of one case divided by that of another, measured slice by slice in turn.
fn ratio(run: &Run, case: Net, base: Net) -> Outcome {
    const SLICES: u32 = 10;
    outcome_of(run, &case, |peer, time| {
        let mut bouts = [Bout::open(&base, peer)?, Bout::open(&case, peer)?];
        for bout in &mut bouts {
            bout.warm(time / 10)?;
        }
        let mut totals = [Sample::default(); 2];
        for _ in 0..SLICES {
            for (bout, total) in bouts.iter_mut().zip(&mut totals) {
                total.add(bout.slice(time / SLICES)?);
            }
        }
        let [base, case] = totals.map(|total| total.cost());
        Ok(vec![
            Metric::new(AGAINST, "", case / base),
            Metric::new(COST, "ns", case),
            Metric::new("server cpu of the other", "ns", base),
        ])
    })
}

fn idle(run: &Run) -> Outcome {
    let case = cases::idle();
    outcome_of(run, &case, |peer, _| {
        let bytes = measure::memory(&case, peer)?;
        Ok(vec![
            Metric::new(RUNTIME, "B", bytes.all - bytes.of_user),
            Metric::new("all", "B", bytes.all),
        ])
    })
}
