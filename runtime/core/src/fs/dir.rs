//! Reading directories.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, FileType, Metadata};
use std::future::poll_fn;
use std::io;
use std::os::unix::fs::DirEntryExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use super::error::{lost, tried};
use super::op::on_pool;
use crate::blocking::{self, Call, Duty};

/// Entries fetched at a time.
const BATCH: usize = 64;

/// Open directory, read by one job of the pool at a time.
type Shared = Arc<Mutex<fs::ReadDir>>;

/// Entries, and whether there may be more.
type Batch = (VecDeque<io::Result<DirEntry>>, bool);

/// Opens a directory to list its entries.
///
/// # Errors
///
/// Returns the error of the system, with the path.
///
/// # Panics
///
/// Outside a runtime.
///
/// # Cancel safety
///
/// Cancel-safe.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// wakeful::block_on(async {
///     let mut entries = wakeful::fs::read_dir(".").await?;
///     let mut names = Vec::new();
///     while let Some(entry) = entries.next_entry().await? {
///         names.push(entry.file_name());
///     }
///     assert!(names.iter().any(|name| name == "Cargo.toml"));
///     Ok(())
/// })
/// # }
/// ```
pub async fn read_dir(path: impl AsRef<Path>) -> io::Result<ReadDir> {
    let path = path.as_ref();
    let owned = path.to_owned();
    let opened = on_pool(move || {
        let directory = Arc::new(Mutex::new(fs::read_dir(owned)?));
        Ok((next_batch(&directory), directory))
    });
    let ((entries, more), directory) = opened.await.map_err(tried("list", path))?;
    Ok(ReadDir {
        entries,
        more: more.then_some(directory),
        fetching: None,
    })
}

fn next_batch(directory: &Shared) -> Batch {
    let mut directory = directory.lock().unwrap_or_else(PoisonError::into_inner);
    let mut entries = VecDeque::with_capacity(BATCH);
    while entries.len() < BATCH {
        match directory.next() {
            Some(entry) => entries.push_back(entry.map(|entry| DirEntry(Arc::new(entry)))),
            None => return (entries, false),
        }
    }
    (entries, true)
}

/// Entries of a directory, in the order of the system. For an example see [`read_dir`].
pub struct ReadDir {
    entries: VecDeque<io::Result<DirEntry>>,
    more: Option<Shared>,
    fetching: Option<Call<Batch>>,
}

impl ReadDir {
    /// Returns the next entry, without `.` and `..`; `None` after the last.
    ///
    /// # Errors
    ///
    /// Returns the error of the system. The next call continues after the entry that failed.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe.
    pub async fn next_entry(&mut self) -> io::Result<Option<DirEntry>> {
        poll_fn(|cx| self.poll_next_entry(cx)).await
    }

    /// Polls [`next_entry`](Self::next_entry).
    ///
    /// ```
    /// use std::future::poll_fn;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// wakeful::block_on(async {
    ///     let mut entries = wakeful::fs::read_dir(".").await?;
    ///     let first = poll_fn(|cx| entries.poll_next_entry(cx)).await?;
    ///     assert!(first.is_some());
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`next_entry`](Self::next_entry).
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    pub fn poll_next_entry(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<DirEntry>>> {
        loop {
            if let Some(entry) = self.entries.pop_front() {
                return Poll::Ready(entry.map(Some));
            }
            if let Some(call) = &mut self.fetching {
                let batch = ready!(Pin::new(call).poll(cx));
                self.fetching = None;
                let (entries, more) = batch.map_err(lost)?;
                self.entries = entries;
                if !more {
                    self.more = None;
                }
            } else if let Some(directory) = self.more.clone() {
                // It is kept here, so that an error is not taken for the end.
                let fetch = move || next_batch(&directory);
                self.fetching = Some(blocking::call(Duty::Optional, fetch)?);
            } else {
                return Poll::Ready(Ok(None));
            }
        }
    }
}

impl fmt::Debug for ReadDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadDir").finish_non_exhaustive()
    }
}

/// One entry of a directory. For an example see [`read_dir`].
#[derive(Clone, Debug)]
pub struct DirEntry(Arc<fs::DirEntry>);

impl DirEntry {
    /// Returns the path of the entry: the path passed to [`read_dir`], and the name.
    pub fn path(&self) -> PathBuf {
        self.0.path()
    }

    /// Returns the name of the entry.
    pub fn file_name(&self) -> OsString {
        self.0.file_name()
    }

    /// Returns the inode number.
    pub fn ino(&self) -> u64 {
        self.0.ino()
    }

    /// Returns the metadata of the entry; does not follow a symbolic link.
    ///
    /// # Errors
    ///
    /// Returns the error of the system, for example if the entry was removed meanwhile.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe.
    pub async fn metadata(&self) -> io::Result<Metadata> {
        let entry = self.0.clone();
        let metadata = on_pool(move || entry.metadata()).await;
        metadata.map_err(tried("look at", &self.path()))
    }

    /// Returns the type of the entry: file, directory or symbolic link.
    ///
    /// # Errors
    ///
    /// Returns the error of the system, for example if the entry was removed meanwhile.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe.
    pub async fn file_type(&self) -> io::Result<FileType> {
        let entry = self.0.clone();
        let file_type = on_pool(move || entry.file_type()).await;
        file_type.map_err(tried("look at", &self.path()))
    }
}
