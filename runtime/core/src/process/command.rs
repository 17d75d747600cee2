//! Builder for child processes.

use std::error::Error;
use std::ffi::OsStr;
use std::fmt;
use std::future::Future;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, ExitStatus, Output, Stdio};

use super::child::Child;
use super::orphan;
use crate::reactor::current;

/// Builder for a child process: the [`Command`](process::Command) of std, with async children.
///
/// Settings and defaults are those of std; for settings without a method here use
/// [`as_std_mut`](Command::as_std_mut).
///
/// ```
/// use std::process::Stdio;
/// use wakeful::process::Command;
///
/// # fn main() -> std::io::Result<()> {
/// wakeful::block_on(async {
///     let mut list = Command::new("printf").arg("b\\na\\n").stdout(Stdio::piped()).spawn()?;
///     // The output of one is the input of the next.
///     let pipe: Stdio = list.stdout.take().unwrap().try_into()?;
///     let sorted = Command::new("sort").stdin(pipe).output().await?;
///     assert_eq!(sorted.stdout, b"a\nb\n");
///     assert!(list.wait().await?.success());
///
///     let error = Command::new("no-such-program").spawn().unwrap_err();
///     assert!(error.to_string().contains("`no-such-program`"));
///     Ok(())
/// })
/// # }
/// ```
#[derive(Debug)]
pub struct Command {
    std: process::Command,
    kill_on_drop: bool,
    /// Whether the standard input, output and error were set here, which std does not reveal.
    is_set: [bool; 3],
    /// Whether they may have been set on the command of std instead.
    may_be_set: bool,
}

impl Command {
    /// Creates a command for a program: a path, or a name that is looked up in `PATH`.
    pub fn new<S: AsRef<OsStr>>(program: S) -> Command {
        Command {
            may_be_set: false,
            ..Command::from(process::Command::new(program))
        }
    }

    /// Returns the command of std.
    pub fn as_std(&self) -> &process::Command {
        &self.std
    }

    /// Returns the command of std, for settings without a method here. Set the standard streams
    /// with the methods here: [`output`](Self::output) can't see settings on the command of std.
    pub fn as_std_mut(&mut self) -> &mut process::Command {
        self.may_be_set = true;
        &mut self.std
    }

    /// Returns the command of std, without `kill_on_drop`.
    pub fn into_std(self) -> process::Command {
        self.std
    }

    /// Adds an argument.
    pub fn arg<S: AsRef<OsStr>>(&mut self, arg: S) -> &mut Command {
        self.std.arg(arg);
        self
    }

