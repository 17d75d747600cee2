//! The solution of exercise 25.
//!
//! A callback has no local variables that live on: what the next callback needs, this one must pass
//! to it. `read_line` passed on the line as it was before the piece, so the piece was lost. In an
//! `async` function, `line += piece` in a loop would be enough.

use std::cell::RefCell;

pub const ANSWER: char = 'c';

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
        None => read_line(input, line + piece, then),
    });
}

pub fn main() {
    let input = Input::default();
    read_line(&input, String::new(), |name| println!("hello, {name}"));
    input.piece("ad");
    input.piece("a\n");
}
