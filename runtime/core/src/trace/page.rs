//! The HTML page of a trace: one file that contains the trace and needs nothing else.
//!
//! `page.html` gets style, trace and script inserted. The parts of the script are `model.js` (the
//! trace, checked; the states of each task; which poll each wake caused), `words.js` (a sentence
//! for each event), `facts.js` (numbers and warnings of a task), `draw.js` (canvases), `steps.js`
//! (the same trace with columns for times), `panel.js` (answers), `controls.js` (mouse and keys)
//! and `main.js` (what is shown). Text from a trace is inserted as text, never as markup.
//!
//! The cost of a frame depends on the width of the screen, not on the size of the trace: spans
//! narrower than a pixel share it (than three pixels, if a lane has very many spans), neighbours of
//! one colour are filled together, and of more than 1,500 arrows every second, fourth and so on is
//! drawn.

use std::path::Path;
use std::{fs, io};

use super::snapshot::Snapshot;

const PAGE: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/style.css");
/// The script, with its parts in the order in which they use each other.
const SCRIPT: &str = concat!(
    "\"use strict\";\n",
    include_str!("page/model.js"),
    include_str!("page/words.js"),
    include_str!("page/facts.js"),
    include_str!("page/draw.js"),
    include_str!("page/steps.js"),
    include_str!("page/panel.js"),
    include_str!("page/controls.js"),
    include_str!("page/main.js"),
);

/// Returns the parts of the script that read a trace, describe it in words and draw it, for the
/// live page of `wakeful-observatory`.
#[doc(hidden)]
pub fn page_script() -> &'static str {
    concat!(
        include_str!("page/model.js"),
        include_str!("page/words.js"),
        include_str!("page/facts.js"),
        include_str!("page/draw.js"),
        include_str!("page/panel.js"),
    )
}

/// Returns a script without its comments and its indentation, which are a fifth of it. Its texts
/// have no line that begins like a comment.
fn compact(script: &str) -> String {
    let mut comment = false;
    let mut out = String::with_capacity(script.len());
    for line in script.lines().map(str::trim_start) {
        comment |= line.starts_with("/*");
        if !comment && !line.is_empty() && !line.starts_with("//") {
            out.extend([line, "\n"]);
        }
        comment &= !line.ends_with("*/");
    }
    out
}

impl Snapshot {
    /// Returns the page as text.
    ///
    /// ```
    /// let page = wakeful::block_on(async { wakeful::trace::snapshot().to_html() });
    /// assert!(page.starts_with("<!DOCTYPE html>"));
    /// ```
    pub fn to_html(&self) -> String {
        // The JSON has no `<`, so it cannot end its element. It is inserted between the other
        // parts, so text in a name is never taken for a placeholder.
        let (head, tail) = PAGE
            .split_once("__WAKEFUL_TRACE__")
            .expect("the page has a place for the trace");
        [
            &head.replacen("__WAKEFUL_STYLE__", STYLE, 1),
            &*self.to_json(),
            &tail.replacen("__WAKEFUL_SCRIPT__", &compact(SCRIPT), 1),
        ]
        .concat()
    }

    /// Writes a page that shows the trace. The page works from disk, without a network.
    ///
    /// # Errors
    ///
    /// If the file can't be written.
    ///
    /// ```no_run
    /// # fn main() -> std::io::Result<()> {
    /// wakeful::block_on(async { wakeful::trace::snapshot().write_html("trace.html") })
    /// # }
    /// ```
    pub fn write_html(&self, path: impl AsRef<Path>) -> io::Result<()> {
        fs::write(path, self.to_html())
    }
}
