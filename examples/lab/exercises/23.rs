//! Exercise 23: an address that is wrong after a move.
//!
//! What it should do: `Letters` returns the letters of its text one after the other. It may be
//! moved at any time: it is not pinned.
//!
//! Repair `Letters`. It needs a change of a few lines.
//!
//! The question, to answer before you run it: `main` takes two letters, moves the value into a box,
//! takes one more, moves the box into another variable, and takes the rest. Which of the moves
//! breaks it, before your repair?
//!
//! - a: only the move into the box
//! - b: only the move of the box
//! - c: both
//! - d: none
//!
//! Run it: `cargo run --example exercise_23`. Check it: `cargo run --example lab -- check 23`.

pub const ANSWER: char = '?';

/// Returns the letters of a text, which it owns, one after the other.
pub struct Letters {
    text: [u8; 6],
    /// The address of the next letter; a number, as a reference into itself would not compile.
    next: Option<usize>,
}

impl Letters {
    pub fn new(text: [u8; 6]) -> Letters {
        Letters { text, next: None }
    }

    /// Returns the next letter, or `None` after the last one.
    pub fn next_letter(&mut self) -> Option<char> {
        let start = self.text.as_ptr() as usize;
        let next = self.next.unwrap_or(start);
        self.next = Some(next + 1);
        let letter = self.text.get(next.wrapping_sub(start));
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
