//! The cases. Each file has the code of all peers; a macro has the code that is the same for all,
//! with the peer's calls as its arguments.

mod blocking;
mod channel;
mod memory;
mod remote;
mod sets;
mod shards;
mod spawn;
mod sync;
mod timer;
mod timer_fire;
mod wake;
mod yields;

use crate::case::{Case, Peer};

pub fn all() -> Vec<&'static Case> {
    let micro = [
        spawn::CASES,
        yields::CASES,
        wake::CASES,
        channel::CASES,
        sync::CASES,
        sets::CASES,
        timer::CASES,
        timer_fire::CASES,
        remote::CASES,
        blocking::CASES,
        shards::CASES,
    ];
    let scale = [spawn::SCALE, yields::SCALE, timer::SCALE, memory::CASES];
    let all = micro
        .into_iter()
        .chain([crate::net::CASES, crate::net::WEB_CASES])
        .chain(scale);
    all.flatten().chain(crate::own::case()).collect()
}

/// Powers of ten from one to a million.
const TO_A_MILLION: &[u64] = &[1, 10, 100, 1_000, 10_000, 100_000, 1_000_000];

const MONOIO_POLLS_AGAIN: &[(Peer, &str)] = &[(
    Peer::Monoio,
    "monoio 0.2.4 polls a task that yields again at once, before all others: \
     there is no change of tasks in its number",
)];
