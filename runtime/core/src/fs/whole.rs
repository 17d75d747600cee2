//! Operations on whole files.

use std::fs;
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::Ordering;

use super::backend::{Backend, backend};
use super::error::tried;
use super::file::File;
use super::op::{on_pool, transfer};
use super::open_options::OpenOptions;
use super::request::Request;

use crate::sys::AtomicU64;

/// Number of bytes that the first read of a file asks for, and the maximum for later reads.
const FIRST: usize = 16 * 1024;
const LARGEST: usize = 1024 * 1024;

/// Reads a whole file.
///
/// # Errors
///
/// Returns the error of the system, with the path: it does not exist, is a directory, and so on.
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
/// # let path = std::env::temp_dir().join(format!("wakeful-doc-read-{}", std::process::id()));
/// wakeful::block_on(async {
///     wakeful::fs::write(&path, b"some bytes").await?;
///     assert_eq!(wakeful::fs::read(&path).await?, b"some bytes");
///     wakeful::fs::remove_file(&path).await
/// })
/// # }
/// ```
pub async fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    let path = path.as_ref();
    let contents = match backend() {
        Backend::Pool => {
            let path = path.to_owned();
            on_pool(move || fs::read(path)).await
        }
        _ => read_by_ring(path).await,
    };
    contents.map_err(tried("read", path))
}

async fn read_by_ring(path: &Path) -> io::Result<Vec<u8>> {
    let mut options = OpenOptions::new();
    let file = options.read(true).open_bare(path).await?;
    let has_places = has_places(&file);
    let (mut buf, mut want) = (Vec::new(), FIRST);
    loop {
        buf.reserve(want);
        let request = Request::Read {
            file: file.file.clone(),
            at: has_places.then_some(buf.len() as u64),
            buf,
            want,
        };
        let (count, request) = transfer(request).await;
        let count = count?;
        let Some(Request::Read { buf: read, .. }) = request else {
            unreachable!("the ring returns every request");
        };
        if count == 0 {
            return Ok(read);
        }
        buf = read;
        want = (want * 2).min(LARGEST);
    }
}

/// Whether the file has offsets. A pipe has none.
fn has_places(file: &File) -> bool {
    (&*file.file).stream_position().is_ok()
}

/// Reads a whole file of text.
///
/// # Errors
///
/// As [`read`]; `InvalidData` if it is not UTF-8.
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
///     let manifest = wakeful::fs::read_to_string("Cargo.toml").await?;
///     assert!(manifest.contains("[package]"));
///     Ok(())
/// })
/// # }
/// ```
pub async fn read_to_string(path: impl AsRef<Path>) -> io::Result<String> {
    let path = path.as_ref();
    String::from_utf8(read(path).await?).map_err(|error| {
        let error = io::Error::new(io::ErrorKind::InvalidData, error.utf8_error());
        tried("read as text", path)(error)
    })
}

/// Creates or overwrites a file with these contents. The bytes are copied once.
///
/// For a file that others may read at the same time, or that must survive a crash, see
/// [`write_atomic`].
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
/// Not cancel-safe: if the future is dropped, the file may be empty or truncated.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// # let path = std::env::temp_dir().join(format!("wakeful-doc-write-{}", std::process::id()));
/// wakeful::block_on(async {
///     wakeful::fs::write(&path, "contents").await?;
///     wakeful::fs::remove_file(&path).await
/// })
/// # }
/// ```
pub async fn write(path: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> io::Result<()> {
    let path = path.as_ref();
    let contents = contents.as_ref().to_vec();
    let written = match backend() {
        Backend::Pool => {
            let path = path.to_owned();
            on_pool(move || fs::write(path, contents)).await
        }
        _ => write_by_ring(path, contents).await,
    };
    written.map_err(tried("write", path))
}

async fn write_by_ring(path: &Path, mut buf: Vec<u8>) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    let file = options.open_bare(path).await?;
    let has_places = has_places(&file);
    let mut from = 0;
    while from < buf.len() {
        let request = Request::Write {
            file: file.file.clone(),
            buf,
            from,
            at: has_places.then_some(from as u64),
        };
        let (count, request) = transfer(request).await;
        let count = count?;
        let Some(Request::Write { buf: back, .. }) = request else {
            unreachable!("the ring returns every request");
        };
        buf = back;
        from += match count {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            count => count,
        };
    }
    Ok(())
}

/// Replaces a file atomically: a reader sees the old contents or the new contents, also after a
/// crash of the system.
///
/// The contents go to a new file in the same directory, which is synced and renamed; then the
/// directory is synced. The file keeps the permissions of the file that it replaces; a new file
/// gets the default permissions. If the path is a symbolic link, its target is replaced.
///
/// # Errors
///
/// Returns the error of the system, with the path. The old file is then unchanged and the new file
/// removed, unless only the last step, the sync of the directory, has failed.
///
/// # Panics
///
/// Outside a runtime.
///
/// # Cancel safety
///
/// If the future is dropped, the file is replaced completely or not at all, possibly a little
/// later.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// # let path = std::env::temp_dir().join(format!("wakeful-doc-atomic-{}", std::process::id()));
/// wakeful::block_on(async {
///     wakeful::fs::write_atomic(&path, "{ \"port\": 80 }").await?;
///     wakeful::fs::write_atomic(&path, "{ \"port\": 81 }").await?;
///     assert_eq!(wakeful::fs::read_to_string(&path).await?, "{ \"port\": 81 }");
///     wakeful::fs::remove_file(&path).await
/// })
/// # }
/// ```
pub async fn write_atomic(path: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> io::Result<()> {
    let path = path.as_ref();
    let contents = contents.as_ref().to_vec();
    let target = path.to_owned();
    // All steps are one job of the pool, so dropping the future can't interrupt them.
    let replaced = on_pool(move || replace(&target, &contents)).await;
    replaced.map_err(tried("replace", path))
}

fn replace(path: &Path, contents: &[u8]) -> io::Result<()> {
    let target = match fs::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
        target => target?,
    };
    let directory = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let before = fs::metadata(&target).ok();
    if before.as_ref().is_some_and(fs::Metadata::is_dir) {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let (name, mut file) = new_file(directory)?;
    let filled = (|| {
        if let Some(before) = before {
            file.set_permissions(before.permissions())?;
        }
        file.write_all(contents)?;
        file.sync_all()?;
        fs::rename(&name, &target)
    })();
    if let Err(error) = filled {
        let _ = fs::remove_file(&name);
        return Err(error);
    }
    fs::File::open(directory)?.sync_all()
}

/// Creates a file with an unused name next to the file to replace.
fn new_file(directory: &Path) -> io::Result<(PathBuf, fs::File)> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = directory.join(format!(".wakeful-{}-{number}.tmp", process::id()));
        match fs::File::create_new(&name) {
            // Left over from a process that had this number and crashed.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            file => return file.map(|file| (name, file)),
        }
    }
}
