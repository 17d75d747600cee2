//! The log of a seed's actions, to find out why it failed. Another thread may read it.

use std::sync::Mutex;

/// The last lines, up to this number, are kept.
const LINES: usize = 2000;

#[derive(Default)]
pub struct Story {
    lines: Mutex<Vec<String>>,
    /// Whether each line is printed at once.
    loud: bool,
}

impl Story {
    pub fn new(loud: bool) -> Story {
        Story {
            lines: Mutex::default(),
            loud,
        }
    }

    pub fn tell(&self, line: impl FnOnce() -> String) {
        let line = line();
        if self.loud {
            eprintln!("{line}");
        }
        let mut lines = self.lines.lock().expect("the lock");
        if lines.len() == LINES {
            lines.drain(..LINES / 2);
        }
        lines.push(line);
    }

    pub fn text(&self) -> String {
        self.lines.lock().expect("the lock").join("\n")
    }
}
