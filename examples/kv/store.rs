//! The keys, their values and their deadlines. Reads no clock: calls that depend on the time take
//! it as an argument, in milliseconds since the start of the server.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

type Key = Rc<[u8]>;

/// Milliseconds since the start of the server.
pub(crate) type Millis = u64;

struct Entry {
    value: Vec<u8>,
    deadline: Option<Millis>,
}

impl Entry {
    fn is_live(&self, now: Millis) -> bool {
        self.deadline.is_none_or(|deadline| now < deadline)
    }
}

/// The effect of a SET on the deadline of its key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Expiry {
    Never,
    Keep,
    At(Millis),
}

/// A key whose deadline has passed counts as absent in every call; [`Store::sweep`] frees it.
#[derive(Default)]
pub(crate) struct Store {
    entries: HashMap<Key, Entry>,
    /// Each key that has a deadline, the earliest first.
    deadlines: BTreeSet<(Millis, Key)>,
}

impl Store {
    /// Returns the number of keys, including expired keys that have not been freed.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns the number of keys with a deadline.
    pub(crate) fn expiring(&self) -> usize {
        self.deadlines.len()
    }

    pub(crate) fn get(&self, key: &[u8], now: Millis) -> Option<&[u8]> {
        let entry = self.entries.get(key)?;
        entry.is_live(now).then_some(&entry.value)
    }

    pub(crate) fn contains(&self, key: &[u8], now: Millis) -> bool {
        self.get(key, now).is_some()
    }

    pub(crate) fn set(&mut self, key: &[u8], value: &[u8], expiry: Expiry, now: Millis) {
        let before = match self.entries.get_mut(key) {
            Some(entry) => {
                // The capacity of a long value is not kept for a short one.
                if entry.value.capacity() / 4 > value.len() + 16 {
                    entry.value = Vec::new();
                }
                let was_live = entry.is_live(now);
                entry.value.clear();
                entry.value.extend_from_slice(value);
                if expiry == Expiry::Keep && was_live {
                    return;
                }
                entry.deadline
            }
            None => {
                let entry = Entry {
                    value: value.to_vec(),
                    deadline: None,
                };
                self.entries.insert(Key::from(key), entry);
                None
            }
        };
        let deadline = match expiry {
            Expiry::At(deadline) => Some(deadline),
            Expiry::Never | Expiry::Keep => None,
        };
        if before != deadline {
            self.set_deadline(key, deadline);
        }
    }

    /// Returns a mutable reference to a value.
    pub(crate) fn value_mut(&mut self, key: &[u8], now: Millis) -> Option<&mut Vec<u8>> {
        let entry = self.entries.get_mut(key)?;
        entry.is_live(now).then_some(&mut entry.value)
    }

    /// Removes a key. Returns whether it existed.
    pub(crate) fn remove(&mut self, key: &[u8], now: Millis) -> bool {
        let Some((key, entry)) = self.entries.remove_entry(key) else {
            return false;
        };
        let was_live = entry.is_live(now);
        if let Some(deadline) = entry.deadline {
            self.deadlines.remove(&(deadline, key));
        }
        was_live
    }

    pub(crate) fn clear(&mut self) {
        *self = Store::default();
    }

    /// Returns the deadline of a key: `None` if the key does not exist, `Some(None)` if it never
    /// expires.
    pub(crate) fn deadline(&self, key: &[u8], now: Millis) -> Option<Option<Millis>> {
        let entry = self.entries.get(key)?;
        entry.is_live(now).then_some(entry.deadline)
    }

    /// Sets or removes the deadline of a key, which must exist.
    pub(crate) fn set_deadline(&mut self, key: &[u8], deadline: Option<Millis>) {
        let Some((key, _)) = self.entries.get_key_value(key) else {
            return;
        };
        let key = key.clone();
        let Some(entry) = self.entries.get_mut(&key) else {
            return;
        };
        if let Some(before) = std::mem::replace(&mut entry.deadline, deadline) {
            self.deadlines.remove(&(before, key.clone()));
        }
        if let Some(deadline) = deadline {
            self.deadlines.insert((deadline, key));
        }
    }

    pub(crate) fn keys(&self, now: Millis) -> impl Iterator<Item = &[u8]> {
        self.entries
            .iter()
            .filter(move |(_, entry)| entry.is_live(now))
            .map(|(key, _)| &**key)
    }

    /// Frees up to `limit` keys whose deadline has passed, and returns their number. The limit
    /// keeps the loop free for clients when many keys expire at once.
    pub(crate) fn sweep(&mut self, now: Millis, limit: usize) -> usize {
        let mut freed = 0;
        while freed < limit {
            match self.deadlines.first() {
                Some((deadline, _)) if *deadline <= now => {}
                _ => break,
            }
            if let Some((_, key)) = self.deadlines.pop_first() {
                self.entries.remove(&key);
                freed += 1;
            }
        }
        freed
    }
}
