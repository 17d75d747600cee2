//! A test of a cluster of `raft_kv` with failures, with three processes on this machine.
//!
//! ```text
//! cargo build --release -p wakeful-examples --features raft --examples
//! target/release/examples/raft_drill
//! ```
//!
//! While clients write and read, the leader is killed (`kill -9`) and later started with its disk,
//! a follower is stopped and continued, and in the end all three are killed at once. Then all data
//! of every node is compared: each node must have each acknowledged write, and no other key.
//!
//! `cluster` has the processes, `client` the protocol, `load` the clients and the record of the
//! acknowledged writes.

use std::path::PathBuf;
use std::process;
use std::time::Duration;

use wakeful::time::{Instant, timeout};
use wakeful_examples::Args;

mod client;
mod cluster;
mod load;

use client::{Client, Reply};
use cluster::{Cluster, NODES};
use load::{Book, Load};

const USAGE: &str = "\
usage: raft_drill [--node PROGRAM] [--writers N] [--writes N]

Starts three nodes of raft_kv on this machine, and kills and stops them while clients write.
  --node PROGRAM  the program of a node (raft_kv beside this one)
  --writers N     clients that write at the same time (16)
  --writes N      acknowledged writes between two blows (400)";

const LIMIT: Duration = Duration::from_secs(55);

#[wakeful::main]
async fn main() {
    let mut args = Args::from_env(USAGE);
    let program = args.option("--node", String::new());
    let writers = args.option("--writers", 16_usize);
    let writes = args.option("--writes", 400_usize);
    args.finish();
    let program = match &*program {
        "" => beside().unwrap_or_default(),
        given => given.into(),
    };
    let played = match Cluster::new(&program) {
        Ok(mut cluster) => {
            let played = timeout(LIMIT, play(&mut cluster, writers, writes)).await;
            cluster.end().await;
            played.unwrap_or_else(|_| Err(format!("the drill did not end within {LIMIT:?}")))
        }
        Err(sentence) => Err(sentence),
    };
    if let Err(sentence) = played {
        eprintln!("FAILED: {sentence}");
        process::exit(1);
    }
    println!("every node has all acknowledged writes, and no others");
}

fn beside() -> Option<PathBuf> {
    Some(std::env::current_exe().ok()?.with_file_name("raft_kv"))
}

async fn play(cluster: &mut Cluster, writers: usize, writes: usize) -> Result<(), String> {
    let start = Instant::now();
    let say = |what: String| println!("{:5.1} s  {what}", start.elapsed().as_secs_f64());
    for node in 0..NODES {
        cluster.start(node)?;
    }
    let first = cluster.leader().await?;
    say(format!("node {} leads", first + 1));
    let load = Load::start(writers, &cluster.addresses);
    load.more(writes).await?;

    cluster.kill(first).await?;
    say(format!(
        "{} writes; kill -9 of node {}",
        load.acknowledged(),
        first + 1
    ));
    let second = cluster.leader().await?;
    say(format!("node {} leads", second + 1));
    load.more(writes).await?;
    cluster.start(first)?;
    let entry = cluster.catch_up(first).await?;
    say(format!(
        "node {} runs again with its disk and has entry {entry}",
        first + 1
    ));

    let leader = cluster.leader().await?;
    let follower = (leader + 1) % NODES;
    cluster.pause(follower)?;
    // More entries than the log keeps after a snapshot, so that the follower gets a snapshot.
    load.more(900.max(writes)).await?;
    say(format!(
        "{} writes; node {} was stopped and continues",
        load.acknowledged(),
        follower + 1
    ));
    cluster.resume(follower)?;
    let entry = cluster.catch_up(follower).await?;
    say(format!("node {} has entry {entry}", follower + 1));

    for node in 0..NODES {
        cluster.kill(node).await?;
    }
    say(format!("{} writes; kill -9 of all", load.acknowledged()));
    for node in 0..NODES {
        cluster.start(node)?;
    }
    load.more(writes).await?;
    let leader = cluster.leader().await?;
    say(format!("node {} leads", leader + 1));

    let (book, figures) = load.finish().await?;
    say(figures);
    for node in 0..NODES {
        cluster.catch_up(node).await?;
        compare(&cluster.addresses[node], &book).await?;
        let bytes = cluster.log_size(node);
        say(format!(
            "node {} has all acknowledged writes; its log has {bytes} bytes",
            node + 1
        ));
    }
    Ok(())
}

/// Compares all data of a node with the acknowledged writes.
async fn compare(address: &str, book: &Book) -> Result<(), String> {
    let mut client = Client::new(address);
    for (key, value) in book {
        let reply = client.ask(&["LOCAL", key]).await;
        let reply = reply.map_err(|error| format!("{address}: {error}"))?;
        if reply != Reply::Value(value.clone()) {
            return Err(format!(
                "{address} has {reply:?} for {key}; acknowledged was {value:?}"
            ));
        }
    }
    let count = book.values().flatten().count();
    let size = client
        .ask(&["DBSIZE"])
        .await
        .map_err(|error| error.to_string())?;
    if size != Reply::Integer(count as i64) {
        return Err(format!(
            "{address} has {size:?} keys, and {count} were acknowledged"
        ));
    }
    Ok(())
}
