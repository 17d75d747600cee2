//! Runs a case: all its peers in turn, slice by slice.

use std::io;
use std::time::Duration;

use super::cases::{Case, Kind};
use super::load::Latencies;
use super::machine;
use super::measure::{self, Bout, Bytes, Sample};
use super::peers::Peer;
use super::syscalls::Tool;

/// Which peers are measured, how often, and for how long.
#[derive(Clone, Debug)]
pub struct Plan {
    pub peers: Vec<Peer>,
    pub rounds: usize,
    /// The length of a slice: one peer in one round.
    pub slice: Duration,
    pub tool: Option<Tool>,
}

/// The result of one peer in one case.
pub struct Outcome {
    pub peer: Peer,
    /// One sample for each round.
    pub samples: Vec<Sample>,
    /// Plain echo in the same rounds, if the case is compared with it.
    pub echo: Vec<Sample>,
    pub latencies: Option<Latencies>,
    /// The number of system calls for each request.
    pub syscalls: Option<f64>,
    pub bytes: Option<Bytes>,
    /// The first error. Earlier samples are kept.
    pub error: Option<io::Error>,
}

/// The state of a peer in a case.
struct Place {
    outcome: Outcome,
    bout: Option<Bout>,
    echo: Option<Bout>,
}

/// Limit of the rounds of a case with many connections, or with `wrk`, which runs whole seconds.
const LONG_ROUNDS: usize = 5;

/// Runs a case. Returns the results of its peers.
pub fn case(case: &Case, plan: &Plan) -> Vec<Outcome> {
    let mut places: Vec<Place> = peers(case, plan).into_iter().map(Place::new).collect();
    if case.kind == Kind::Memory {
        for place in &mut places {
            place.note(|place| {
                place.outcome.bytes = Some(measure::memory(case, place.outcome.peer)?);
                Ok(())
            });
        }
    } else if open_at_once(case) * places.len() <= machine::connections() {
        interleaved(case, plan, &mut places);
    } else {
        // Too many connections to be open at once: each peer opens its own again in each round.
        for round in 0..rounds(case, plan) {
            let count = places.len();
            for turn in 0..count {
                let place = &mut places[(turn + round) % count];
                interleaved_round(case, plan, round, place);
                place.close();
            }
        }
    }
    places.into_iter().map(Place::finish).collect()
}

/// Returns the number of open connections of one peer.
fn open_at_once(case: &Case) -> usize {
    match case.kind {
        Kind::AgainstEcho => 2 * case.connections,
        _ => case.connections,
    }
}

fn peers(case: &Case, plan: &Plan) -> Vec<Peer> {
    let mut peers = plan.peers.clone();
    peers.retain(|peer| case.has(*peer));
    peers
}

fn rounds(case: &Case, plan: &Plan) -> usize {
    match case.kind {
        Kind::Wrk => plan.rounds.min(LONG_ROUNDS),
        _ if case.connections > 2000 => plan.rounds.min(LONG_ROUNDS),
        _ => plan.rounds,
    }
}

fn interleaved(case: &Case, plan: &Plan, places: &mut [Place]) {
    let count = places.len();
    for round in 0..rounds(case, plan) {
        for turn in 0..count {
            // Rotate the order, so that the slowest peer does not always precede the same one.
            let place = &mut places[(turn + round) % count];
            interleaved_round(case, plan, round, place);
        }
    }
}

fn interleaved_round(case: &Case, plan: &Plan, round: usize, place: &mut Place) {
    place.note(|place| {
        place.open(case, plan)?;
        place.slice(plan.slice)?;
        if round == 0 {
            place.count(case, plan)?;
        }
        Ok(())
    });
}

impl Place {
    fn new(peer: Peer) -> Place {
        let outcome = Outcome {
            peer,
            samples: Vec::new(),
            echo: Vec::new(),
            latencies: None,
            syscalls: None,
            bytes: None,
            error: None,
        };
        Place {
            outcome,
            bout: None,
            echo: None,
        }
    }

    /// Runs `work` unless an earlier step failed, and stores its error.
    fn note(&mut self, work: impl FnOnce(&mut Place) -> io::Result<()>) {
        if self.outcome.error.is_none() {
            self.outcome.error = work(self).err();
        }
        if self.outcome.error.is_some() {
            self.close();
        }
    }

    fn open(&mut self, case: &Case, plan: &Plan) -> io::Result<()> {
        let peer = self.outcome.peer;
        if self.bout.is_none() {
            let mut bout = Bout::open(case, peer)?;
            bout.warm(plan.slice)?;
            self.bout = Some(bout);
        }
        if self.echo.is_none() && case.kind == Kind::AgainstEcho {
            let mut bout = Bout::open(&measure::plain(case), peer)?;
            bout.warm(plan.slice)?;
            self.echo = Some(bout);
        }
        Ok(())
    }

    fn slice(&mut self, time: Duration) -> io::Result<()> {
        if let Some(bout) = &mut self.echo {
            self.outcome.echo.push(bout.slice(time)?);
        }
        if let Some(bout) = &mut self.bout {
            self.outcome.samples.push(bout.slice(time)?);
        }
        Ok(())
    }

    fn count(&mut self, case: &Case, plan: &Plan) -> io::Result<()> {
        if let (Some(bout), Some(tool)) = (&mut self.bout, plan.tool) {
            // The connections that wrk opens would be counted with the requests.
            if case.kind != Kind::Wrk {
                self.outcome.syscalls = Some(bout.syscalls(plan.slice, tool)?);
            }
        }
        Ok(())
    }

    /// Ends the servers and stores the latencies.
    fn close(&mut self) {
        self.echo = None;
        let Some(bout) = self.bout.take() else {
            return;
        };
        match &mut self.outcome.latencies {
            Some(all) => all.add(bout.latencies).expect("the same bounds"),
            none => *none = Some(bout.latencies),
        }
    }

    fn finish(mut self) -> Outcome {
        self.close();
        self.outcome
    }
}
