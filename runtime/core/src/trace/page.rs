//! The page: one file with the trace inside, that needs nothing else.

use std::path::Path;
use std::{fs, io};

use super::snapshot::Snapshot;

const PAGE: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/style.css");
/// One script, in the order in which its parts use each other.
const SCRIPT: &str = concat!(
    "\"use strict\";\n",
    include_str!("page/model.js"),
    include_str!("page/words.js"),
    include_str!("page/facts.js"),
    include_str!("page/draw.js"),
    include_str!("page/panel.js"),
    include_str!("page/main.js"),
);

impl Snapshot {
    /// The page as text.
    ///
    /// ```
    /// let page = wakeful::block_on(async { wakeful::trace::snapshot().to_html() });
    /// assert!(page.starts_with("<!DOCTYPE html>"));
    /// ```
    pub fn to_html(&self) -> String {
        // The JSON has no `<`, so it can't end the element that it stands in. It goes in last, so
        // that nothing in a name is taken for a place.
        let (head, tail) = PAGE
            .split_once("__WAKEFUL_TRACE__")
            .expect("the page has a place for the trace");
        [
            &head.replacen("__WAKEFUL_STYLE__", STYLE, 1),
            &*self.to_json(),
            &tail.replacen("__WAKEFUL_SCRIPT__", SCRIPT, 1),
        ]
        .concat()
    }

    /// Writes a page that shows the trace. It works from disk, with no network.
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
