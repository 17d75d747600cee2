//! Slabs: tables whose entries keep their place, and whose vacant entries are used again.
//!
//! [`Slab`] gives out indices, and gives out an index again once it is released. [`KeyedSlab`]
//! gives out keys, and a key does not lead to the entry that takes its index later.
//!
//! An entry is filled and emptied in place, by its owner: a new entry is the default value, and a
//! reused one is as its last owner left it. So a slab clones and drops no value, and runs no user
//! code.

use std::ops::{Index, IndexMut};

/// Table of entries by index.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    entries: Vec<T>,
    vacant: Vec<usize>,
}

impl<T> Slab<T> {
    pub(crate) const fn new() -> Slab<T> {
        Slab {
            entries: Vec::new(),
            vacant: Vec::new(),
        }
    }

    /// Takes an entry, the one released last if there is one, and returns its index.
    #[inline]
    pub(crate) fn allocate(&mut self) -> usize
    where
        T: Default,
    {
        self.vacant.pop().unwrap_or_else(|| {
            self.entries.push(T::default());
            self.entries.len() - 1
        })
    }

    /// Releases the entry, which its owner has emptied. Called once for each `allocate`.
    #[inline]
    pub(crate) fn release(&mut self, index: usize) {
        debug_assert!(index < self.entries.len());
        self.vacant.push(index);
    }

    /// Returns the number of entries in use.
    pub(crate) fn len(&self) -> usize {
        self.entries.len() - self.vacant.len()
    }

    /// Returns all entries in the order of their indices, vacant ones included.
    pub(crate) fn entries(&self) -> &[T] {
        &self.entries
    }

    /// Returns all entries in the order of their indices, vacant ones included.
    pub(crate) fn entries_mut(&mut self) -> &mut [T] {
        &mut self.entries
    }
}

impl<T> Default for Slab<T> {
    fn default() -> Slab<T> {
        Slab::new()
    }
}

impl<T> Index<usize> for Slab<T> {
    type Output = T;

    #[inline]
    fn index(&self, index: usize) -> &T {
        &self.entries[index]
    }
}

impl<T> IndexMut<usize> for Slab<T> {
    #[inline]
    fn index_mut(&mut self, index: usize) -> &mut T {
        &mut self.entries[index]
    }
}

/// Key of an entry: its index, and the number of times that the index was released before, modulo a
/// power of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

/// Table of entries by key. The generation in a key has `BITS` bits, so a key is given out again
/// after 2^`BITS` uses of its index.
#[derive(Debug)]
pub(crate) struct KeyedSlab<T, const BITS: u32>(Slab<Keyed<T>>);

#[derive(Debug, Default)]
struct Keyed<T> {
    generation: u32,
    value: T,
}

impl<T, const BITS: u32> KeyedSlab<T, BITS> {
    const MASK: u32 = u32::MAX >> (u32::BITS - BITS);

    /// Takes an entry and returns its key.
    #[inline]
    pub(crate) fn allocate(&mut self) -> Key
    where
        T: Default,
    {
        let index = self.0.allocate();
        Key {
            index: u32::try_from(index).expect("fewer than 2^32 entries at a time"),
            generation: self.0[index].generation,
        }
    }

    /// Releases the entry, which its owner has emptied. Its key leads to no entry afterwards.
    #[inline]
    pub(crate) fn release(&mut self, key: Key) {
        let index = key.index as usize;
        let entry = &mut self.0[index];
        debug_assert_eq!(entry.generation, key.generation);
        entry.generation = entry.generation.wrapping_add(1) & Self::MASK;
        self.0.release(index);
    }

    /// Returns the entry with this key, unless it was released.
    #[inline]
    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        let entry = self.0.entries().get(key.index as usize)?;
        (entry.generation == key.generation).then_some(&entry.value)
    }

    /// Returns the number of entries in use.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns all entries, vacant ones included.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        (0..).zip(self.0.entries()).map(|(index, entry)| {
            let generation = entry.generation;
            (Key { index, generation }, &entry.value)
        })
    }
}

impl<T, const BITS: u32> Default for KeyedSlab<T, BITS> {
    fn default() -> KeyedSlab<T, BITS> {
        KeyedSlab(Slab::new())
    }
}

impl<T, const BITS: u32> Index<Key> for KeyedSlab<T, BITS> {
    type Output = T;

    /// Returns the entry with this key, which was not released.
    #[inline]
    fn index(&self, key: Key) -> &T {
        let entry = &self.0[key.index as usize];
        debug_assert_eq!(entry.generation, key.generation);
        &entry.value
    }
}

impl<T, const BITS: u32> IndexMut<Key> for KeyedSlab<T, BITS> {
    #[inline]
    fn index_mut(&mut self, key: Key) -> &mut T {
        let entry = &mut self.0[key.index as usize];
        debug_assert_eq!(entry.generation, key.generation);
        &mut entry.value
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn the_index_released_last_is_used_first_and_keeps_its_entry() {
        let mut slab = Slab::<u8>::new();
        assert_eq!([(); 3].map(|()| slab.allocate()), [0, 1, 2]);
        slab[1] = 7;
        slab.release(0);
        slab.release(1);
        assert_eq!((slab.len(), slab.entries().len()), (1, 3));
        assert_eq!(slab.allocate(), 1);
        assert_eq!(slab[1], 7);
        assert_eq!([slab.allocate(), slab.allocate()], [0, 3]);
        assert_eq!(slab[3], 0);
    }

    #[test]
    fn a_generation_returns_after_two_to_its_bits() {
        let mut slab = KeyedSlab::<(), 2>::default();
        let mut generations = Vec::new();
        for _ in 0..6 {
            let key = slab.allocate();
            generations.push(key.generation);
            assert!(slab.get(key).is_some());
            slab.release(key);
            assert!(slab.get(key).is_none());
        }
        assert_eq!(generations, [0, 1, 2, 3, 0, 1]);
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod properties;
