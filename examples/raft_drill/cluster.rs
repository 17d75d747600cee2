//! Three processes, their ports and their directories, which are removed when it is dropped.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use wakeful::net::TcpSocket;
use wakeful::process::{Child, Command};
use wakeful::time::{sleep, timeout};

use super::client::Client;

/// The limit for each wait.
const LIMIT: Duration = Duration::from_secs(20);

pub(crate) const NODES: usize = 3;

pub(crate) struct Cluster {
    program: PathBuf,
    directory: PathBuf,
    pub(crate) addresses: Vec<String>,
    nodes: Vec<Option<Child>>,
    /// Bound, but not listening, so that no other process gets these ports while nodes are down.
    _ports: Vec<TcpSocket>,
}

impl Cluster {
    pub(crate) fn new(program: &Path) -> Result<Cluster, String> {
        let name = format!("wakeful-raft-drill-{}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        let (mut ports, mut addresses) = (Vec::new(), Vec::new());
        for _ in 0..NODES {
            let (socket, address) = reserve().map_err(|error| format!("no port: {error}"))?;
            ports.push(socket);
            addresses.push(address);
        }
        Ok(Cluster {
            program: program.into(),
            directory,
            addresses,
            nodes: (0..NODES).map(|_| None).collect(),
            _ports: ports,
        })
    }

    /// Starts a node, for the first time or with the data on its disk.
    pub(crate) fn start(&mut self, node: usize) -> Result<(), String> {
        let data = self.directory.join((node + 1).to_string());
        let mut command = Command::new(&self.program);
        command
            .args(["--id", &(node + 1).to_string()])
            .args(["--peers", &self.addresses.join(",")])
            .args(["--snapshot-every", "500"])
            .arg("--data")
            .arg(data)
            .stdout(std::process::Stdio::null())
            .kill_on_drop(true);
        let child = command.spawn();
        let what = |error| format!("cannot start {}: {error}", self.program.display());
        self.nodes[node] = Some(child.map_err(what)?);
        Ok(())
    }

    fn pid(&self, node: usize) -> Result<Pid, String> {
        let child = self.nodes[node].as_ref();
        let id = child
            .and_then(Child::id)
            .and_then(|id| i32::try_from(id).ok());
        let gone = || format!("node {} does not run", node + 1);
        id.and_then(Pid::from_raw).ok_or_else(gone)
    }

    fn signal(&self, node: usize, signal: Signal) -> Result<(), String> {
        kill_process(self.pid(node)?, signal).map_err(|error| error.to_string())
    }

    /// Kills a node, and waits until it has ended.
    pub(crate) async fn kill(&mut self, node: usize) -> Result<(), String> {
        self.signal(node, Signal::KILL)?;
        if let Some(mut child) = self.nodes[node].take() {
            child.wait().await.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    pub(crate) fn pause(&self, node: usize) -> Result<(), String> {
        self.signal(node, Signal::STOP)
    }

    pub(crate) fn resume(&self, node: usize) -> Result<(), String> {
        self.signal(node, Signal::CONT)
    }

    /// Waits until a majority of the running nodes names the same running leader, and returns it.
    pub(crate) async fn leader(&mut self) -> Result<usize, String> {
        let running: Vec<usize> = (0..NODES).filter(|&at| self.nodes[at].is_some()).collect();
        let mut clients: Vec<Client> = running
            .iter()
            .map(|&at| Client::new(&self.addresses[at]))
            .collect();
        let mut found = 0;
        until("a leader that a majority knows", async || {
            let mut votes = [0; NODES + 1];
            for client in &mut clients {
                let leader = client.info("leader").await.unwrap_or(0) as usize;
                votes[leader.min(NODES)] += 1;
            }
            found = (1..=NODES).find(|&at| votes[at] * 2 > NODES).unwrap_or(0);
            found > 0 && running.contains(&(found - 1))
        })
        .await?;
        Ok(found - 1)
    }

    /// Waits until a node has applied as many entries as the most advanced node has now, which
    /// includes all acknowledged writes.
    pub(crate) async fn catch_up(&self, node: usize) -> Result<u64, String> {
        let mut goal = 0;
        for address in &self.addresses {
            // A node that was just started may not listen yet.
            let applied = Client::new(address).info("applied").await;
            goal = goal.max(applied.unwrap_or(0));
        }
        let mut client = Client::new(&self.addresses[node]);
        let what = format!("node {} to have entry {goal}", node + 1);
        until(&what, async || client.info("applied").await >= Some(goal)).await?;
        Ok(goal)
    }

    /// Ends all nodes that run.
    pub(crate) async fn end(&mut self) {
        for node in 0..NODES {
            // A node that has ended already is no error.
            let _ = self.kill(node).await;
        }
    }

    /// Returns the size of the log of a node on disk, in bytes.
    pub(crate) fn log_size(&self, node: usize) -> u64 {
        let path = self.directory.join((node + 1).to_string()).join("log");
        fs::metadata(path).map_or(0, |data| data.len())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Dropping the nodes kills them.
        self.nodes.clear();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn reserve() -> std::io::Result<(TcpSocket, String)> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind("127.0.0.1:0".parse().map_err(std::io::Error::other)?)?;
    let address = socket.local_addr()?.to_string();
    Ok((socket, address))
}

/// Repeats `ask` until it returns a value.
pub(crate) async fn until(what: &str, mut asks: impl AsyncFnMut() -> bool) -> Result<(), String> {
    let poll = async {
        while !asks().await {
            sleep(Duration::from_millis(20)).await;
        }
    };
    let waited = timeout(LIMIT, poll).await;
    waited.map_err(|_| format!("waited {LIMIT:?} for {what}, which did not happen"))
}
