//! Finds files and opens them. These calls may block on the disk, so they run on the blocking
//! pool.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::status::Status;
use super::target::Target;

/// A file of at most this many bytes is read at once and may be cached.
pub(crate) const SMALL: u64 = 64 * 1024;

/// A file, with the fields that a response contains.
#[derive(Clone, Copy)]
pub(crate) struct Description {
    pub(crate) length: u64,
    pub(crate) media_type: &'static str,
    /// In whole seconds, as the dates of HTTP have no fractions.
    pub(crate) modified: Option<SystemTime>,
}

pub(crate) enum Found {
    Small(Description, Vec<u8>),
    Large(Description, File),
    /// A folder whose address has no slash at its end.
    Folder,
}

/// Finds the file for `target` below `root`, which is a canonical path.
///
/// A link is followed if it stays below the root. The check and the opening are two steps, so a
/// process that may change the folder meanwhile can make the server read a file elsewhere. Such a
/// process could also copy that file into the folder.
pub(crate) fn find(root: &Path, target: &Target) -> Result<Found, Status> {
    let mut path = below(root, &root.join(&target.path))?;
    let is_folder = path.metadata().map_err(status)?.is_dir();
    if is_folder != target.is_folder {
        return if is_folder {
            Ok(Found::Folder)
        } else {
            Err(Status::NotFound)
        };
    }
    if is_folder {
        path = below(root, &path.join("index.html"))?;
    }
    // Checked before it is opened: opening a pipe would wait for a writer.
    if !path.metadata().map_err(status)?.is_file() {
        return Err(Status::NotFound);
    }
    open(&path).map_err(status)
}

fn open(path: &Path) -> io::Result<Found> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    let mut description = Description {
        length: metadata.len(),
        media_type: media_type(path),
        modified: metadata.modified().ok().map(whole_seconds),
    };
    if description.length > SMALL {
        return Ok(Found::Large(description, file));
    }
    let mut content = Vec::new();
    file.take(SMALL).read_to_end(&mut content)?;
    // It may have changed since the check.
    description.length = content.len() as u64;
    Ok(Found::Small(description, content))
}

fn below(root: &Path, path: &Path) -> Result<PathBuf, Status> {
    let path = path.canonicalize().map_err(status)?;
    if path.starts_with(root) {
        Ok(path)
    } else {
        Err(Status::NotFound)
    }
}

fn whole_seconds(time: SystemTime) -> SystemTime {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    UNIX_EPOCH + Duration::from_secs(since.as_secs())
}

fn status(error: io::Error) -> Status {
    use io::ErrorKind;
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::InvalidFilename => {
            Status::NotFound
        }
        ErrorKind::PermissionDenied => Status::Forbidden,
        _ => {
            eprintln!("cannot open a file: {error}");
            Status::InternalError
        }
    }
}

fn media_type(path: &Path) -> &'static str {
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    match &*extension.to_ascii_lowercase() {
        "html" | "htm" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "txt" | "md" | "toml" | "rs" | "log" => "text/plain; charset=utf-8",
        "csv" => "text/csv; charset=utf-8",
        "xml" => "application/xml",
        "json" | "map" => "application/json",
        "wasm" => "application/wasm",
        "pdf" => "application/pdf",
        "zip" => "application/zip",
        "gz" => "application/gzip",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "woff" => "font/woff",
        "ttf" => "font/ttf",
        "mp3" => "audio/mpeg",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        _ => "application/octet-stream",
    }
}
