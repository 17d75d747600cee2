//! Cases and their outcomes: the types that the driver, the cases and the report share.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// A runtime under comparison, or a crate with channels and locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Peer {
    Wakeful,
    /// Wakeful's loop as a task of tokio.
    WakefulGuest,
    /// Tasks of Wakeful that call tokio's crates inside of `async_compat::Compat`.
    WakefulCompat,
    Tokio,
    TokioLocal,
    Smol,
    SmolStatic,
    Monoio,
    Compio,
    /// A loop written by hand around `epoll`, without a runtime: the limit of the network cases.
    Epoll,
    /// Channels and locks of other crates, in tasks of Wakeful.
    TokioSync,
    AsyncLock,
    LocalSync,
    AsyncUnsync,
}

impl Peer {
    /// The runtimes. All cases that need no network compare these.
    pub const RUNTIMES: &[Peer] = &[
        Peer::Wakeful,
        Peer::Tokio,
        Peer::TokioLocal,
        Peer::Smol,
        Peer::SmolStatic,
        Peer::Monoio,
        Peer::Compio,
    ];

    /// The channels and locks of runtimes, and those of other crates on the same runtime.
    pub const SYNC: &[Peer] = &[
        Peer::Wakeful,
        Peer::Tokio,
        Peer::SmolStatic,
        Peer::Monoio,
        Peer::TokioSync,
        Peer::AsyncLock,
        Peer::LocalSync,
        Peer::AsyncUnsync,
    ];

    /// All peers, in the order of the report's columns.
    pub const ALL: [Peer; 14] = [
        Peer::Wakeful,
        Peer::WakefulGuest,
        Peer::WakefulCompat,
        Peer::Tokio,
        Peer::TokioLocal,
        Peer::Smol,
        Peer::SmolStatic,
        Peer::Monoio,
        Peer::Compio,
        Peer::Epoll,
        Peer::TokioSync,
        Peer::AsyncLock,
        Peer::LocalSync,
        Peer::AsyncUnsync,
    ];

    /// Returns the name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Peer::Wakeful => "wakeful",
            Peer::WakefulGuest => "wakeful-guest",
            Peer::WakefulCompat => "wakeful-compat",
            Peer::Tokio => "tokio",
            Peer::TokioLocal => "tokio-local",
            Peer::Smol => "smol",
            Peer::SmolStatic => "smol-static",
            Peer::Monoio => "monoio",
            Peer::Compio => "compio",
            Peer::Epoll => "epoll",
            Peer::TokioSync => "tokio-sync",
            Peer::AsyncLock => "async-lock",
            Peer::LocalSync => "local-sync",
            Peer::AsyncUnsync => "async-unsync",
        }
    }

    /// Returns the name in the report.
    pub fn title(self) -> &'static str {
        match self {
            Peer::Wakeful => "Wakeful",
            Peer::WakefulGuest => "Wakeful in tokio",
            Peer::WakefulCompat => "Wakeful with Compat",
            Peer::Tokio => "tokio current_thread",
            Peer::TokioLocal => "tokio LocalRuntime",
            Peer::Smol => "smol LocalExecutor",
            Peer::SmolStatic => "smol StaticLocalExecutor",
            Peer::Monoio => "monoio",
            Peer::Compio => "compio",
            Peer::Epoll => "hand-written epoll",
            Peer::TokioSync => "tokio::sync on Wakeful",
            Peer::AsyncLock => "async-lock on Wakeful",
            Peer::LocalSync => "local-sync on Wakeful",
            Peer::AsyncUnsync => "async-unsync on Wakeful",
        }
    }

    /// Returns the name of its crate, whose version is in `Cargo.lock`.
    pub fn package(self) -> Option<&'static str> {
        match self {
            Peer::Wakeful | Peer::WakefulGuest | Peer::WakefulCompat => Some("wakeful"),
            Peer::Tokio | Peer::TokioLocal | Peer::TokioSync => Some("tokio"),
            Peer::Smol | Peer::SmolStatic => Some("async-executor"),
            Peer::Monoio => Some("monoio"),
            Peer::Compio => Some("compio"),
            Peer::AsyncLock => Some("async-lock"),
            Peer::LocalSync => Some("local-sync"),
            Peer::AsyncUnsync => Some("async-unsync"),
            Peer::Epoll => None,
        }
    }

    pub fn parse(name: &str) -> Option<Peer> {
        Peer::ALL.iter().copied().find(|peer| peer.name() == name)
    }
}

