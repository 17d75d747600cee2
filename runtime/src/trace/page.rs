//! The page: one file with the trace inside, that needs nothing else.

use std::path::Path;
use std::{fs, io};

use super::Snapshot;

const PAGE: &str = include_str!("page/page.html");
/// Where the trace goes.
const PLACE: &str = "__WAKEFUL_TRACE__";

impl Snapshot {
    /// The page as text.
    ///
    /// ```
    /// let page = wakeful::block_on(async { wakeful::trace::snapshot().to_html() });
    /// assert!(page.starts_with("<!DOCTYPE html>"));
    /// ```
    pub fn to_html(&self) -> String {
        // The JSON has no `<`, so it can't end the element that it stands in.
        PAGE.replacen(PLACE, &self.to_json(), 1)
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
