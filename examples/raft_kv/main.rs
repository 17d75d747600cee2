//! A replicated key-value store: three processes that agree by Raft, with `openraft` on Wakeful.
//!
//! ```text
//! P=127.0.0.1:7001,127.0.0.1:7002,127.0.0.1:7003
//! cargo run --release -p wakeful-examples --features raft --example raft_kv -- \
//!     --id 1 --peers $P --data /tmp/raft-1
//! ... the same with 2 and 3 in two more terminals, then:
//! redis-cli -c -p 7001 set greeting hello
//! ```
//!
//! A write that is answered with OK is on the disks of a majority, so it survives failures of the
//! other nodes. Reads are linearizable. A node that is not the leader names it, as `MOVED 0
//! ADDRESS`; `LOCAL key` reads the node's own copy, which may be out of date. Nodes do not
//! authenticate each other, so allow only trusted machines to connect to their port.
//!
//! One thread runs a whole node: Raft, disk completions, peers and clients. `types` has the types
//! of the cluster, `log` and `journal` are the log in memory and on disk, `machine` is the state
//! machine, `network` and `frame` send messages to other nodes, `client` serves clients.

use std::collections::BTreeMap;
use std::path::Path;
use std::process;
use std::rc::Rc;
use std::sync::Arc;

use openraft::async_runtime::watch::WatchReceiver;
use openraft::errors::{InitializeError, RaftError};
use openraft::{BasicNode, Config, Raft, SnapshotPolicy};
use wakeful::net::TcpStream;
use wakeful_examples::{Args, accept, check_address, listen, raise_descriptor_limit};

mod client;
mod frame;
mod journal;
mod log;
mod machine;
mod network;
#[allow(dead_code, reason = "the example `kv` uses more replies")]
#[path = "../kv/reply.rs"]
mod reply;
#[allow(dead_code, reason = "the example `kv` uses more of the parser")]
#[path = "../kv/resp.rs"]
mod resp;
#[cfg(test)]
mod tests;
mod types;

use client::Shared;
use log::Log;
use machine::Machine;
use network::Network;
use types::Node;

const USAGE: &str = "\
usage: raft_kv --id N --peers ADDRESS,ADDRESS,ADDRESS --data DIRECTORY [--snapshot-every N]

One node of a replicated key-value store, which speaks a part of the Redis protocol. All nodes are
given the same peers; node N listens at the Nth of them, and keeps what it knows in DIRECTORY.
  --snapshot-every N  take a snapshot after N log entries, and forget those before (2000)";

#[wakeful::main]
async fn main() {
    let mut args = Args::from_env(USAGE);
    let id = args.option("--id", 0_u64);
    let peers = args.option("--peers", String::new());
    let data = args.option("--data", String::new());
    let snapshot_every = args.option("--snapshot-every", 2000_u64);
    args.finish();
    if let Err(sentence) = run(id, &peers, &data, snapshot_every).await {
        eprintln!("{sentence}");
        process::exit(1);
    }
}

async fn run(id: u64, peers: &str, data: &str, snapshot_every: u64) -> Result<(), String> {
    let members = members(peers)?;
    let Some(me) = members.get(&id) else {
        return Err(format!(
            "--id is {id}; give a number from 1 to {}",
            members.len()
        ));
    };
    if data.is_empty() {
        return Err("--data is missing; give a directory that no other node uses".into());
    }
    raise_descriptor_limit();
    let directory = Path::new(data);
    let with_path = |error: std::io::Error| format!("cannot use {data}: {error}");
    wakeful::fs::create_dir_all(directory)
        .await
        .map_err(with_path)?;
    let _lock = journal::lock(directory).map_err(with_path)?;
    let log = Log::open(directory).await.map_err(with_path)?;
    let machine = Machine::open(directory).await.map_err(with_path)?;
    let listener = listen(&me.addr).await;
    let config = config(snapshot_every)?;
    let node = Raft::new(id, config, Network, log.clone(), machine.clone());
    let node = node.await.map_err(|error| error.to_string())?;
    wakeful::spawn(end_with(node.clone()));
    let shared = Rc::new(Shared { node, machine, log });
    let joining = shared.clone();
    wakeful::spawn(async move { join(&joining.node, members).await });
    loop {
        let (stream, _) = accept(&listener).await;
        let shared = shared.clone();
        wakeful::spawn(async move {
            // An error of one connection does not affect the others.
            let _ = serve(&stream, &shared).await;
        });
    }
}

/// Accepts peers and clients on one port. The first byte of a connection tells which it is.
async fn serve(stream: &TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut first = [0];
    match stream.peek(&mut first).await? {
        0 => Ok(()),
        _ if frame::is_peer(first[0]) => network::serve(stream, &shared.node).await,
        _ => client::serve(stream, shared).await,
    }
}

/// Returns the nodes by their numbers, which are their places in the list.
fn members(peers: &str) -> Result<BTreeMap<u64, BasicNode>, String> {
    let mut members = BTreeMap::new();
    for (number, address) in (1..).zip(peers.split(',')) {
        check_address(address).map_err(|error| format!("--peers: {error}"))?;
        members.insert(number, BasicNode::new(address));
    }
    Ok(members)
}

fn config(snapshot_every: u64) -> Result<Arc<Config>, String> {
    let config = Config {
        cluster_name: "raft_kv".into(),
        heartbeat_interval: 100,
        election_timeout_min: 500,
        election_timeout_max: 1000,
        snapshot_policy: SnapshotPolicy::LogsSinceLast(snapshot_every.max(1)),
        max_in_snapshot_log_to_keep: snapshot_every / 10,
        // A leader that restarts must be elected again. Its followers may have entries that it had
        // not on its own disk: if it remained the leader, it would give their indices to other
        // entries, and the two could not be distinguished. It would also not know the committed
        // entries after its snapshot, and would serve reads from the snapshot.
        enable_leader_restore: Some(false),
        ..Config::default()
    };
    let config = config.validate().map_err(|error| error.to_string())?;
    Ok(Arc::new(config))
}

/// Creates the cluster at the first start. All nodes call this, and openraft ensures that only one
/// cluster is created.
async fn join(node: &Node, members: BTreeMap<u64, BasicNode>) {
    match node.initialize(members).await {
        Ok(()) | Err(RaftError::APIError(InitializeError::NotAllowed(_))) => {}
        Err(error) => eprintln!("cannot create the cluster: {error}"),
    }
}

/// Ends the process if the disk fails or Raft panics, so that the other nodes elect a new leader.
async fn end_with(node: Node) {
    let mut metrics = node.metrics();
    let why = loop {
        let state = metrics.borrow_watched().running_state.clone();
        if let Err(error) = state {
            break error.to_string();
        }
        if metrics.changed().await.is_err() {
            break "its Raft task has ended".into();
        }
    };
    eprintln!("this node has stopped: {why}");
    process::exit(1);
}