/// One measurement, with an implementation for each peer.
pub struct Case {
    /// Unique, `group/what`, which `--only` matches: `timer/reset`.
    pub name: &'static str,
    /// The heading of its section in the report.
    pub group: &'static str,
    /// One line: what is counted as one operation.
    pub about: &'static str,
    pub peers: &'static [Peer],
    /// The peer that the others are compared with: Wakeful, alone or in a host.
    pub ours: Peer,
    /// The sizes at which it is measured, such as the number of tasks. Empty if there is only one.
    pub points: &'static [u64],
    /// The label of the x axis in the plot over the sizes.
    pub axis: &'static str,
    pub iterations: Iterations,
    /// Samples of each peer in a round, in turn. Where a sample depends on the relative timing of
    /// two processes, many short samples are more precise than a few long ones.
    pub turns: u32,
    /// Whether a run is pinned to one core. Not if the peer starts other threads that matter, nor
    /// if the case pins its threads itself.
    pub pinned: bool,
    pub aims: &'static [Aim],
    /// Notes about the numbers of single peers.
    pub notes: &'static [(Peer, &'static str)],
    pub run: fn(&Run) -> Outcome,
}

impl Case {
    /// Returns a case with one size, pinned, with the default length of a sample. Other values are
    /// set with struct update syntax.
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
            ours: Peer::Wakeful,
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

    /// Returns the sizes to measure: one `None` if there is only one size.
    pub fn sizes(&self, quick: bool) -> Vec<Option<u64>> {
        if self.points.is_empty() {
            return vec![None];
        }
        let most = if quick { 10_000 } else { u64::MAX };
        let sizes = self.points.iter().copied().filter(|&size| size <= most);
        sizes.map(Some).collect()
    }
}

/// The number of operations in a sample.
#[derive(Clone, Copy)]
pub enum Iterations {
    /// As many as take the time of a sample, determined for each peer before its first sample.
    Fitted,
    /// One number for a quick run and another for a full one, without a warm-up run.
    Fixed { quick: u64, full: u64 },
}

/// The arguments of a run of a case, which is a process of its own.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    pub peer: Peer,
    /// The number of operations.
    pub n: u64,
    /// The size, one of the case's points; 0 when it has none.
    pub size: u64,
    pub quick: bool,
}

/// The result of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The first metric is the main one.
    Measured(Vec<Metric>),
    /// The peer does not support it, with the reason.
    NotAvailable(String),
}

impl Outcome {
    /// Returns the processor time of one of `n` operations, which is independent of other programs
    /// on the machine. Suited to operations that do not wait. The elapsed time is recorded as well.
    pub fn cpu(took: Took, n: u64) -> Outcome {
        let [cpu, time] = took.each(n);
        Outcome::Measured(vec![cpu, time.aside()])
    }

    /// Returns the elapsed time of one of `n` operations, for operations of threads that wait.
    pub fn time(took: Took, n: u64) -> Outcome {
        let [cpu, time] = took.each(n);
        Outcome::Measured(vec![time, cpu.aside()])
    }

    /// For a case about runtimes, when it is run without one.
    pub fn no_runtime() -> Outcome {
        Outcome::not_available("not a runtime")
    }

    /// Returns the metric of that name, or the main one for `MAIN`.
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

/// Measures the time between its start and its stop.
pub struct Watch {
    begin: Instant,
    cpu: Duration,
}

/// The time that a watch measured.
#[derive(Clone, Copy, Debug)]
pub struct Took {
    pub time: Duration,
    /// Of all threads of the process, in user and kernel mode.
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
    /// Whether it is only in the raw samples, not in the tables.
    pub aside: bool,
}

impl Metric {
    /// Creates a metric of which less is better, such as a time or a count of system calls.
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

    /// Creates a metric of which more is better, such as requests a second.
    #[allow(dead_code, reason = "the cases that count requests a second use it")]
    pub fn higher_is_better(mut self) -> Metric {
        self.lower_is_better = false;
        self
    }
}

/// The metric that a case lists first, in an aim.
pub const MAIN: &str = "";

/// A target for Wakeful.
#[derive(Clone, Copy, Debug)]
pub enum Aim {
    /// At every size, Wakeful's number divided by that of one peer.
    Ratio {
        metric: &'static str,
        at_most: f64,
        of: Peer,
    },
    /// At every size, Wakeful's number divided by the best of the other runtimes.
    OfBest { metric: &'static str, at_most: f64 },
    /// A number in the unit of the metric.
    #[allow(dead_code, reason = "the cases that count system calls use it")]
    Absolute { metric: &'static str, at_most: f64 },
    /// The growth from one size to another, relative to the runtime that grows least.
    Growth {
        metric: &'static str,
        from: u64,
        to: u64,
    },
}

/// The usual aim: at most this multiple of tokio's number.
pub const fn of_tokio(at_most: f64) -> Aim {
    ahead(at_most, Peer::Tokio)
}

/// At most this multiple of a peer's number.
pub const fn ahead(at_most: f64, of: Peer) -> Aim {
    Aim::Ratio {
        metric: MAIN,
        at_most,
        of,
    }
}
