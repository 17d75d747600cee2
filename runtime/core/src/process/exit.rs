//! Notification of the end of a child process.

use std::io;
use std::os::fd::OwnedFd;
use std::process::{Child, ExitStatus};
use std::task::{Context, Poll, ready};

use crate::reactor::Async;
use crate::signal::unix::{Signal, SignalKind, signal};
use crate::sys;

/// Event after which to check whether a child has ended.
#[derive(Debug)]
pub(super) enum Exit {
    /// Becomes readable when this child ends.
    Pidfd(Async<OwnedFd>),
    /// Arrives when any child ends.
    Signal(Signal),
}

impl Exit {
    /// Registers for the end of `child`: with its pidfd, or with `SIGCHLD` if there is none.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no descriptor left.
    #[track_caller]
    pub(super) fn of(child: &Child) -> io::Result<Exit> {
        match Exit::by_pidfd(child) {
            Ok(exit) => Ok(exit),
            // The system has no pidfds, the kernel is too old, or a sandbox refuses the call.
            Err(_) => Exit::by_signal(),
        }
    }

    fn by_pidfd(child: &Child) -> io::Result<Exit> {
        // The pidfd is never read, so nothing can block.
        Ok(Exit::Pidfd(Async::new_nonblocking(sys::pidfd(child)?)?))
    }

    pub(super) fn by_signal() -> io::Result<Exit> {
        Ok(Exit::Signal(signal(SignalKind::child())?))
    }

    /// Polls for the status of `child`, which must be the child that this was made for.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        child: &mut Child,
    ) -> Poll<io::Result<ExitStatus>> {
        match self {
            Exit::Pidfd(pidfd) => pidfd.poll_read_with(cx, |_| match ended(child)? {
                Some(status) => Ok(status),
                None => Err(io::ErrorKind::WouldBlock.into()),
            }),
            Exit::Signal(signal) => loop {
                // The listener exists already, so it is notified of an end after this check.
                if let Some(status) = ended(child)? {
                    return Poll::Ready(Ok(status));
                }
                if ready!(signal.poll_recv(cx)).is_none() {
                    let text = "the runtime that waited for a child process has been dropped";
                    return Poll::Ready(Err(io::Error::other(text)));
                }
            },
        }
    }
}

/// Returns the status of the child if it has ended, and reaps it.
pub(super) fn ended(child: &mut Child) -> io::Result<Option<ExitStatus>> {
    use rustix::io::Errno;
    child.try_wait().map_err(|error| {
        if Errno::from_io_error(&error) != Some(Errno::CHILD) {
            return error;
        }
        let text = format!(
            "the status of child process {} is lost: this process ignores SIGCHLD, or something \
             else in it has waited for the child ({error})",
            child.id()
        );
        io::Error::new(error.kind(), text)
    })
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::process::Command;
    use std::thread;

    use futures_util::future::join_all;

    use super::*;

    async fn exit_code(mut child: Child, mut exit: Exit) -> Option<i32> {
        let status = poll_fn(|cx| exit.poll(cx, &mut child)).await;
        status.unwrap().code()
    }

    fn exits_with(code: i32) -> Child {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("exit {code}")]);
        command.spawn().unwrap()
    }

    #[test]
    fn without_a_pidfd_a_signal_tells() {
        let threads = [0, 100].map(|from| {
            thread::spawn(move || {
                crate::block_on(async {
                    let children = (from..from + 50).map(|code| async move {
                        let child = exits_with(code);
                        let exit = Exit::by_signal().unwrap();
                        assert_eq!(exit_code(child, exit).await, Some(code));
                    });
                    join_all(children).await;
                });
            })
        });
        for thread in threads {
            thread.join().unwrap();
        }
    }

    #[test]
    fn with_a_pidfd_no_signal_is_listened_for() {
        crate::block_on(async {
            let child = exits_with(7);
            let exit = Exit::of(&child).unwrap();
            let has_pidfds = sys::pidfd(&child).is_ok();
            assert_eq!(matches!(exit, Exit::Pidfd(_)), has_pidfds);
            assert_eq!(exit_code(child, exit).await, Some(7));
        });
    }
}
