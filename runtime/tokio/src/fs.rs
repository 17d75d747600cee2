//! Files and directories, at tokio's paths.

use std::io::{self, IoSlice, SeekFrom};
use std::ops::{Deref, DerefMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncSeek, AsyncWrite, AsyncWriteExt, ReadBuf};
use wakeful::fs;

pub use wakeful::fs::{
    DirBuilder, DirEntry, ReadDir, canonicalize, copy, create_dir, create_dir_all, hard_link,
    metadata, read, read_dir, read_link, read_to_string, remove_dir, remove_dir_all, remove_file,
    rename, set_permissions, symlink, symlink_metadata, try_exists, write,
};

/// An open file, with tokio's traits. It has the other methods of Wakeful's
/// [`File`](wakeful::fs::File) through `Deref`.
#[derive(Debug)]
pub struct File(fs::File);

impl File {
    /// Opens a file for reading.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub async fn open(path: impl AsRef<Path>) -> io::Result<File> {
        fs::File::open(path).await.map(File)
    }

    /// Opens a file for writing; makes it if it does not exist, and empties it if it does.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub async fn create(path: impl AsRef<Path>) -> io::Result<File> {
        fs::File::create(path).await.map(File)
    }

    /// Makes a file that does not exist yet, for reading and writing.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub async fn create_new(path: impl AsRef<Path>) -> io::Result<File> {
        fs::File::create_new(path).await.map(File)
    }

    /// Returns options to open a file with.
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }

    /// Wraps a file of std.
    pub fn from_std(file: std::fs::File) -> File {
        File(fs::File::from_std(file))
    }

    /// Returns the file of std, once no operation is in flight. The error of a buffered write is
    /// lost, as in tokio: [`flush`](AsyncWriteExt::flush) returns it.
    ///
    /// # Panics
    ///
    /// If a write has failed, or if bytes that were read ahead can't be returned to a pipe, and the
    /// process has no descriptor left for the result.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the file is closed as soon as no operation is in flight.
    pub async fn into_std(self) -> std::fs::File {
        let mut file = self.0;
        // Takes the error of a buffered write, which `into_std` would return in place of the file.
        let _ = AsyncWriteExt::flush(&mut file).await;
        let file = match file.try_into_std() {
            Ok(file) => return file,
            Err(file) => file,
        };
        let copy = file.as_fd().try_clone_to_owned();
        match (file.into_std().await, copy) {
            (Ok(file), _) => file,
            (Err(_), Ok(copy)) => std::fs::File::from(copy),
            (Err(_), Err(error)) => panic!("`File::into_std` found no free descriptor: {error}"),
        }
    }

    /// Returns the file of std, if no operation is in flight.
    ///
    /// # Errors
    ///
    /// Returns the file back if an operation is in flight, or if a buffered write has failed.
    #[expect(clippy::result_large_err, reason = "the file itself, as in tokio")]
    pub fn try_into_std(self) -> Result<std::fs::File, File> {
        self.0.try_into_std().map_err(File)
    }

    /// Makes another handle of the open file, with the same cursor.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub async fn try_clone(&self) -> io::Result<File> {
        self.0.try_clone().await.map(File)
    }
}

impl Deref for File {
    type Target = fs::File;

    fn deref(&self) -> &fs::File {
        &self.0
    }
}

impl DerefMut for File {
    fn deref_mut(&mut self) -> &mut fs::File {
        &mut self.0
    }
}

impl From<std::fs::File> for File {
    fn from(file: std::fs::File) -> File {
        File::from_std(file)
    }
}

impl AsFd for File {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for File {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl AsyncRead for File {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        AsyncRead::poll_read(Pin::new(&mut self.0), cx, buf)
    }
}

impl AsyncWrite for File {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        AsyncWrite::poll_write(Pin::new(&mut self.0), cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        AsyncWrite::poll_write_vectored(Pin::new(&mut self.0), cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        AsyncWrite::is_write_vectored(&self.0)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_flush(Pin::new(&mut self.0), cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_shutdown(Pin::new(&mut self.0), cx)
    }
}

impl AsyncSeek for File {
    fn start_seek(mut self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        AsyncSeek::start_seek(Pin::new(&mut self.0), position)
    }

    fn poll_complete(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        AsyncSeek::poll_complete(Pin::new(&mut self.0), cx)
    }
}

/// Options to open a file with. It has the methods of Wakeful's
/// [`OpenOptions`](wakeful::fs::OpenOptions).
#[derive(Clone, Debug, Default)]
pub struct OpenOptions(fs::OpenOptions);

macro_rules! options {
    ($($(#[$doc:meta])* $name:ident: $type:ty;)*) => {$(
        $(#[$doc])*
        pub fn $name(&mut self, value: $type) -> &mut OpenOptions {
            self.0.$name(value);
            self
        }
    )*};
}

impl OpenOptions {
    /// Makes options that are all off.
    pub fn new() -> OpenOptions {
        OpenOptions(fs::OpenOptions::new())
    }

    options! {
        /// Whether the file is opened for reading.
        read: bool;
        /// Whether the file is opened for writing.
        write: bool;
        /// Whether all writes append.
        append: bool;
        /// Whether the file is emptied.
        truncate: bool;
        /// Whether the file is made if it does not exist.
        create: bool;
        /// Whether the file has to be made: it is an error if it exists.
        create_new: bool;
        /// The permissions of a file that is made.
        mode: u32;
        /// Further flags of the system.
        custom_flags: i32;
    }

    /// Opens a file.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub async fn open(&self, path: impl AsRef<Path>) -> io::Result<File> {
        self.0.open(path).await.map(File)
    }
}
