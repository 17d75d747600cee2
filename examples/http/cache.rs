//! Keeps small files in memory for a second, so that a page that many clients request is not read
//! from the disk for each of them.

use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use wakeful::time::Instant;

use super::files::Description;

/// The longest time after which a change of a file is seen.
pub(crate) const FRESH: Duration = Duration::from_secs(1);
/// The largest sum of the sizes of all contents.
const MAX_BYTES: usize = 16 * 1024 * 1024;
const MAX_FILES: usize = 4096;

/// A small file.
pub(crate) struct Document {
    pub(crate) description: Description,
    pub(crate) content: Vec<u8>,
}

#[derive(Default)]
pub(crate) struct Cache {
    /// By the path of the address, as it was sent.
    entries: HashMap<String, (Instant, Rc<Document>)>,
    bytes: usize,
}

impl Cache {
    pub(crate) fn get(&self, path: &str, now: Instant) -> Option<Rc<Document>> {
        let (read_at, document) = self.entries.get(path)?;
        (now < *read_at + FRESH).then(|| document.clone())
    }

    /// Stores a file. A full cache is cleared first: each file that is in use is read once more.
    pub(crate) fn put(&mut self, path: String, document: Rc<Document>, now: Instant) {
        let size = path.len() + document.content.len();
        if self.bytes + size > MAX_BYTES || self.entries.len() >= MAX_FILES {
            self.entries.clear();
            self.bytes = 0;
        }
        self.bytes += size;
        let key_length = path.len();
        if let Some((_, before)) = self.entries.insert(path, (now, document)) {
            self.bytes -= key_length + before.content.len();
        }
    }
}
