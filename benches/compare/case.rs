//! What a case is, and what it tells: the words that the driver, the cases and the report share.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// A runtime under comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Peer {
    Wakeful,
    Tokio,
    TokioLocal,
    Smol,
    SmolStatic,
    Monoio,
    Compio,
    /// No runtime at all: a loop written by hand around `epoll`, the limit of the network cases.
    Epoll,
}

impl Peer {
    /// The runtimes: what every case that needs no network is about.
    pub const RUNTIMES: &[Peer] = &[
        Peer::Wakeful,
        Peer::Tokio,
        Peer::TokioLocal,
        Peer::Smol,
        Peer::SmolStatic,
        Peer::Monoio,
        Peer::Compio,
    ];

    /// All of them, in the order of the report's columns.
    pub const ALL: [Peer; 8] = [
        Peer::Wakeful,
        Peer::Tokio,
        Peer::TokioLocal,
        Peer::Smol,
        Peer::SmolStatic,
        Peer::Monoio,
        Peer::Compio,
        Peer::Epoll,
    ];

    /// As it is written on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Peer::Wakeful => "wakeful",
            Peer::Tokio => "tokio",
            Peer::TokioLocal => "tokio-local",
            Peer::Smol => "smol",
            Peer::SmolStatic => "smol-static",
            Peer::Monoio => "monoio",
            Peer::Compio => "compio",
            Peer::Epoll => "epoll",
        }
    }

    /// As the report calls it.
    pub fn title(self) -> &'static str {
        match self {
            Peer::Wakeful => "Wakeful",
            Peer::Tokio => "tokio current_thread",
            Peer::TokioLocal => "tokio LocalRuntime",
            Peer::Smol => "smol LocalExecutor",
            Peer::SmolStatic => "smol StaticLocalExecutor",
            Peer::Monoio => "monoio",
            Peer::Compio => "compio",
            Peer::Epoll => "hand-written epoll",
        }
    }

    /// Its crate, whose version `Cargo.lock` knows.
    pub fn package(self) -> Option<&'static str> {
        match self {
            Peer::Wakeful => Some("wakeful"),
            Peer::Tokio | Peer::TokioLocal => Some("tokio"),
            Peer::Smol | Peer::SmolStatic => Some("async-executor"),
            Peer::Monoio => Some("monoio"),
            Peer::Compio => Some("compio"),
            Peer::Epoll => None,
        }
    }

    pub fn parse(name: &str) -> Option<Peer> {
        Peer::ALL.iter().copied().find(|peer| peer.name() == name)
    }
}

/// One thing that is measured, in the way of each peer.
pub struct Case {
    /// Unique, `group/what`, as `--only` sees it: `timer/reset`.
    pub name: &'static str,
    /// The heading of the report under which it stands.
    pub group: &'static str,
    /// One line: what exactly is counted as one operation.
    pub about: &'static str,
    pub peers: &'static [Peer],
    /// The sizes that it is measured at, such as the number of tasks. Empty: it has only one.
    pub points: &'static [u64],
    /// What is counted on the x axis of the plot over the points.
    pub axis: &'static str,
    pub iterations: Iterations,
    /// Samples of each peer in a round, in turn. Where a sample depends on how two processes happen
    /// to fall into step, many short ones say more than a few long ones.
    pub turns: u32,
    /// Whether a run is held on one core. Not when the peer starts threads of its own that matter,
    /// nor when the case pins its threads itself.
    pub pinned: bool,
    pub aims: &'static [Aim],
    /// What a reader must know of a peer's number.
    pub notes: &'static [(Peer, &'static str)],
    pub run: fn(&Run) -> Outcome,
}

impl Case {
    /// A case of a single size, pinned, as long as fits the time of a sample; the rest by update.
    pub const fn new(
        name: &'static str,
        group: &'static str,
        about: &'static str,
        run: fn(&Run) -> Outcome,
    ) -> Case {
        Case {
            name,
            group,
            about,
            peers: Peer::RUNTIMES,
            points: &[],
            axis: "",
            iterations: Iterations::Fitted,
            turns: 1,
            pinned: true,
            aims: &[],
            notes: &[],
            run,
        }
    }

    /// The sizes to measure at: one of `None` when there is only one size.
    pub fn sizes(&self, quick: bool) -> Vec<Option<u64>> {
        if self.points.is_empty() {
            return vec![None];
        }
        let most = if quick { 10_000 } else { u64::MAX };
        let sizes = self.points.iter().copied().filter(|&size| size <= most);
        sizes.map(Some).collect()
    }
}

