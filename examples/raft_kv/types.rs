//! The commands in the log, and the types with which openraft is configured.

use std::collections::BTreeMap;
use std::fmt;

use openraft::{BasicNode, Raft, declare_raft_types};
use serde::{Deserialize, Serialize};
use wakeful_openraft::WakefulRuntime;

use super::machine::Machine;

declare_raft_types!(
    /// The cluster. A node has a number and an address.
    pub(crate) Types: D = Command, R = Answer, Node = BasicNode, AsyncRuntime = WakefulRuntime
);

pub(crate) type LogId = openraft::type_config::alias::LogIdOf<Types>;
pub(crate) type Entry = openraft::type_config::alias::EntryOf<Types>;
pub(crate) type Vote = openraft::type_config::alias::VoteOf<Types>;
pub(crate) type Membership = openraft::type_config::alias::StoredMembershipOf<Types>;
pub(crate) type SnapshotMeta = openraft::type_config::alias::SnapshotMetaOf<Types>;
pub(crate) type Snapshot = openraft::type_config::alias::SnapshotOf<Types, Map>;
pub(crate) type Node = Raft<Types, Machine>;

/// The keys and their values.
pub(crate) type Map = BTreeMap<String, String>;

/// A change by a client.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Command {
    Set { key: String, value: String },
    Del { keys: Vec<String> },
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Command::Set { key, value } => write!(f, "SET {key}, {} bytes", value.len()),
            Command::Del { keys } => write!(f, "DEL {}", keys.join(" ")),
        }
    }
}

/// The result of a command, the same on every node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Answer {
    Done,
    Removed(usize),
    /// The store would exceed the largest size of a snapshot.
    Full,
}
