//! What to start, and how.

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

/// A process to be started: std's [`Command`](process::Command), whose children are async.
///
/// What can be set, and what is inherited, is as in std; for what is not repeated here there is
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
    /// Whether the standard input, output and error have been set here: std does not tell.
    is_set: [bool; 3],
    /// Whether they may have been set on the command of std.
    may_be_set: bool,
}

impl Command {
    /// The program: a path, or a name that is looked for in `PATH`.
    pub fn new<S: AsRef<OsStr>>(program: S) -> Command {
        Command {
            may_be_set: false,
            ..Command::from(process::Command::new(program))
        }
    }

    /// The command of std inside.
    pub fn as_std(&self) -> &process::Command {
        &self.std
    }

    /// The command of std inside, to set what has no method here. Set the standard streams by the
    /// methods here: [`output`](Self::output) can't see what is set on the command of std.
    pub fn as_std_mut(&mut self) -> &mut process::Command {
        self.may_be_set = true;
        &mut self.std
    }

    /// The command of std inside; `kill_on_drop` is forgotten.
    pub fn into_std(self) -> process::Command {
        self.std
    }

    /// One more argument.
    pub fn arg<S: AsRef<OsStr>>(&mut self, arg: S) -> &mut Command {
        self.std.arg(arg);
        self
    }

    /// More arguments.
    pub fn args<I, S>(&mut self, args: I) -> &mut Command
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        self.std.args(args);
        self
    }

    /// Sets a variable of the environment.
    pub fn env<K, V>(&mut self, key: K, value: V) -> &mut Command
    where
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        self.std.env(key, value);
        self
    }

    /// Sets variables of the environment.
    pub fn envs<I, K, V>(&mut self, variables: I) -> &mut Command
    where
        I: IntoIterator<Item = (K, V)>,
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        self.std.envs(variables);
        self
    }

    /// Keeps a variable of the environment from the child.
    pub fn env_remove<K: AsRef<OsStr>>(&mut self, key: K) -> &mut Command {
        self.std.env_remove(key);
        self
    }

    /// Keeps the whole environment from the child.
    pub fn env_clear(&mut self) -> &mut Command {
        self.std.env_clear();
        self
    }

    /// The directory that the child starts in.
    pub fn current_dir<P: AsRef<Path>>(&mut self, directory: P) -> &mut Command {
        self.std.current_dir(directory);
        self
    }

    /// The child's standard input. Default: inherited, and `/dev/null` for
    /// [`output`](Self::output).
    pub fn stdin<T: Into<Stdio>>(&mut self, stdio: T) -> &mut Command {
        self.is_set[0] = true;
        self.std.stdin(stdio);
        self
    }

    /// The child's standard output. Default: inherited, and piped for [`output`](Self::output).
    pub fn stdout<T: Into<Stdio>>(&mut self, stdio: T) -> &mut Command {
        self.is_set[1] = true;
        self.std.stdout(stdio);
        self
    }

    /// The child's standard error. Default: inherited, and piped for [`output`](Self::output).
    pub fn stderr<T: Into<Stdio>>(&mut self, stdio: T) -> &mut Command {
        self.is_set[2] = true;
        self.std.stderr(stdio);
        self
    }

    /// Whether the child is sent `SIGKILL` when its [`Child`] is dropped before it has been waited
    /// for. Off unless set.
    pub fn kill_on_drop(&mut self, kill_on_drop: bool) -> &mut Command {
        self.kill_on_drop = kill_on_drop;
        self
    }

    /// What [`kill_on_drop`](Self::kill_on_drop) has been set to.
    pub fn get_kill_on_drop(&self) -> bool {
        self.kill_on_drop
    }

    /// The user that the child runs as.
    pub fn uid(&mut self, id: u32) -> &mut Command {
        self.std.uid(id);
        self
    }

    /// The group that the child runs as.
    pub fn gid(&mut self, id: u32) -> &mut Command {
        self.std.gid(id);
        self
    }

    /// What the child sees as the name that it was called by.
    pub fn arg0<S: AsRef<OsStr>>(&mut self, arg: S) -> &mut Command {
        self.std.arg0(arg);
        self
    }

    /// The process group of the child; 0 is a new one of its own, which ctrl-c of the terminal does
    /// not reach.
    pub fn process_group(&mut self, group: i32) -> &mut Command {
        self.std.process_group(group);
        self
    }

    /// Calls `f` in the child, right before the program starts.
    ///
    /// # Safety
    ///
    /// As in [`CommandExt::pre_exec`]: `f` runs in a copy of this process that has only one of its
    /// threads, so it may do nothing but what a signal handler may.
    pub unsafe fn pre_exec<F>(&mut self, f: F) -> &mut Command
    where
        F: FnMut() -> io::Result<()> + Send + Sync + 'static,
    {
        // SAFETY: the same contract, which the caller has taken on.
        unsafe { self.std.pre_exec(f) };
        self
    }

    /// Starts the child. This blocks for as long as the system takes to start a process.
    ///
    /// # Errors
    ///
    /// If it can't be started, with the name of the program; if there is no descriptor left.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn spawn(&mut self) -> io::Result<Child> {
        // Panics outside a runtime, now, while there is no child yet.
        current::with(|_| ());
        orphan::sweep();
        let child = self.std.spawn().map_err(|error| self.cannot_start(error))?;
        Child::new(child, self.kill_on_drop)
    }

    /// Starts the child, at once, and waits for its end.
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
            // Nobody would read them: a child that writes learns that, instead of waiting.
            (child.stdout, child.stderr) = (None, None);
            child.wait().await
        }
    }

    /// Starts the child, at once, reads its outputs and waits for its end.
    ///
    /// As in std, its standard input is `/dev/null` and its outputs are piped, unless
    /// [`stdin`](Self::stdin), [`stdout`](Self::stdout) or [`stderr`](Self::stderr) has been
    /// called. An output that is not piped is empty in the result. What comes after, such as
    /// [`spawn`](Self::spawn), has its own defaults again.
    ///
    /// A command that is made of one of std's, or was lent by [`as_std_mut`](Self::as_std_mut), may
    /// have streams that were set there, which can't be seen: then its input is left as it is, and
    /// the outputs are piped.
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
        // What std does for all that was never set.
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

    /// What was to be started, and what may be wrong with it.
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

/// The system's error, with the program's name. The kind stays the same; the original error is the
/// `source`.
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
