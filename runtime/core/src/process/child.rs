//! Handle to a running child.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::process::{self, ExitStatus, Output};

use futures_util::future::try_join3;

use super::exit::{Exit, ended};
use super::orphan;
use super::pipes::{ChildStderr, ChildStdin, ChildStdout};

/// Child process; made by [`Command::spawn`](super::Command::spawn).
///
/// It belongs to the runtime that it was started in. Dropping it leaves the child running, unless
/// [`kill_on_drop`](super::Command::kill_on_drop) was set. No zombie stays in either case, see the
/// [module](super).
///
/// ```
/// use futures_util::{AsyncReadExt, AsyncWriteExt};
/// use std::process::Stdio;
/// use wakeful::process::Command;
///
/// # fn main() -> std::io::Result<()> {
/// wakeful::block_on(async {
///     let mut child = Command::new("tr")
///         .args(["a-z", "A-Z"])
///         .stdin(Stdio::piped())
///         .stdout(Stdio::piped())
///         .spawn()?;
///     child.stdin.take().unwrap().write_all(b"hello").await?; // and dropped: the end
///     let mut answer = String::new();
///     child.stdout.take().unwrap().read_to_string(&mut answer).await?;
///     assert_eq!(answer, "HELLO");
///     assert!(child.wait().await?.success());
///     Ok(())
/// })
/// # }
/// ```
pub struct Child {
    /// The pipe to its standard input, if it was configured with `Stdio::piped()`.
    pub stdin: Option<ChildStdin>,
    /// The pipe from its standard output, if it was configured with `Stdio::piped()`.
    pub stdout: Option<ChildStdout>,
    /// The pipe from its standard error, if it was configured with `Stdio::piped()`.
    pub stderr: Option<ChildStderr>,
    process: State,
    kill_on_drop: bool,
}

enum State {
    Running(process::Child, Exit),
    Ended(ExitStatus),
    /// Only during the drop.
    Gone,
}

impl Child {
    /// Wraps a child of std. If that fails the child is killed, as nothing could wait for it.
    #[track_caller]
    pub(super) fn new(mut child: process::Child, kill_on_drop: bool) -> io::Result<Child> {
        let mut take_in = || {
            let stdin = child.stdin.take().map(ChildStdin::from_std);
            let stdout = child.stdout.take().map(ChildStdout::from_std);
            let stderr = child.stderr.take().map(ChildStderr::from_std);
            let pipes = (stdin.transpose()?, stdout.transpose()?, stderr.transpose()?);
            Ok((pipes, Exit::of(&child)?))
        };
        match take_in() {
            Ok(((stdin, stdout, stderr), exit)) => Ok(Child {
                stdin,
                stdout,
                stderr,
                process: State::Running(child, exit),
                kill_on_drop,
            }),
            Err(error) => {
                let _ = child.kill();
                orphan::adopt(child);
                Err(error)
            }
        }
    }

    /// Returns the process id; `None` once the child has been waited for, as the system may then
    /// reuse the id.
    pub fn id(&self) -> Option<u32> {
        match &self.process {
            State::Running(child, _) => Some(child.id()),
            _ => None,
        }
    }

    /// Waits until the child has ended. Closes its standard input first, so that the two processes
    /// do not wait for each other. Later calls return the same status again.
    ///
    /// # Errors
    ///
    /// Returns an error if the status is lost because this process ignores `SIGCHLD` or other code
    /// in it has waited for the child, or if the runtime has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe, except that the standard input stays closed.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.stdin = None;
        let process = &mut self.process;
        let status = match process {
            State::Running(child, exit) => poll_fn(|cx| exit.poll(cx, child)).await?,
            State::Ended(status) => return Ok(*status),
            State::Gone => unreachable!("`wait` needs the child, which is not dropped"),
        };
        *process = State::Ended(status);
        Ok(status)
    }

    /// Returns the status of the child if it has ended.
    ///
    /// # Errors
    ///
    /// Returns an error if the status is lost, as for [`wait`](Self::wait).
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        match &mut self.process {
            State::Running(child, _) => {
                let status = ended(child)?;
                if let Some(status) = status {
                    self.process = State::Ended(status);
                }
                Ok(status)
            }
            State::Ended(status) => Ok(Some(*status)),
            State::Gone => Ok(None),
        }
    }

    /// Sends `SIGKILL` without waiting for the end. Does nothing if the child has been waited for.
    ///
    /// # Errors
    ///
    /// Returns an error if the system refuses, for example if the child runs as another user.
    pub fn start_kill(&mut self) -> io::Result<()> {
        match &mut self.process {
            State::Running(child, _) => child.kill(),
            _ => Ok(()),
        }
    }

    /// Sends `SIGKILL` and waits for the end.
    ///
    /// # Errors
    ///
    /// As [`start_kill`](Self::start_kill) and [`wait`](Self::wait).
    ///
    /// # Cancel safety
    ///
    /// The signal is sent at the first poll. Waiting is cancel-safe.
    pub async fn kill(&mut self) -> io::Result<()> {
        self.start_kill()?;
        self.wait().await.map(drop)
    }

    /// Reads both outputs to their end, at the same time, and waits for the child. Its standard
    /// input is closed first. The result is empty for an output that is not piped.
    ///
    /// An output ends when all processes that hold it have closed it, so processes that the child
    /// leaves behind can delay this; see [`timeout`](crate::time::timeout).
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait), or the error of a read.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the child, and the bytes that were read so far.
    pub async fn wait_with_output(mut self) -> io::Result<Output> {
        let (stdout, stderr) = (self.stdout.take(), self.stderr.take());
        let stdout = async {
            match stdout {
                Some(pipe) => pipe.into_all().await,
                None => Ok(Vec::new()),
            }
        };
        let stderr = async {
            match stderr {
                Some(pipe) => pipe.into_all().await,
                None => Ok(Vec::new()),
            }
        };
        let (status, stdout, stderr) = try_join3(self.wait(), stdout, stderr).await?;
        Ok(Output {
            status,
            stdout,
            stderr,
        })
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if let State::Running(mut child, exit) = std::mem::replace(&mut self.process, State::Gone) {
            if self.kill_on_drop {
                // An error means that the child has ended.
                let _ = child.kill();
            }
            drop(exit);
            orphan::adopt(child);
        }
    }
}

impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Child");
        match &self.process {
            State::Ended(status) => out.field("status", status),
            _ => out.field("id", &self.id()),
        };
        out.field("kill_on_drop", &self.kill_on_drop)
            .field("stdin", &self.stdin)
            .field("stdout", &self.stdout)
            .field("stderr", &self.stderr)
            .finish()
    }
}
