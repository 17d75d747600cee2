//! How a file is opened.

use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use super::error::tried;
use super::file::File;
use super::op::Op;
use super::request::{Reply, Request};

/// Options to open a file, with the semantics of [`std::fs::OpenOptions`].
///
/// ```
/// use futures_util::AsyncWriteExt;
/// use wakeful::fs::{self, OpenOptions};
///
/// # fn main() -> std::io::Result<()> {
/// # let path = std::env::temp_dir().join(format!("wakeful-doc-options-{}", std::process::id()));
/// wakeful::block_on(async {
///     for line in ["one\n", "two\n"] {
///         let mut log = OpenOptions::new().append(true).create(true).open(&path).await?;
///         log.write_all(line.as_bytes()).await?;
///         log.flush().await?;
///     }
///     assert_eq!(fs::read_to_string(&path).await?, "one\ntwo\n");
///     fs::remove_file(&path).await
/// })
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct OpenOptions {
    read: bool,
    write: bool,
    append: bool,
    truncate: bool,
    create: bool,
    create_new: bool,
    mode: u32,
    custom_flags: i32,
}

impl OpenOptions {
    /// Returns options without any access: a file can't be opened without `read`, `write` or
    /// `append`.
    pub fn new() -> OpenOptions {
        OpenOptions {
            read: false,
            write: false,
            append: false,
            truncate: false,
            create: false,
            create_new: false,
            mode: 0o666,
            custom_flags: 0,
        }
    }

    /// Sets read access. Default: off.
    pub fn read(&mut self, read: bool) -> &mut OpenOptions {
        self.read = read;
        self
    }

    /// Sets write access. Existing contents stay unless `truncate` is set too. Default: off.
    pub fn write(&mut self, write: bool) -> &mut OpenOptions {
        self.write = write;
        self
    }

    /// Sets append mode: every write goes to the end of the file. Default: off.
    pub fn append(&mut self, append: bool) -> &mut OpenOptions {
        self.append = append;
        self
    }

    /// Sets whether the file is truncated first. Needs `write`. Default: off.
    pub fn truncate(&mut self, truncate: bool) -> &mut OpenOptions {
        self.truncate = truncate;
        self
    }

    /// Sets whether a missing file is created. Needs `write` or `append`. Default: off.
    pub fn create(&mut self, create: bool) -> &mut OpenOptions {
        self.create = create;
        self
    }

    /// Sets whether the file must be new: it is created, and an existing file is an error. Default:
    /// off.
    pub fn create_new(&mut self, create_new: bool) -> &mut OpenOptions {
        self.create_new = create_new;
        self
    }

    /// Sets the permissions of a new file; the system removes those of the umask. Default: `0o666`.
    pub fn mode(&mut self, mode: u32) -> &mut OpenOptions {
        self.mode = mode;
        self
    }

    /// Sets further flags for `open(2)`, such as `O_DIRECT`. Flags that other options set are
    /// ignored. Default: none.
    pub fn custom_flags(&mut self, flags: i32) -> &mut OpenOptions {
        self.custom_flags = flags;
        self
    }

    /// Opens a file.
    ///
    /// # Errors
    ///
    /// Returns the error of the system, with the path; `InvalidInput` for options that contradict
    /// each other, and for a path with a zero byte.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the file may have been created or truncated, but does not stay
    /// open.
    pub async fn open(&self, path: impl AsRef<Path>) -> io::Result<File> {
        let path = path.as_ref();
        self.open_bare(path).await.map_err(tried("open", path))
    }

    pub(super) async fn open_bare(&self, path: &Path) -> io::Result<File> {
        let mut request = Request::Open {
            path: c_path(path)?,
            flags: self.flags()?,
            mode: Mode::from_bits_retain(self.mode as _),
        };
        loop {
            match Op::new(request).await {
                (Ok(Reply::Opened(fd)), _) => return Ok(File::from_std(fd.into())),
                (Ok(_), _) => unreachable!("an open returns a descriptor"),
                (Err(error), Some(again)) if error.kind() == io::ErrorKind::Interrupted => {
                    request = again;
                }
                (Err(error), _) => return Err(error),
            }
        }
    }

    fn flags(&self) -> io::Result<OFlags> {
        let invalid = |text| Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        let access = match (self.read, self.write, self.append) {
            (true, false, false) => OFlags::RDONLY,
            (false, true, false) => OFlags::WRONLY,
            (true, true, false) => OFlags::RDWR,
            (false, _, true) => OFlags::WRONLY | OFlags::APPEND,
            (true, _, true) => OFlags::RDWR | OFlags::APPEND,
            (false, false, false) => {
                return invalid("none of `read`, `write` and `append` is set: set one");
            }
        };
        let writes = self.write || self.append;
        if (self.create || self.create_new) && !writes {
            return invalid("`create` needs `write` or `append`");
        }
        if self.truncate && (!self.write || self.append) && !self.create_new {
            return invalid("`truncate` needs `write`, and does not go with `append`");
        }
        let making = match (self.create_new, self.create, self.truncate) {
            (true, _, _) => OFlags::CREATE | OFlags::EXCL,
            (false, true, true) => OFlags::CREATE | OFlags::TRUNC,
            (false, true, false) => OFlags::CREATE,
            (false, false, true) => OFlags::TRUNC,
            (false, false, false) => OFlags::empty(),
        };
        let custom = OFlags::from_bits_retain(self.custom_flags as _) & !OFlags::ACCMODE;
        Ok(OFlags::CLOEXEC | access | making | custom)
    }
}

impl Default for OpenOptions {
    fn default() -> OpenOptions {
        OpenOptions::new()
    }
}

fn c_path(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            "the path contains a zero byte, which systems do not allow",
        )
    })
}

impl File {
    /// Opens a file for reading.
    ///
    /// # Errors
    ///
    /// Returns the error of the system, with the path. Opening a directory succeeds; reading from
    /// it fails.
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
    /// wakeful::block_on(async {
    ///     let error = wakeful::fs::File::open("/no/such/file").await.unwrap_err();
    ///     let text = "open `/no/such/file`: No such file or directory (os error 2)";
    ///     assert_eq!(error.to_string(), text);
    /// });
    /// ```
    pub async fn open(path: impl AsRef<Path>) -> io::Result<File> {
        OpenOptions::new().read(true).open(path).await
    }

    /// Opens a file for writing: creates it if it does not exist, and truncates it if it does.
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
    /// If the future is dropped, the file may have been created or truncated.
    pub async fn create(path: impl AsRef<Path>) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        options.open(path).await
    }

    /// Creates a file, for reading and writing.
    ///
    /// # Errors
    ///
    /// Returns the error of the system, with the path; `AlreadyExists` if the file exists.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the file may have been created.
    pub async fn create_new(path: impl AsRef<Path>) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        options.open(path).await
    }

    /// Same as [`OpenOptions::new`].
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }
}
