//! The solution of exercise 23.
//!
//! The address was that of the text before the move. An offset stays right. The compiler can't
//! store offsets for the references in an `async` block, so its future holds addresses, and must
//! not be moved after its first poll: that is why `poll` takes a `Pin`.

pub const ANSWER: char = 'a';

/// Returns the letters of a text, which it owns, one after the other.
pub struct Letters {
    text: [u8; 6],
    /// The place of the next letter in the text.
    next: usize,
}

impl Letters {
    pub fn new(text: [u8; 6]) -> Letters {
        Letters { text, next: 0 }
    }

    /// Returns the next letter, or `None` after the last one.
    pub fn next_letter(&mut self) -> Option<char> {
        let letter = self.text.get(self.next);
        self.next += 1;
        letter.map(|letter| char::from(*letter))
    }
}

pub fn main() {
    let mut letters = Letters::new(*b"pinned");
    println!("{:?}", [letters.next_letter(), letters.next_letter()]);
    let mut boxed = Box::new(letters);
    println!("{:?}, after a move into a box", boxed.next_letter());
    let mut moved = boxed;
    let rest = [0, 1, 2].map(|_| moved.next_letter());
    println!("{rest:?}, after a move of the box");
}
