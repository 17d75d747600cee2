//! A file to which records of changes are appended, each with a checksum. A change is durable once
//! its record is on the disk.
//!
//! A record is one write, and the next write begins after the sync of the previous one. So a crash
//! can damage only the last record, which was not reported as written, and which is cut off. If an
//! earlier record is damaged, a crash is not the cause, and the journal is not opened.

use std::fs::File as StdFile;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde::Serialize;
use serde::de::DeserializeOwned;
use wakeful::fs::{self, File};

/// A length and a checksum, of four bytes each.
const HEAD: usize = 8;
/// A journal shorter than this is not rewritten.
const SMALL: u64 = 256 * 1024;

/// The state that results from all lines of a journal.
pub(crate) trait Lines: Default {
    type Line: Serialize + DeserializeOwned;

    fn apply(&mut self, line: Self::Line);

    /// Returns the lines that result in this state.
    fn lines(&self) -> Vec<Self::Line>;
}

pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    end: u64,
    /// The length of the journal if it were rewritten now.
    fresh: u64,
    /// After a failure the contents of the file are unknown, so nothing more is written.
    failed: Option<String>,
}

impl Journal {
    /// Opens or creates the journal, and applies its lines.
    pub(crate) async fn open<C: Lines>(path: PathBuf) -> io::Result<(Journal, C)> {
        if !fs::try_exists(&path).await? {
            fs::write_atomic(&path, "").await?;
        }
        let bytes = fs::read(&path).await?;
        let mut contents = C::default();
        let end = replay(&bytes, &path, &mut contents)?;
        let file = File::options().write(true).open(&path).await?;
        if end < bytes.len() {
            let torn = bytes.len() - end;
            eprintln!("{}: cut off a torn record of {torn} bytes", path.display());
            file.set_len(end as u64).await?;
            file.sync_all().await?;
        }
        let journal = Journal {
            path,
            file,
            end: end as u64,
            fresh: record(&contents.lines())?.len() as u64,
            failed: None,
        };
        Ok((journal, contents))
    }

    /// Writes a record, and returns when it is on the disk.
    pub(crate) async fn append<L: Serialize>(&mut self, lines: &[L]) -> io::Result<()> {
        self.check()?;
        let record = record(lines)?;
        let written = self.write(&record).await;
        self.note(written)
    }

    async fn write(&mut self, record: &[u8]) -> io::Result<()> {
        self.file.write_all_at(record, self.end).await?;
        self.file.sync_data().await?;
        self.end += record.len() as u64;
        Ok(())
    }

    /// Whether most of the journal is out of date.
    pub(crate) fn is_mostly_old(&self) -> bool {
        self.end > SMALL && self.end / 4 > self.fresh
    }

    /// Replaces all lines by these, in one step.
    pub(crate) async fn rewrite<L: Serialize>(&mut self, lines: &[L]) -> io::Result<()> {
        self.check()?;
        let replaced = self.replace(lines).await;
        self.note(replaced)
    }

    async fn replace<L: Serialize>(&mut self, lines: &[L]) -> io::Result<()> {
        let record = record(lines)?;
        fs::write_atomic(&self.path, &record).await?;
        self.file = File::options().write(true).open(&self.path).await?;
        self.end = record.len() as u64;
        self.fresh = self.end;
        Ok(())
    }

    fn check(&self) -> io::Result<()> {
        match &self.failed {
            None => Ok(()),
            Some(failure) => Err(io::Error::other(format!(
                "{} is not written to after a failure: {failure}",
                self.path.display()
            ))),
        }
    }

    fn note(&mut self, result: io::Result<()>) -> io::Result<()> {
        if let Err(error) = &result {
            self.failed = Some(error.to_string());
        }
        result
    }
}

fn record<L: Serialize>(lines: &[L]) -> io::Result<Vec<u8>> {
    let mut record = vec![0; HEAD];
    serde_json::to_writer(&mut record, lines)?;
    let length = u32::try_from(record.len() - HEAD).map_err(io::Error::other)?;
    let sum = crc32fast::hash(&record[HEAD..]);
    record[..4].copy_from_slice(&length.to_le_bytes());
    record[4..HEAD].copy_from_slice(&sum.to_le_bytes());
    Ok(record)
}

/// Applies the records, and returns where the last complete one ends.
fn replay<C: Lines>(bytes: &[u8], path: &Path, contents: &mut C) -> io::Result<usize> {
    let mut at = 0;
    while let Some((payload, end)) = whole(bytes, at) {
        let lines: Vec<C::Line> = match payload.map(serde_json::from_slice) {
            Some(Ok(lines)) => lines,
            // The checksum is right, so the line is the one that was written.
            Some(Err(error)) => return Err(damaged(path, at, &error.to_string())),
            None if end < bytes.len() => return Err(damaged(path, at, "its checksum is wrong")),
            None => break,
        };
        for line in lines {
            contents.apply(line);
        }
        at = end;
    }
    Ok(at)
}

/// Returns the record at `at`, `None` instead of it if the checksum is wrong, and its end. Returns
/// `None` if there is no complete record.
fn whole(bytes: &[u8], at: usize) -> Option<(Option<&[u8]>, usize)> {
    let head = bytes.get(at..at + HEAD)?;
    let (length, sum) = head.split_at(4);
    let length = u32::from_le_bytes(length.try_into().ok()?) as usize;
    // After a crash, a file whose length was written already may end in zeros.
    if length == 0 {
        return None;
    }
    let end = at + HEAD + length;
    let payload = bytes.get(at + HEAD..end)?;
    let sum = u32::from_le_bytes(sum.try_into().ok()?);
    Some(((crc32fast::hash(payload) == sum).then_some(payload), end))
}

fn damaged(path: &Path, at: usize, what: &str) -> io::Error {
    let sentence = format!(
        "{}: the record at byte {at} is damaged ({what}), and more follow it; restore the file, or remove \
         the directory and let this node join again as a new one",
        path.display()
    );
    io::Error::new(io::ErrorKind::InvalidData, sentence)
}

/// Reads a file with one record.
pub(crate) async fn read_one<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    let bytes = match fs::read(path).await {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let Some((Some(payload), _)) = whole(&bytes, 0) else {
        return Err(damaged(path, 0, "it is truncated or its checksum is wrong"));
    };
    let [value] = serde_json::from_slice::<[T; 1]>(payload)?;
    Ok(Some(value))
}

/// Replaces a file with one record, in one step.
pub(crate) async fn write_one<T: Serialize>(path: &Path, value: T) -> io::Result<()> {
    fs::write_atomic(path, record(&[value])?).await
}

/// Locks the directory for this process, until the file is dropped.
pub(crate) fn lock(directory: &Path) -> io::Result<StdFile> {
    let file = StdFile::create(directory.join("lock"))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(Errno::WOULDBLOCK) => {
            let sentence = format!("another node uses {}", directory.display());
            Err(io::Error::new(io::ErrorKind::ResourceBusy, sentence))
        }
        Err(error) => Err(error.into()),
    }
}
