//! The cases `web/`. The number of a sample is its length in milliseconds.

use std::time::Duration;

use super::cases::{self, Case as Net};
use super::child::Server;
use super::load::{h2load, wrk};
use super::peers::Peer as OfServer;
use super::server::Service;
use super::suite::{RATE, measured, ordinary};
use super::web::{self, What};
use crate::case::{Case, Iterations, Metric, Outcome, Peer, Run};

/// The heading of these cases.
pub const WEB: &str = "Web";

const fn server(name: &'static str, about: &'static str, run: fn(&Run) -> Outcome) -> Case {
    Case {
        peers: &[Peer::Wakeful, Peer::Tokio],
        // The programs count in whole seconds.
        iterations: Iterations::Fixed {
            quick: 200,
            full: 1000,
        },
        turns: 3,
        // Server and load are pinned, each to a core of its own.
        pinned: false,
        ..Case::new(name, WEB, about, run)
    }
}

const fn client(
    name: &'static str,
    peers: &'static [Peer],
    about: &'static str,
    run: fn(&Run) -> Outcome,
) -> Case {
    Case {
        peers,
        ours: peers[0],
        points: &[1, 64],
        axis: "at once",
        iterations: Iterations::Fixed {
            quick: 50,
            full: 500,
        },
        ..server(name, about, run)
    }
}

pub const CASES: &[Case] = &[
    server(
        "web/hyper",
        "hyper answers 64 HTTP/1 connections of wrk with a text of 13 bytes",
        |run| with_wrk(run, cases::web(What::Hyper)),
    ),
    server(
        "web/axum",
        "axum answers 64 HTTP/1 connections of wrk: a route with a parameter, the answer is JSON",
        |run| with_wrk(run, cases::web(What::Axum)),
    ),
    server(
        "web/axum-h2",
        "the same over HTTP/2: 8 connections of h2load, 8 requests at once on each",
        |run| with_h2load(run, cases::web_h2(What::Axum)),
    ),
    server(
        "web/tonic",
        "tonic answers unary calls, health checks: 8 connections of h2load, 8 calls at once on each",
        |run| with_h2load(run, cases::web_h2(What::Tonic)),
    ),
    client(
        "web/reqwest-guest",
        &[Peer::WakefulGuest, Peer::Tokio],
        "tasks of Wakeful as a guest of tokio fetch 13 bytes from a local server with reqwest, n \
         requests at once; the processor time of the client",
        reqwest,
    ),
    client(
        "web/reqwest-compat",
        &[Peer::WakefulCompat, Peer::Tokio],
        "the same in tasks of Wakeful inside async_compat::Compat, with a second thread that runs \
         tokio's reactor",
        reqwest,
    ),
];

fn with_wrk(run: &Run, case: Net) -> Outcome {
    match wrk::is_there() {
        true => ordinary(run, case),
        false => Outcome::not_available("`wrk` is not installed (Debian's package wrk)"),
    }
}

fn with_h2load(run: &Run, case: Net) -> Outcome {
    match h2load::is_there() {
        true => ordinary(run, case),
        false => Outcome::not_available("`h2load` is not installed (Debian: nghttp2-client)"),
    }
}

/// The client is this process. The server is the hand-written loop, on the other core.
fn reqwest(run: &Run) -> Outcome {
    measured(|| {
        let server = Server::start(OfServer::Epoll, Service::Http, cases::HTTP_BUFFER)?;
        let time = Duration::from_millis(run.n);
        let (took, requests) = web::reqwest(run.peer, server.address, run.size as usize, time)?;
        let cost = took.cpu.as_nanos() as f64 / requests.max(1) as f64;
        let rate = requests as f64 / took.time.as_secs_f64();
        Ok(vec![
            Metric::new("client cpu", "ns", cost),
            Metric::new(RATE, "requests/s", rate).higher_is_better(),
        ])
    })
}
