//! Numbered places for what comes and goes.

/// A place keeps its number until it is emptied; the number is then given out again.
#[derive(Debug)]
pub(super) struct Slots<T> {
    places: Vec<Option<T>>,
    free: Vec<usize>,
}

impl<T> Default for Slots<T> {
    fn default() -> Slots<T> {
        Slots {
            places: Vec::new(),
            free: Vec::new(),
        }
    }
}

impl<T> Slots<T> {
    pub(super) fn insert(&mut self, value: T) -> usize {
        if let Some(key) = self.free.pop() {
            self.places[key] = Some(value);
            key
        } else {
            self.places.push(Some(value));
            self.places.len() - 1
        }
    }

    pub(super) fn get_mut(&mut self, key: usize) -> Option<&mut T> {
        self.places.get_mut(key)?.as_mut()
    }

    pub(super) fn remove(&mut self, key: usize) -> Option<T> {
        let value = self.places.get_mut(key)?.take()?;
        self.free.push(key);
        Some(value)
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.places.iter_mut().flatten()
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_given_out_again_when_its_place_is_empty() {
        let mut slots = Slots::default();
        let [a, b] = ["a", "b"].map(|text| slots.insert(text));
        assert_eq!(slots.remove(a), Some("a"));
        assert_eq!(slots.remove(a), None);
        assert_eq!(slots.insert("c"), a);
        assert_eq!(slots.get_mut(b), Some(&mut "b"));
        assert_eq!(slots.values_mut().count(), 2);
    }
}
