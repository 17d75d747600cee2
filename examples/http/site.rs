//! The served folder, and the files of it that are cached.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use wakeful::time::Instant;

use super::cache::{Cache, Document};

pub(crate) struct Site {
    /// Canonical. In an `Arc`, as the blocking pool needs it too.
    pub(crate) root: Arc<PathBuf>,
    cache: RefCell<Cache>,
}

impl Site {
    pub(crate) fn new(root: PathBuf) -> Site {
        Site {
            root: Arc::new(root),
            cache: RefCell::default(),
        }
    }

    pub(crate) fn cached(&self, path: &str) -> Option<Rc<Document>> {
        self.cache.borrow().get(path, Instant::now())
    }

    pub(crate) fn keep(&self, path: &str, document: Rc<Document>) {
        let path = path.to_string();
        self.cache.borrow_mut().put(path, document, Instant::now());
    }
}
