//! Serves clients, with a part of the Redis protocol: SET, GET, DEL, and the state of one node.

use std::fmt::Display;
use std::io;
use std::time::Duration;

use openraft::ReadPolicy;
use openraft::errors::{ClientWriteError, ForwardToLeader, LinearizableReadError, RaftError};
use wakeful::net::TcpStream;
use wakeful::time::timeout;
use wakeful_examples::close_gently;

use super::log::Log;
use super::machine::{CAPACITY, Machine};
use super::reply;
use super::resp::{Args, Limits, Parser};
use super::types::{Answer, Command, Node, Types};

/// The largest key or value.
const MAX_BULK: usize = 1024 * 1024;
/// The time that a majority has to agree.
const PATIENCE: Duration = Duration::from_secs(5);

/// A node, with the parts of it that clients read.
pub(crate) struct Shared {
    pub(crate) node: Node,
    pub(crate) machine: Machine,
    pub(crate) log: Log,
}

/// Serves a client until it closes. A malformed request is answered with an error, and the
/// connection ends.
pub(crate) async fn serve(stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut parser = Parser::new(Limits {
        max_args: 1024,
        max_request: 2 * MAX_BULK,
        ..Limits::with_max_bulk(MAX_BULK)
    });
    let (mut input, mut replies, mut buffer) = (Vec::new(), Vec::new(), vec![0; 16 * 1024]);
    loop {
        let length = match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            length => length,
        };
        input.extend_from_slice(&buffer[..length]);
        loop {
            match parser.advance(&input) {
                Ok(Some(length)) => {
                    shared.execute(parser.args(&input), &mut replies).await;
                    parser.start_over();
                    input.drain(..length);
                }
                Ok(None) => break,
                Err(error) => {
                    reply::error(&mut replies, &format!("ERR Protocol error: {}", error.0));
                    stream.write_all(&replies).await?;
                    return close_gently(stream).await;
                }
            }
        }
        stream.write_all(&replies).await?;
        replies.clear();
    }
}

impl Shared {
    async fn execute(&self, args: Args<'_>, out: &mut Vec<u8>) {
        let mut words = Vec::with_capacity(args.len());
        for at in 0..args.len() {
            match std::str::from_utf8(&args[at]) {
                Ok(word) => words.push(word),
                Err(error) => {
                    let sentence = format!("ERR argument {at} is not UTF-8: {error}");
                    return reply::error(out, &sentence);
                }
            }
        }
        let Some((name, rest)) = words.split_first() else {
            return;
        };
        match (&*name.to_ascii_uppercase(), rest) {
            ("PING", []) => reply::status(out, "PONG"),
            // `redis-cli` sends these when it starts.
            ("COMMAND", _) => reply::array(out, 0),
            ("SET", [key, value]) => {
                let (key, value) = (key.to_string(), value.to_string());
                self.write(Command::Set { key, value }, out).await;
            }
            ("DEL", keys @ [_, ..]) => {
                let keys = keys.iter().map(|key| key.to_string()).collect();
                self.write(Command::Del { keys }, out).await;
            }
            ("GET", [key]) => self.read(key, out).await,
            ("LOCAL", [key]) => {
                reply::value(out, self.machine.get(key).as_deref().map(str::as_bytes));
            }
            ("DBSIZE", []) => reply::count(out, self.machine.len()),
            ("INFO", _) => reply::bulk(out, self.info().as_bytes()),
            ("SET" | "DEL" | "GET" | "LOCAL" | "DBSIZE" | "PING", _) => {
                let sentence = format!("ERR wrong number of arguments for '{name}'");
                reply::error(out, &sentence);
            }
            _ => {
                let name: String = name.chars().take(64).collect();
                let known = "SET, GET, DEL, LOCAL, DBSIZE, INFO, PING";
                reply::error(out, &format!("ERR unknown command '{name}'; try {known}"));
            }
        }
    }

    /// Writes, and answers when a majority has the entry on disk and this node has applied it.
    async fn write(&self, command: Command, out: &mut Vec<u8>) {
        let written = timeout(PATIENCE, self.node.client_write(command)).await;
        match written {
            Ok(Ok(response)) => match response.data {
                Answer::Done => reply::status(out, "OK"),
                Answer::Removed(count) => reply::count(out, count),
                Answer::Full => {
                    let sentence = format!("OOM the store is full: {CAPACITY} bytes; remove keys");
                    reply::error(out, &sentence);
                }
            },
            Ok(Err(RaftError::APIError(ClientWriteError::ForwardToLeader(leader)))) => {
                forward(&leader, out);
            }
            Ok(Err(error @ RaftError::APIError(_))) => unknown(error, out),
            Ok(Err(RaftError::Fatal(error))) => stopped(error, out),
            Err(_) => unknown(format!("no majority within {PATIENCE:?}"), out),
        }
    }

    /// Reads the latest value, after a majority has confirmed that this node is the leader.
    async fn read(&self, key: &str, out: &mut Vec<u8>) {
        let look = self.node.ensure_linearizable(ReadPolicy::ReadIndex);
        match timeout(PATIENCE, look).await {
            Ok(Ok(_)) => reply::value(out, self.machine.get(key).as_deref().map(str::as_bytes)),
            Ok(Err(RaftError::APIError(LinearizableReadError::ForwardToLeader(leader)))) => {
                forward(&leader, out);
            }
            Ok(Err(RaftError::APIError(error))) => {
                reply::error(out, &format!("CLUSTERDOWN {error}; try again"));
            }
            Ok(Err(RaftError::Fatal(error))) => stopped(error, out),
            Err(_) => {
                let sentence = format!("CLUSTERDOWN no majority within {PATIENCE:?}; try again");
                reply::error(out, &sentence);
            }
        }
    }

    fn info(&self) -> String {
        let metrics =
            openraft::async_runtime::watch::WatchReceiver::borrow_watched(&self.node.metrics())
                .clone();
        let index = |id: Option<super::types::LogId>| id.map_or(0, |id| id.index);
        format!(
            "id:{}\r\nstate:{:?}\r\nterm:{}\r\nleader:{}\r\napplied:{}\r\nsnapshot:{}\r\nlog_entries:{}\r\n",
            metrics.id,
            metrics.state,
            metrics.current_term,
            metrics.current_leader.unwrap_or(0),
            // The metrics of openraft are updated shortly after clients are answered.
            index(self.machine.applied()),
            index(metrics.snapshot),
            self.log.len(),
        )
    }
}

/// Replies as Redis Cluster does, so that `redis-cli -c` follows to the leader.
fn forward(leader: &ForwardToLeader<Types>, out: &mut Vec<u8>) {
    match &leader.leader_node {
        Some(node) => reply::error(out, &format!("MOVED 0 {}", node.addr)),
        None => reply::error(out, "CLUSTERDOWN no leader is known; try again"),
    }
}

fn unknown(error: impl Display, out: &mut Vec<u8>) {
    let sentence = format!("TRYAGAIN the write may or may not be carried out: {error}");
    reply::error(out, &sentence);
}

fn stopped(error: impl Display, out: &mut Vec<u8>) {
    reply::error(out, &format!("ERR this node has stopped: {error}"));
}
