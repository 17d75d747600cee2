//! The state machine: the keys and values that result from the log. A snapshot of them is on the
//! disk; the later entries are applied again from the log.

use std::cell::RefCell;
use std::io;
use std::path::PathBuf;
use std::rc::Rc;

use futures_util::lock::Mutex;
use futures_util::{Stream, TryStreamExt};
use openraft::storage::{EntryResponder, RaftStateMachine};
use openraft::{EntryPayload, RaftSnapshotBuilder};
use serde::{Deserialize, Serialize};

use super::journal;
use super::types::{Answer, Command, LogId, Map, Membership, Snapshot, SnapshotMeta, Types};

/// The largest size of all keys and values, so that a snapshot fits into a frame even as JSON.
pub(crate) const CAPACITY: usize = 16 * 1024 * 1024;

#[derive(Default)]
struct Contents {
    applied: Option<LogId>,
    membership: Membership,
    map: Map,
    bytes: usize,
}

impl Contents {
    fn execute(&mut self, command: Command) -> Answer {
        match command {
            Command::Set { key, value } => {
                let old = self
                    .map
                    .get(&key)
                    .map_or(0, |value| key.len() + value.len());
                let bytes = self.bytes - old + key.len() + value.len();
                if bytes > CAPACITY {
                    return Answer::Full;
                }
                self.bytes = bytes;
                self.map.insert(key, value);
                Answer::Done
            }
            Command::Del { keys } => {
                let mut removed = 0;
                for key in keys {
                    if let Some(value) = self.map.remove(&key) {
                        self.bytes -= key.len() + value.len();
                        removed += 1;
                    }
                }
                Answer::Removed(removed)
            }
        }
    }
}

/// The contents of the snapshot's file.
#[derive(Serialize, Deserialize)]
struct Saved {
    meta: SnapshotMeta,
    map: Map,
}

/// The state machine. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Machine {
    contents: Rc<RefCell<Contents>>,
    /// The contents of the file. Locked during a write, so that a snapshot built here does not
    /// replace a newer one that was received from the leader meanwhile.
    saved: Rc<Mutex<Option<LogId>>>,
    path: PathBuf,
}

impl Machine {
    /// Starts with the snapshot in the directory, if it exists.
    pub(crate) async fn open(directory: &std::path::Path) -> io::Result<Machine> {
        let path = directory.join("snapshot");
        let machine = Machine {
            contents: Rc::default(),
            saved: Rc::default(),
            path,
        };
        if let Some(saved) = machine.load().await? {
            *machine.saved.lock().await = saved.meta.last_log_id;
            machine.restore(&saved.meta, saved.map);
        }
        Ok(machine)
    }

    pub(crate) fn get(&self, key: &str) -> Option<String> {
        self.contents.borrow().map.get(key).cloned()
    }

    /// Returns the index of the last applied entry.
    pub(crate) fn applied(&self) -> Option<LogId> {
        self.contents.borrow().applied
    }

    /// Returns the number of keys.
    pub(crate) fn len(&self) -> usize {
        self.contents.borrow().map.len()
    }

    async fn load(&self) -> io::Result<Option<Saved>> {
        journal::read_one(&self.path).await
    }

    async fn save(&self, snapshot: &Saved) -> io::Result<()> {
        let mut saved = self.saved.lock().await;
        if snapshot.meta.last_log_id >= *saved {
            journal::write_one(&self.path, snapshot).await?;
            *saved = snapshot.meta.last_log_id;
        }
        Ok(())
    }

    fn restore(&self, meta: &SnapshotMeta, map: Map) {
        let bytes = map.iter().map(|(key, value)| key.len() + value.len()).sum();
        *self.contents.borrow_mut() = Contents {
            applied: meta.last_log_id,
            membership: meta.last_membership.clone(),
            map,
            bytes,
        };
    }
}

impl RaftStateMachine<Types> for Machine {
    type SnapshotData = Map;
    type SnapshotBuilder = Machine;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, Membership)> {
        let contents = self.contents.borrow();
        Ok((contents.applied, contents.membership.clone()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> io::Result<()>
    where
        S: Stream<Item = io::Result<EntryResponder<Types>>> + Unpin,
    {
        while let Some((entry, responder)) = entries.try_next().await? {
            let mut contents = self.contents.borrow_mut();
            contents.applied = Some(entry.log_id);
            let answer = match entry.payload {
                EntryPayload::Blank => Answer::Done,
                EntryPayload::Normal(command) => contents.execute(command),
                EntryPayload::Membership(members) => {
                    contents.membership = Membership::new(Some(entry.log_id), members);
                    Answer::Done
                }
            };
            drop(contents);
            if let Some(responder) = responder {
                responder.send(answer);
            }
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> Machine {
        self.clone()
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta, map: Map) -> io::Result<()> {
        let saved = Saved {
            meta: meta.clone(),
            map,
        };
        self.save(&saved).await?;
        self.restore(meta, saved.map);
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<Snapshot>> {
        let saved = self.load().await?;
        Ok(saved.map(|Saved { meta, map }| Snapshot {
            meta,
            snapshot: map,
        }))
    }
}

impl RaftSnapshotBuilder<Types> for Machine {
    type SnapshotData = Map;

    async fn build_snapshot(&mut self) -> io::Result<Snapshot> {
        let saved = {
            let contents = self.contents.borrow();
            let meta = SnapshotMeta {
                last_log_id: contents.applied,
                last_membership: contents.membership.clone(),
            };
            let map = contents.map.clone();
            Saved { meta, map }
        };
        self.save(&saved).await?;
        Ok(Snapshot {
            meta: saved.meta,
            snapshot: saved.map,
        })
    }
}
