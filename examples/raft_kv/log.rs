//! The log that Raft uses. Entries are in memory, for reading, and are written to the journal; Raft
//! is notified when they are on the disk.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io;
use std::ops::RangeBounds;
use std::path::Path;
use std::rc::Rc;

use async_channel::{Receiver, Sender};
use openraft::storage::{IOFlushed, RaftLogStorage};
use openraft::{EntryPayload, LogState, RaftLogReader};
use serde::{Deserialize, Serialize};

use super::journal::{Journal, Lines};
use super::types::{Command, Entry, LogId, Types, Vote};

/// The largest size of the commands sent to a peer at once. A larger command is sent alone.
const BATCH: usize = 4 * 1024 * 1024;

/// A change of the log, as stored in the journal. Applying it twice has the same effect as once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Change {
    Vote(Vote),
    Append(Entry),
    /// Removes all later entries.
    Truncate(Option<LogId>),
    /// Removes all entries up to this one.
    Purge(LogId),
}

/// The state that results from all changes so far.
#[derive(Default)]
pub(crate) struct Contents {
    pub(crate) vote: Option<Vote>,
    pub(crate) purged: Option<LogId>,
    pub(crate) entries: BTreeMap<u64, Entry>,
}

impl Lines for Contents {
    type Line = Change;

    fn apply(&mut self, change: Change) {
        match change {
            Change::Vote(vote) => self.vote = Some(vote),
            Change::Append(entry) => {
                self.entries.insert(entry.log_id.index, entry);
            }
            Change::Truncate(last) => {
                let next = last.map_or(0, |id| id.index + 1);
                self.entries.split_off(&next);
            }
            Change::Purge(id) => {
                self.purged = self.purged.max(Some(id));
                self.entries = self.entries.split_off(&(id.index + 1));
            }
        }
    }

    fn lines(&self) -> Vec<Change> {
        let vote = self.vote.map(Change::Vote);
        let purged = self.purged.map(Change::Purge);
        let entries = self.entries.values().cloned().map(Change::Append);
        vote.into_iter().chain(purged).chain(entries).collect()
    }
}

/// A change that is to be written, and the callers to notify.
struct Job {
    changes: Vec<Change>,
    done: Done,
}

enum Done {
    Raft(IOFlushed<Types>),
    Caller(Sender<io::Result<()>>),
    Unobserved,
}

/// The log. Clones are the same log.
#[derive(Clone)]
pub(crate) struct Log {
    contents: Rc<RefCell<Contents>>,
    jobs: Sender<Job>,
}

impl Log {
    /// Reads the log in the directory, and starts the task that writes.
    pub(crate) async fn open(directory: &Path) -> io::Result<Log> {
        let (journal, contents) = Journal::open(directory.join("log")).await?;
        let contents = Rc::new(RefCell::new(contents));
        let (jobs, queue) = async_channel::unbounded();
        wakeful::spawn(write_all(journal, contents.clone(), queue));
        Ok(Log { contents, jobs })
    }

    /// Returns the number of entries.
    pub(crate) fn len(&self) -> usize {
        self.contents.borrow().entries.len()
    }

    fn change(&self, changes: Vec<Change>, done: Done) -> io::Result<()> {
        let mut contents = self.contents.borrow_mut();
        for change in &changes {
            contents.apply(change.clone());
        }
        let sent = self.jobs.try_send(Job { changes, done });
        sent.map_err(|_| io::Error::other("the task that writes the log has ended"))
    }
}

/// Writes all changes that have arrived with one sync, again and again.
async fn write_all(mut journal: Journal, contents: Rc<RefCell<Contents>>, queue: Receiver<Job>) {
    while let Ok(first) = queue.recv().await {
        let (mut changes, mut waiting) = (first.changes, vec![first.done]);
        while let Ok(job) = queue.try_recv() {
            changes.extend(job.changes);
            waiting.push(job.done);
        }
        let written = journal.append(&changes).await;
        for done in waiting {
            let result = match &written {
                Ok(()) => Ok(()),
                Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
            };
            match done {
                Done::Raft(callback) => callback.io_completed(result),
                // An error means that the caller does not wait any more.
                Done::Caller(caller) => drop(caller.try_send(result)),
                Done::Unobserved => {}
            }
        }
        if journal.is_mostly_old() {
            let lines = contents.borrow().lines();
            // If it fails, the next write to the journal returns the error.
            let _ = journal.rewrite(&lines).await;
        }
    }
}

impl RaftLogReader<Types> for Log {
    async fn try_get_log_entries<R: RangeBounds<u64> + Clone + Debug>(
        &mut self,
        range: R,
    ) -> io::Result<Vec<Entry>> {
        let contents = self.contents.borrow();
        let found = contents.entries.range(range);
        Ok(found.map(|(_, entry)| entry.clone()).collect())
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> io::Result<Vec<Entry>> {
        let contents = self.contents.borrow();
        let mut entries = Vec::new();
        let mut bytes = 0;
        for (_, entry) in contents.entries.range(start..end) {
            bytes += size(entry);
            if bytes > BATCH && !entries.is_empty() {
                break;
            }
            entries.push(entry.clone());
        }
        Ok(entries)
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        Ok(self.contents.borrow().vote)
    }
}

fn size(entry: &Entry) -> usize {
    match &entry.payload {
        EntryPayload::Normal(Command::Set { key, value }) => key.len() + value.len(),
        EntryPayload::Normal(Command::Del { keys }) => keys.iter().map(String::len).sum(),
        EntryPayload::Blank | EntryPayload::Membership(_) => 0,
    }
}

impl RaftLogStorage<Types> for Log {
    type LogReader = Log;

    async fn get_log_state(&mut self) -> io::Result<LogState<Types>> {
        let contents = self.contents.borrow();
        let last = contents.entries.values().next_back();
        Ok(LogState {
            last_purged_log_id: contents.purged,
            last_log_id: last.map(|entry| entry.log_id).or(contents.purged),
        })
    }

    async fn get_log_reader(&mut self) -> Log {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        let (caller, answer) = async_channel::bounded(1);
        self.change(vec![Change::Vote(*vote)], Done::Caller(caller))?;
        let answer = answer.recv().await;
        answer.unwrap_or_else(|_| Err(io::Error::other("the task that writes the log has ended")))
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<Types>) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry>,
    {
        let changes = entries.into_iter().map(Change::Append).collect();
        self.change(changes, Done::Raft(callback))
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> io::Result<()> {
        self.change(vec![Change::Truncate(last)], Done::Unobserved)
    }

    async fn purge(&mut self, id: LogId) -> io::Result<()> {
        self.change(vec![Change::Purge(id)], Done::Unobserved)
    }
}