/// How many operations a sample has.
#[derive(Clone, Copy)]
pub enum Iterations {
    /// As many as take the time of a sample, tried out once for each peer before the first one.
    Fitted,
    /// A fixed number for a quick run and another for a full one. There is no warm-up run then.
    Fixed { quick: u64, full: u64 },
}

/// What a case is told when it runs, in a process of its own.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    pub peer: Peer,
    /// The number of operations.
    pub n: u64,
    /// The size, one of the case's points; 0 when it has none.
    pub size: u64,
    pub quick: bool,
}

/// What came out of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The first metric is the main one.
    Measured(Vec<Metric>),
    /// The peer has no such thing, and why.
    NotAvailable(String),
}

impl Outcome {
    /// What one of `n` operations cost the processor, which other programs of the machine cannot
    /// lengthen; it is right where nothing is waited for. The time that passed is kept aside.
    pub fn cpu(took: Took, n: u64) -> Outcome {
        let [cpu, time] = took.each(n);
        Outcome::Measured(vec![cpu, time.aside()])
    }

    /// The time that passed for one of `n` operations: where threads wait for each other.
    pub fn time(took: Took, n: u64) -> Outcome {
        let [cpu, time] = took.each(n);
        Outcome::Measured(vec![time, cpu.aside()])
    }

    /// For a case that is about runtimes, when it is asked about no runtime.
    pub fn no_runtime() -> Outcome {
        Outcome::not_available("not a runtime")
    }

    /// The metric of that name; the main one for `MAIN`.
    pub fn metric(&self, name: &str) -> Option<&Metric> {
        match self {
            Outcome::Measured(metrics) => metrics
                .iter()
                .find(|metric| name == MAIN || metric.name == name),
            Outcome::NotAvailable(_) => None,
        }
    }

    pub fn not_available(why: &str) -> Outcome {
        Outcome::NotAvailable(why.to_owned())
    }
}

/// Takes the time of what runs between its start and its stop.
pub struct Watch {
    begin: Instant,
    cpu: Duration,
}

/// What a watch saw.
#[derive(Clone, Copy, Debug)]
pub struct Took {
    pub time: Duration,
    /// Of all threads of the process, in the kernel and out of it.
    pub cpu: Duration,
}

impl Watch {
    pub fn start() -> Watch {
        Watch {
            begin: Instant::now(),
            cpu: process_cpu(),
        }
    }

    pub fn stop(self) -> Took {
        Took {
            cpu: process_cpu().saturating_sub(self.cpu),
            time: self.begin.elapsed(),
        }
    }
}

impl Took {
    fn each(self, n: u64) -> [Metric; 2] {
        let each = |took: Duration| took.as_secs_f64() * 1e9 / n as f64;
        [
            Metric::new("cpu", "ns", each(self.cpu)),
            Metric::new("time", "ns", each(self.time)),
        ]
    }
}

fn process_cpu() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec as u32)
}

/// A named number.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Metric {
    pub name: String,
    pub unit: String,
    pub value: f64,
    pub lower_is_better: bool,
    /// Only in the raw samples, not in the tables.
    pub aside: bool,
}

impl Metric {
    /// One of which less is better, such as a time or a count of system calls.
    pub fn new(name: &str, unit: &str, value: f64) -> Metric {
        Metric {
            name: name.to_owned(),
            unit: unit.to_owned(),
            value,
            lower_is_better: true,
            aside: false,
        }
    }

    pub fn aside(mut self) -> Metric {
        self.aside = true;
        self
    }

    /// One of which more is better, such as requests a second.
    #[allow(dead_code, reason = "the cases that count requests a second use it")]
    pub fn higher_is_better(mut self) -> Metric {
        self.lower_is_better = false;
        self
    }
}

/// In an aim: the metric that a case names first.
pub const MAIN: &str = "";

/// What Wakeful is to reach.
#[derive(Clone, Copy, Debug)]
pub enum Aim {
    /// Against one peer, at every size: Wakeful's number divided by the peer's.
    Ratio {
        metric: &'static str,
        at_most: f64,
        of: Peer,
    },
    /// Against the best of the other runtimes, at every size.
    OfBest { metric: &'static str, at_most: f64 },
    /// In the metric's own unit.
    #[allow(dead_code, reason = "the cases that count system calls use it")]
    Absolute { metric: &'static str, at_most: f64 },
    /// The growth from one size to another, against the growth of the runtime that grows least.
    Growth {
        metric: &'static str,
        from: u64,
        to: u64,
    },
}

/// The usual one: so much of tokio's.
pub const fn of_tokio(at_most: f64) -> Aim {
    ahead(at_most, Peer::Tokio)
}

/// So much of a peer's.
pub const fn ahead(at_most: f64, of: Peer) -> Aim {
    Aim::Ratio {
        metric: MAIN,
        at_most,
        of,
    }
}
