//! The keys, their expiry, and the channels.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tokio::sync::{Notify, broadcast};
use tokio::time::{self, Duration, Instant};

/// The database. Clones share it; the last one that is dropped ends the task that removes keys.
#[derive(Debug)]
pub struct Db {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Notified if the next expiry has changed, and when the database ends.
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    entries: HashMap<String, Entry>,
    expiries: BTreeSet<(Instant, String)>,
    channels: HashMap<String, broadcast::Sender<Bytes>>,
    owners: usize,
}

#[derive(Debug)]
struct Entry {
    value: Bytes,
    expires: Option<Instant>,
}

impl Db {
    /// Makes an empty database, and starts the task that removes expired keys.
    pub fn new() -> Db {
        let shared = Arc::new(Shared::default());
        shared.state.lock().unwrap().owners = 1;
        tokio::spawn(remove_expired(shared.clone()));
        Db { shared }
    }

    pub fn get(&self, key: &str) -> Option<Bytes> {
        let state = self.shared.state.lock().unwrap();
        let entry = state.entries.get(key)?;
        let expired = entry
            .expires
            .is_some_and(|expires| expires <= Instant::now());
        (!expired).then(|| entry.value.clone())
    }

    pub fn set(&self, key: String, value: Bytes, lifetime: Option<Duration>) {
        let expires = lifetime.and_then(|lifetime| Instant::now().checked_add(lifetime));
        let mut state = self.shared.state.lock().unwrap();
        let first = state.expiries.first().map(|(expires, _)| *expires);
        let before = state.entries.insert(key.clone(), Entry { value, expires });
        if let Some(expires) = before.and_then(|entry| entry.expires) {
            state.expiries.remove(&(expires, key.clone()));
        }
        if let Some(expires) = expires {
            state.expiries.insert((expires, key));
        }
        let changed = state.expiries.first().map(|(expires, _)| *expires) != first;
        drop(state);
        if changed {
            self.shared.changed.notify_one();
        }
    }

    /// Removes a key, and returns whether it was there.
    pub fn remove(&self, key: &str) -> bool {
        let mut state = self.shared.state.lock().unwrap();
        let Some(entry) = state.entries.remove(key) else {
            return false;
        };
        if let Some(expires) = entry.expires {
            state.expiries.remove(&(expires, key.to_owned()));
            return expires > Instant::now();
        }
        true
    }

    /// Returns the number of keys, including those that are about to be removed.
    pub fn len(&self) -> usize {
        self.shared.state.lock().unwrap().entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn subscribe(&self, channel: &str) -> broadcast::Receiver<Bytes> {
        let mut state = self.shared.state.lock().unwrap();
        match state.channels.get(channel) {
            Some(sender) => sender.subscribe(),
            None => {
                let (sender, receiver) = broadcast::channel(1024);
                state.channels.insert(channel.to_owned(), sender);
                receiver
            }
        }
    }

    /// Sends a message to all subscribers of a channel, and returns their number.
    pub fn publish(&self, channel: &str, message: Bytes) -> usize {
        let mut state = self.shared.state.lock().unwrap();
        let Some(sender) = state.channels.get(channel) else {
            return 0;
        };
        let count = sender.send(message).unwrap_or(0);
        if count == 0 {
            state.channels.remove(channel);
        }
        count
    }

    /// Writes all keys and values to a file, on a thread that may block.
    pub async fn save(&self, path: PathBuf) -> std::io::Result<usize> {
        let shared = self.shared.clone();
        let saved = tokio::task::spawn_blocking(move || {
            let state = shared.state.lock().unwrap();
            let mut text = Vec::new();
            for (key, entry) in &state.entries {
                text.extend(format!("{key}={}\n", entry.value.escape_ascii()).bytes());
            }
            let count = state.entries.len();
            drop(state);
            std::fs::write(path, text).map(|()| count)
        });
        saved.await?
    }
}

impl Default for Db {
    fn default() -> Db {
        Db::new()
    }
}

impl Clone for Db {
    fn clone(&self) -> Db {
        self.shared.state.lock().unwrap().owners += 1;
        let shared = self.shared.clone();
        Db { shared }
    }
}

impl Drop for Db {
    fn drop(&mut self) {
        self.shared.state.lock().unwrap().owners -= 1;
        self.shared.changed.notify_one();
    }
}

async fn remove_expired(shared: Arc<Shared>) {
    loop {
        let next = {
            let mut state = shared.state.lock().unwrap();
            if state.owners == 0 {
                return;
            }
            let now = Instant::now();
            while let Some((_, key)) = state.expiries.pop_first_if(now) {
                state.entries.remove(&key);
            }
            state.expiries.first().map(|(expires, _)| *expires)
        };
        match next {
            Some(expires) => tokio::select! {
                () = time::sleep_until(expires) => {}
                () = shared.changed.notified() => {}
            },
            None => shared.changed.notified().await,
        }
    }
}

trait PopFirstIf {
    /// Takes the first expiry out if it has passed.
    fn pop_first_if(&mut self, now: Instant) -> Option<(Instant, String)>;
}

impl PopFirstIf for BTreeSet<(Instant, String)> {
    fn pop_first_if(&mut self, now: Instant) -> Option<(Instant, String)> {
        self.first()
            .is_some_and(|(expires, _)| *expires <= now)
            .then(|| self.pop_first())?
    }
}
