//! An open file.

use std::cell::RefCell;
use std::fmt;
use std::fs::{self, FileTimes, Metadata, Permissions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::SystemTime;

use super::op::{Op, on_pool, transfer};
use super::request::Request;
use super::stream::{CHUNK, StreamState};

/// An open file.
///
/// [`read_at`](Self::read_at) and [`write_at`](Self::write_at) take an offset and `&self`, and many
/// of them may be in flight at a time. The traits `AsyncRead`, `AsyncWrite` and `AsyncSeek` of
/// `futures-io` use the file's cursor and run one operation at a time.
///
/// Every operation copies between the caller's buffer and a buffer that the operation owns, so that
/// a future may be dropped at any time. For many small reads wrap the file in
/// `futures_util::io::BufReader`.
///
/// A write through `AsyncWrite` is buffered: it returns at once, and the bytes are written in the
/// background, even if the file is dropped or the runtime ends. `flush`, `close`,
/// [`sync_all`](Self::sync_all), [`sync_data`](Self::sync_data) and [`into_std`](Self::into_std)
/// wait for buffered writes.
///
/// # Writes that fail
///
/// The next operation of any kind returns the error of a buffered write. The next of those five
/// operations returns it too, once, even if a `write` has returned it before: if one of the five
/// succeeds, all bytes since the last successful one are written. If several of them wait at the
/// same time, each returns the error. A failed write is not repeated. Dropping the file loses the
/// error.
///
/// ```
/// use futures_util::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
/// use std::io::SeekFrom;
/// use wakeful::fs::{self, File};
///
/// # fn main() -> std::io::Result<()> {
/// # let path = std::env::temp_dir().join(format!("wakeful-doc-file-{}", std::process::id()));
/// wakeful::block_on(async {
///     let mut file = File::options().read(true).write(true).create(true).open(&path).await?;
///     file.write_all(b"hello, disk").await?;
///     file.seek(SeekFrom::Start(7)).await?;
///     let mut rest = String::new();
///     file.read_to_string(&mut rest).await?;
///     assert_eq!(rest, "disk");
///     let mut start = [0; 5];
///     assert_eq!(file.read_at(&mut start, 0).await?, 5);
///     assert_eq!(&start, b"hello");
///     fs::remove_file(&path).await
/// })
/// # }
/// ```
pub struct File {
    pub(super) file: Arc<fs::File>,
    pub(super) stream: RefCell<StreamState>,
    /// Maximum number of bytes of one operation of the stream.
    pub(super) most: usize,
}

/// Maximum number of bytes that one operation asks of the system.
pub(super) const MOST: usize = 1 << 30;

/// Checks an offset: the system's are signed, and for the ring the highest number means the cursor.
fn check(offset: u64) -> io::Result<()> {
    if i64::try_from(offset).is_err() {
        let text = format!(
            "no file has an offset of {offset}: the highest is {}",
            i64::MAX
        );
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    Ok(())
}

impl File {
    /// Wraps an open file of std.
    pub fn from_std(file: fs::File) -> File {
        File {
            file: Arc::new(file),
            stream: RefCell::default(),
            most: CHUNK,
        }
    }

    /// Waits until no operation is in flight, and returns the file of std, with the same cursor.
    ///
    /// # Errors
    ///
    /// Returns the error of an earlier buffered write.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the file is closed as soon as no operation is in flight.
    pub async fn into_std(mut self) -> io::Result<fs::File> {
        self.flush_writes().await?;
        self.stream.get_mut().rewind(&self.file)?;
        let File {
            mut file, stream, ..
        } = self;
        drop(stream);
        loop {
            match Arc::try_unwrap(file) {
                Ok(file) => return Ok(file),
                // An operation whose future was dropped still holds the file.
                Err(shared) => file = Arc::new(shared.try_clone()?),
            }
        }
    }

    /// Returns the file of std, with the same cursor, if that needs no wait.
    ///
    /// ```
    /// use wakeful::fs::File;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// wakeful::block_on(async {
    ///     let file = File::open("Cargo.toml").await?;
    ///     let file = file.try_into_std().expect("no operation is in flight");
    ///     assert!(file.metadata()?.is_file());
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Returns the file back if an operation is in flight, or if a buffered write has failed: then
    /// [`into_std`](Self::into_std) waits, or returns the error.
    ///
    /// # Panics
    ///
    /// Outside a runtime, if a part of a buffered write is not written yet.
    #[expect(clippy::result_large_err, reason = "the file itself, as in tokio")]
    pub fn try_into_std(mut self) -> Result<fs::File, File> {
        let stream = self.stream.get_mut();
        let since = stream.write_errors.begin_flush();
        if stream.poll_idle().is_pending()
            || stream.write_errors.has_failed_since(since)
            || stream.rewind(&self.file).is_err()
        {
            return Err(self);
        }
        Arc::try_unwrap(self.file).map_err(|file| File {
            file,
            stream: self.stream,
            most: self.most,
        })
    }

    /// Returns the maximum number of bytes that one operation of the stream transfers.
    pub fn max_buf_size(&self) -> usize {
        self.most
    }

    /// Sets the maximum number of bytes that one operation of the stream transfers, which is the
    /// size of the file's buffer. Default: 256 KiB. [`read_at`](Self::read_at) and
    /// [`write_at`](Self::write_at) have buffers of their own.
    ///
    /// ```
    /// use futures_util::AsyncReadExt;
    /// use wakeful::fs::File;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// wakeful::block_on(async {
    ///     let mut file = File::open("Cargo.toml").await?;
    ///     file.set_max_buf_size(16);
    ///     assert_eq!(file.read(&mut [0; 1024]).await?, 16);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If the size is 0.
    #[track_caller]
    pub fn set_max_buf_size(&mut self, max_buf_size: usize) {
        assert!(
            max_buf_size > 0,
            "a file needs a buffer: the size is at least 1 byte"
        );
        self.most = max_buf_size.min(MOST);
    }

    /// Reads at `offset`, at most the length of the buffer, and returns the number of bytes. 0
    /// means that the file ends there or the buffer is empty. The cursor does not move.
    ///
    /// # Errors
    ///
    /// Returns the error of the system: it is a directory, a pipe, not open for reading, ...
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe.
    pub async fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        check(offset)?;
        let want = buf.len().min(MOST);
        let request = Request::Read {
            file: self.file.clone(),
            buf: Vec::with_capacity(want),
            want,
            at: Some(offset),
        };
        let (result, request) = transfer(request).await;
        let count = result?;
        if let Some(Request::Read { buf: read, .. }) = request {
            buf[..count].copy_from_slice(&read[..count]);
        }
        Ok(count)
    }

    /// Reads at `offset` until the buffer is full.
    ///
    /// # Errors
    ///
    /// `UnexpectedEof` if the file ends before; else as [`read_at`](Self::read_at).
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: the contents of the buffer are then unspecified, and the cursor does not move.
    pub async fn read_exact_at(&self, mut buf: &mut [u8], mut offset: u64) -> io::Result<()> {
        while !buf.is_empty() {
            let count = self.read_at(buf, offset).await?;
            if count == 0 {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    format!(
                        "the file ends at byte {offset}, {} bytes before the end of the read",
                        buf.len()
                    ),
                ));
            }
            buf = &mut buf[count..];
            offset += count as u64;
        }
        Ok(())
    }

    /// Writes at `offset` and returns the number of bytes. The cursor does not move. A file open
    /// for appending is written at its end regardless of `offset`.
    ///
    /// # Errors
    ///
    /// Returns the error of the system: the disk is full, the file is not open for writing, ...
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Not cancel-safe: if the future is dropped, all, some or none of the bytes are written,
    /// possibly a little later.
    pub async fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize> {
        check(offset)?;
        let request = Request::Write {
            file: self.file.clone(),
            buf: buf[..buf.len().min(MOST)].to_vec(),
            from: 0,
            at: Some(offset),
        };
        transfer(request).await.0
    }

    /// Writes the whole buffer at `offset`.
    ///
    /// # Errors
    ///
    /// As [`write_at`](Self::write_at).
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Not cancel-safe, as [`write_at`](Self::write_at).
    pub async fn write_all_at(&self, mut buf: &[u8], mut offset: u64) -> io::Result<()> {
        while !buf.is_empty() {
            match self.write_at(buf, offset).await? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                count => {
                    buf = &buf[count..];
                    offset += count as u64;
                }
            }
        }
        Ok(())
    }

    /// Waits until the written bytes and the file's metadata are on the disk.
    ///
    /// # Errors
    ///
    /// Returns the error of the system, or the error of an earlier buffered write.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe.
    pub async fn sync_all(&self) -> io::Result<()> {
        self.sync(false).await
    }

    /// Waits until the written bytes are on the disk, with only the metadata that reading them
    /// needs.
    ///
    /// # Errors
    ///
    /// As [`sync_all`](Self::sync_all).
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe.
    pub async fn sync_data(&self) -> io::Result<()> {
        self.sync(true).await
    }

    async fn sync(&self, data_only: bool) -> io::Result<()> {
        self.flush_writes().await?;
        loop {
            let file = self.file.clone();
            match Op::new(Request::Sync { file, data_only }).await.0 {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result.map(drop),
            }
        }
    }

    /// Truncates the file or extends it with zeros. The cursor does not move, so it may be past the
    /// end.
    ///
    /// # Errors
    ///
    /// Returns the error of the system, or the error of an earlier buffered write.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Not cancel-safe: if the future is dropped, the operation may still be carried out.
    pub async fn set_len(&self, size: u64) -> io::Result<()> {
        self.settle().await?;
        let file = self.file.clone();
        on_pool(move || file.set_len(size)).await
    }

    /// Returns the metadata of the file.
    ///
    /// # Errors
    ///
    /// Returns the error of the system, or the error of an earlier buffered write.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe.
    pub async fn metadata(&self) -> io::Result<Metadata> {
        self.settle().await?;
        let file = self.file.clone();
        on_pool(move || file.metadata()).await
    }

    /// Changes the permissions of the file.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Not cancel-safe: if the future is dropped, the operation may still be carried out.
    pub async fn set_permissions(&self, permissions: Permissions) -> io::Result<()> {
        let file = self.file.clone();
        on_pool(move || file.set_permissions(permissions)).await
    }

    /// Changes the times of the file, after buffered writes.
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    /// use wakeful::fs::{self, File, FileTimes};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// # let path = std::env::temp_dir().join(format!("wakeful-doc-times-{}", std::process::id()));
    /// wakeful::block_on(async {
    ///     let file = File::create(&path).await?;
    ///     let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    ///     file.set_times(FileTimes::new().set_accessed(time).set_modified(time)).await?;
    ///     assert_eq!(file.metadata().await?.modified()?, time);
    ///     fs::remove_file(&path).await
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Returns the error of the system, or the error of an earlier buffered write.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Not cancel-safe: if the future is dropped, the operation may still be carried out.
    pub async fn set_times(&self, times: FileTimes) -> io::Result<()> {
        self.settle().await?;
        let file = self.file.clone();
        on_pool(move || file.set_times(times)).await
    }

    /// Changes the time of the last modification, as [`set_times`](Self::set_times) does.
    ///
    /// # Errors
    ///
    /// As [`set_times`](Self::set_times).
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Not cancel-safe: if the future is dropped, the operation may still be carried out.
    pub async fn set_modified(&self, time: SystemTime) -> io::Result<()> {
        self.set_times(FileTimes::new().set_modified(time)).await
    }

    /// Returns a second handle, which shares the cursor.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no descriptor left, or the error of an earlier buffered write.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe.
    pub async fn try_clone(&self) -> io::Result<File> {
        self.settle().await?;
        let mut file = File::from_std(self.file.try_clone()?);
        file.most = self.most;
        Ok(file)
    }
}

impl AsFd for File {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl AsRawFd for File {
    fn as_raw_fd(&self) -> RawFd {
        self.file.as_raw_fd()
    }
}

impl From<fs::File> for File {
    fn from(file: fs::File) -> File {
        File::from_std(file)
    }
}

impl From<OwnedFd> for File {
    fn from(fd: OwnedFd) -> File {
        File::from_std(fd.into())
    }
}

impl FromRawFd for File {
    unsafe fn from_raw_fd(fd: RawFd) -> File {
        // SAFETY: the caller keeps the contract of this function, which is the same.
        File::from_std(unsafe { fs::File::from_raw_fd(fd) })
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("File").field(&self.file).finish()
    }
}
