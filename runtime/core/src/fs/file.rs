//! An open file.

use std::cell::RefCell;
use std::fmt;
use std::fs::{self, Metadata, Permissions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;

use super::op::{Op, on_pool, transfer};
use super::request::Request;
use super::stream::StreamState;

/// An open file.
///
/// [`read_at`](Self::read_at) and [`write_at`](Self::write_at) name the place, take `&self`, and
/// many may be in flight at a time. The traits `AsyncRead`, `AsyncWrite` and `AsyncSeek` of
/// `futures-io` use the file's cursor, one operation after the other.
///
/// Every operation copies between the caller's buffer and one that the operation owns, so that a
/// future may be dropped at any time. For many small reads wrap it in
/// `futures_util::io::BufReader`.
///
/// A write through `AsyncWrite` is taken over and goes on by itself, even if the file is dropped or
/// the runtime ends. `flush`, `close`, [`sync_all`](Self::sync_all), [`sync_data`](Self::sync_data)
/// and [`into_std`](Self::into_std) wait for it.
///
/// # Writes that fail
///
/// The error of a write that was taken over comes with the next operation of any kind. One of those
/// five returns it in any case, once, even if a `write` has returned it before: one that succeeds
/// says that everything since the one before it is written. If several of them wait at the same
/// time, each returns the error. What has failed is not written again. Dropping the file loses the
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
}

/// The most that one operation asks of the system: what is over is left to the next.
pub(super) const MOST: usize = 1 << 30;

/// The system counts with a sign, and the ring takes the highest number for the cursor.
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
    /// A file that is open already.
    pub fn from_std(file: fs::File) -> File {
        File {
            file: Arc::new(file),
            stream: RefCell::default(),
        }
    }

    /// The file of std, once nothing is in flight. Its cursor stands where this one's does.
    ///
    /// # Errors
    ///
    /// That of a write that was taken over before.
    ///
    /// # Cancel safety
    ///
    /// Dropped early, the file is closed as soon as nothing is in flight.
    pub async fn into_std(mut self) -> io::Result<fs::File> {
        self.flush_writes().await?;
        self.stream.get_mut().rewind(&self.file)?;
        let File { mut file, stream } = self;
        drop(stream);
        loop {
            match Arc::try_unwrap(file) {
                Ok(file) => return Ok(file),
                // An operation that was given up still has it.
                Err(shared) => file = Arc::new(shared.try_clone()?),
            }
        }
    }

    /// Reads from a place on, up to the length of the buffer. `Ok(0)`: the file ends there, or the
    /// buffer is empty. The cursor stays.
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

    /// Fills the whole buffer from a place on.
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
    /// Cancel-safe; what the buffer holds is then not said.
    pub async fn read_exact_at(&self, mut buf: &mut [u8], mut offset: u64) -> io::Result<()> {
        while !buf.is_empty() {
            let count = self.read_at(buf, offset).await?;
            if count == 0 {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    format!(
                        "the file ends at byte {offset}, {} bytes too early",
                        buf.len()
                    ),
                ));
            }
            buf = &mut buf[count..];
            offset += count as u64;
        }
        Ok(())
    }

    /// Writes from a place on, and returns how much. The cursor stays. A file open for appending is
    /// written at its end all the same.
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
    /// Not cancel-safe: dropped early, all, some or none of it is written, perhaps a little later.
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

    /// Writes the whole buffer from a place on.
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

    /// Waits until what was written, and the file's metadata, is on the disk.
    ///
    /// # Errors
    ///
    /// Returns the error of the system, and that of a write that was taken over before.
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

    /// Waits until what was written is on the disk, with only as much of the metadata as reading it
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

    /// Cuts the file or extends it with zeros. The cursor stays, perhaps behind the end.
    ///
    /// # Errors
    ///
    /// Returns the error of the system, and that of a write that was taken over before.
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

    /// What the system knows about the file.
    ///
    /// # Errors
    ///
    /// Returns the error of the system, and that of a write that was taken over before.
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

    /// Changes who may do what with the file.
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

    /// A second handle with the same cursor.
    ///
    /// # Errors
    ///
    /// If there is no descriptor left, and that of a write that was taken over before.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe.
    pub async fn try_clone(&self) -> io::Result<File> {
        self.settle().await?;
        self.file.try_clone().map(File::from_std)
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

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("File").field(&self.file).finish()
    }
}
