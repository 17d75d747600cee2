//! Exercise 25: a callback that forgets.
//!
//! What it should do: `read_line` calls `then` once, with the whole line but without its newline,
//! when the newline has come. The line may come in any number of pieces. No piece has anything
//! after a newline.
//!
//! Repair `read_line`; `Input` and `main` are right. It needs a change of one line.
//!
//! The question, to answer before you run it: what does this program print, before your repair?
//!
//! - a: `hello, ada`
//! - b: `hello, ad`
//! - c: `hello, a`
//! - d: nothing
//!
//! Run it: `cargo run --example exercise_25`. Check it: `cargo run --example lab -- check 25`.

use std::cell::RefCell;

pub const ANSWER: char = '?';

type Callback = Box<dyn FnOnce(&Input, &str)>;

/// Passes the next piece to the callback that waits for it, which is then gone.
#[derive(Default)]
pub struct Input {
    waiting: RefCell<Option<Callback>>,
}

impl Input {
    pub fn when_readable(&self, callback: impl FnOnce(&Input, &str) + 'static) {
        self.waiting.replace(Some(Box::new(callback)));
    }

    /// A piece comes. Returns whether a callback was waiting for it.
    pub fn piece(&self, piece: &str) -> bool {
        let callback = self.waiting.take();
        callback.map(|callback| callback(self, piece)).is_some()
    }
}

/// Reads a line, which begins with `line`, and passes it to `then`.
pub fn read_line(input: &Input, line: String, then: impl FnOnce(String) + 'static) {
    input.when_readable(move |input, piece| match piece.strip_suffix('\n') {
        Some(end) => then(line + end),
        None => read_line(input, line, then),
    });
}

pub fn main() {
    let input = Input::default();
    read_line(&input, String::new(), |name| println!("hello, {name}"));
    input.piece("ad");
    input.piece("a\n");
}