    /// Adds arguments.
    pub fn args<I, S>(&mut self, args: I) -> &mut Command
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        self.std.args(args);
        self
    }

    /// Sets an environment variable.
    pub fn env<K, V>(&mut self, key: K, value: V) -> &mut Command
    where
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        self.std.env(key, value);
        self
    }

    /// Sets environment variables.
    pub fn envs<I, K, V>(&mut self, variables: I) -> &mut Command
    where
        I: IntoIterator<Item = (K, V)>,
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        self.std.envs(variables);
        self
    }

    /// Removes an environment variable from the child.
    pub fn env_remove<K: AsRef<OsStr>>(&mut self, key: K) -> &mut Command {
        self.std.env_remove(key);
        self
    }

    /// Clears the environment of the child.
    pub fn env_clear(&mut self) -> &mut Command {
        self.std.env_clear();
        self
    }

    /// Sets the working directory of the child.
    pub fn current_dir<P: AsRef<Path>>(&mut self, directory: P) -> &mut Command {
        self.std.current_dir(directory);
        self
    }

    /// Sets the standard input of the child. Default: inherited, and `/dev/null` for
    /// [`output`](Self::output).
    pub fn stdin<T: Into<Stdio>>(&mut self, stdio: T) -> &mut Command {
        self.is_set[0] = true;
        self.std.stdin(stdio);
        self
    }

    /// Sets the standard output of the child. Default: inherited, and piped for
    /// [`output`](Self::output).
    pub fn stdout<T: Into<Stdio>>(&mut self, stdio: T) -> &mut Command {
        self.is_set[1] = true;
        self.std.stdout(stdio);
        self
    }

    /// Sets the standard error of the child. Default: inherited, and piped for
    /// [`output`](Self::output).
    pub fn stderr<T: Into<Stdio>>(&mut self, stdio: T) -> &mut Command {
        self.is_set[2] = true;
        self.std.stderr(stdio);
        self
    }

    /// Sets whether the child is sent `SIGKILL` when its [`Child`] is dropped before it has been
    /// waited for. Default: off.
    pub fn kill_on_drop(&mut self, kill_on_drop: bool) -> &mut Command {
        self.kill_on_drop = kill_on_drop;
        self
    }

    /// Returns the setting of [`kill_on_drop`](Self::kill_on_drop).
    pub fn get_kill_on_drop(&self) -> bool {
        self.kill_on_drop
    }

    /// Sets the user id of the child.
    pub fn uid(&mut self, id: u32) -> &mut Command {
        self.std.uid(id);
        self
    }

    /// Sets the group id of the child.
    pub fn gid(&mut self, id: u32) -> &mut Command {
        self.std.gid(id);
        self
    }

    /// Sets the first argument (`argv[0]`), the name that the child was called by.
    pub fn arg0<S: AsRef<OsStr>>(&mut self, arg: S) -> &mut Command {
        self.std.arg0(arg);
        self
    }

    /// Sets the process group of the child; 0 makes a new group, which ctrl-c of the terminal does
    /// not reach.
    pub fn process_group(&mut self, group: i32) -> &mut Command {
        self.std.process_group(group);
        self
    }

    /// Calls `f` in the child, just before the program starts.
    ///
    /// # Safety
    ///
    /// As in [`CommandExt::pre_exec`]: `f` runs in a copy of this process that has only one of its
    /// threads, so it may do only what a signal handler may.
    pub unsafe fn pre_exec<F>(&mut self, f: F) -> &mut Command
    where
        F: FnMut() -> io::Result<()> + Send + Sync + 'static,
    {
        // SAFETY: the caller upholds the same contract.
        unsafe { self.std.pre_exec(f) };
        self
    }

    /// Starts the child. This blocks for as long as the system takes to start a process.
    ///
    /// # Errors
    ///
    /// Returns an error with the name of the program if it can't be started, or if there is no
    /// descriptor left.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn spawn(&mut self) -> io::Result<Child> {
        // Panics outside a runtime before there is a child.
        current::with(|_| ());
        orphan::reap_unwatched();
        let child = self.std.spawn().map_err(|error| self.cannot_start(error))?;
        Child::new(child, self.kill_on_drop)
    }

    /// Starts the child at once and waits for its end.
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn) and [`Child::wait`].
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the child: see [`kill_on_drop`](Self::kill_on_drop).
    #[track_caller]
    pub fn status(&mut self) -> impl Future<Output = io::Result<ExitStatus>> + use<> {
        let child = self.spawn();
        async {
            let mut child = child?;
            // Nothing would read these pipes; a child that writes gets an error instead of waiting.
            (child.stdout, child.stderr) = (None, None);
            child.wait().await
        }
    }

    /// Starts the child at once, reads its outputs and waits for its end.
    ///
    /// As in std, its standard input is `/dev/null` and its outputs are piped, unless
    /// [`stdin`](Self::stdin), [`stdout`](Self::stdout) or [`stderr`](Self::stderr) has been
    /// called. An output that is not piped is empty in the result. Later calls, such as
    /// [`spawn`](Self::spawn), use their own defaults again.
    ///
    /// A command made from a command of std, or changed through [`as_std_mut`](Self::as_std_mut),
    /// may have streams that were set there, which can't be seen here: then the input is left as it
    /// is, and the outputs are piped.
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn) and [`Child::wait_with_output`].
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the child: see [`kill_on_drop`](Self::kill_on_drop).
    #[track_caller]
    pub fn output(&mut self) -> impl Future<Output = io::Result<Output>> + use<> {
        let [stdin, stdout, stderr] = self.is_set;
        let keeps_stdin = stdin || self.may_be_set;
        let std = &mut self.std;
        if !keeps_stdin {
            std.stdin(Stdio::null());
        }
        if !stdout {
            std.stdout(Stdio::piped());
        }
        if !stderr {
            std.stderr(Stdio::piped());
        }
        let child = self.spawn();
        // The default of std.
        let std = &mut self.std;
        if !keeps_stdin {
            std.stdin(Stdio::inherit());
        }
        if !stdout {
            std.stdout(Stdio::inherit());
        }
        if !stderr {
            std.stderr(Stdio::inherit());
        }
        async { child?.wait_with_output().await }
    }

    /// Returns the error with the name of the program and a hint about the cause.
    fn cannot_start(&self, error: io::Error) -> io::Error {
        let hint = match error.kind() {
            io::ErrorKind::NotFound => self.what_is_missing(),
            io::ErrorKind::PermissionDenied => Some("is it a file that may be executed?".into()),
            _ => None,
        };
        let program = PathBuf::from(self.std.get_program());
        let kind = error.kind();
        let text = CannotStart {
            program,
            hint,
            error,
        };
        io::Error::new(kind, text)
    }

    fn what_is_missing(&self) -> Option<String> {
        if let Some(directory) = self.std.get_current_dir()
            && !directory.is_dir()
        {
            let directory = directory.display();
            return Some(format!("the directory `{directory}` does not exist"));
        }
        let program = Path::new(self.std.get_program());
        if program.components().count() == 1 && !program.is_absolute() {
            return Some("no directory of PATH has it; give its path, or install it".into());
        }
        program
            .is_file()
            .then(|| "what its first line names as its interpreter is missing".into())
    }
}

impl From<process::Command> for Command {
    fn from(std: process::Command) -> Command {
        Command {
            std,
            kill_on_drop: false,
            is_set: [false; 3],
            may_be_set: true,
        }
    }
}

/// Error of the system with the name of the program. The kind stays the same; the original error is
/// the `source`.
#[derive(Debug)]
struct CannotStart {
    program: PathBuf,
    hint: Option<String>,
    error: io::Error,
}

impl fmt::Display for CannotStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let program = self.program.display();
        write!(f, "cannot start `{program}`: {}", self.error)?;
        match &self.hint {
            Some(hint) => write!(f, ": {hint}"),
            None => Ok(()),
        }
    }
}

impl Error for CannotStart {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}
