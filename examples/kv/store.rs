//! The keys, their values and their deadlines. No clock in here: every call that depends on the
//! time is told it, in milliseconds since the server's start.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

type Key = Rc<[u8]>;

/// Milliseconds since the server's start.
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

/// What becomes of a key's deadline when its value is set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Expiry {
    Never,
    Keep,
    At(Millis),
}

/// A key whose deadline has passed is treated as absent by every call; [`Store::sweep`] frees it.
#[derive(Default)]
pub(crate) struct Store {
    entries: HashMap<Key, Entry>,
    /// Each key that has a deadline, the earliest first.
    deadlines: BTreeSet<(Millis, Key)>,
}

impl Store {
    /// How many keys there are, with those that have expired and are not swept yet.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many keys have a deadline.
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
                // A long value must not leave its room behind when a short one takes its place.
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

    /// A value, to be changed in place.
    pub(crate) fn value_mut(&mut self, key: &[u8], now: Millis) -> Option<&mut Vec<u8>> {
        let entry = self.entries.get_mut(key)?;
        entry.is_live(now).then_some(&mut entry.value)
    }

    /// Removes a key; says whether it was there.
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

    /// The deadline of a key: `None` if there is no such key, `Some(None)` if it never expires.
    pub(crate) fn deadline(&self, key: &[u8], now: Millis) -> Option<Option<Millis>> {
        let entry = self.entries.get(key)?;
        entry.is_live(now).then_some(entry.deadline)
    }

    /// Gives a key a deadline, or takes it away; the caller knows that the key is there.
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

    /// Frees up to `limit` keys whose deadline has passed; gives how many. A limit keeps the loop
    /// free for the clients when very many keys expire at once.
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
