//! Options to open named pipes.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::descriptor::check;
use super::receiver::Receiver;
use super::sender::Sender;
use crate::error::{is, tried};

/// Options to open a named pipe (FIFO), which must exist.
///
/// ```no_run
/// use wakeful::net::unix::pipe;
///
/// # async fn example() -> std::io::Result<()> {
/// let receiver = pipe::OpenOptions::new().open_receiver("/tmp/example.fifo")?;
/// let mut buf = [0; 64];
/// let n = receiver.read(&mut buf).await?; // waits for a sender
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    read_write: bool,
    unchecked: bool,
}

impl OpenOptions {
    /// Returns the default options.
    pub fn new() -> OpenOptions {
        OpenOptions::default()
    }

    /// Sets whether to open the pipe for reading and writing, which Linux allows. A sender can
    /// then be opened without a receiver, and a receiver never reads the end of the stream, since
    /// the receiver itself counts as a writer.
    pub fn read_write(&mut self, value: bool) -> &mut OpenOptions {
        self.read_write = value;
        self
    }

    /// Sets whether to skip the check that the file is a pipe.
    pub fn unchecked(&mut self, value: bool) -> &mut OpenOptions {
        self.unchecked = value;
        self
    }

    /// Opens the pipe for reading. This does not wait for a sender; the first read does.
    ///
    /// # Errors
    ///
    /// Returns the error of the system, with the path; `InvalidInput` if the file is not a pipe.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn open_receiver<P: AsRef<Path>>(&self, path: P) -> io::Result<Receiver> {
        let fd = self.open(path.as_ref(), OFlags::RDONLY, OFlags::WRONLY)?;
        Receiver::from_owned_fd_unchecked(fd)
    }

    /// Opens the pipe for writing. Unless [`read_write`](Self::read_write) is set, a receiver must
    /// have opened it before.
    ///
    /// # Errors
    ///
    /// Returns the error of the system, with the path; `InvalidInput` if the file is not a pipe.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn open_sender<P: AsRef<Path>>(&self, path: P) -> io::Result<Sender> {
        let fd = self.open(path.as_ref(), OFlags::WRONLY, OFlags::RDONLY)?;
        Sender::from_owned_fd_unchecked(fd)
    }

    fn open(&self, path: &Path, access: OFlags, refused: OFlags) -> io::Result<OwnedFd> {
        let access = if self.read_write {
            OFlags::RDWR
        } else {
            access
        };
        let flags = access | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        let open = || {
            let fd = rustix::fs::open(path, flags, Mode::empty())?;
            if !self.unchecked {
                check(&fd, refused, "this access")?;
            }
            Ok(fd)
        };
        open().map_err(|error: io::Error| {
            let no_reader = is(&error, Errno::NXIO);
            let error = tried("open", path.display())(error);
            match no_reader {
                true => tried(
                    "no process has opened this pipe for reading:",
                    "try again later",
                )(error),
                false => error,
            }
        })
    }
}
