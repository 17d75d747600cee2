//! The standard streams of the process.
//!
//! ```no_run
//! use futures_util::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
//! use wakeful::io::{stdin, stdout};
//!
//! # fn main() -> std::io::Result<()> {
//! wakeful::block_on(async {
//!     let mut line = String::new();
//!     BufReader::new(stdin()).read_line(&mut line).await?;
//!     stdout().write_all(line.as_bytes()).await
//! })
//! # }
//! ```
//!
//! A standard stream is most often shared with other processes, such as the shell, and with it the
//! flag that makes it nonblocking. So that flag is never touched. On Linux a pipe or a terminal is
//! opened once more, by way of `/proc`, which gives a flag of one's own and lets the reactor wait for
//! it. Everything else (files, sockets, `/dev/null`, a terminal of another user, other systems) is
//! read by a thread that nobody waits for, and written to on the blocking pool.

mod stdin;
mod stdout;
mod thread;

pub use stdin::{Stdin, stdin};
pub use stdout::{Stderr, Stdout, stderr, stdout};

use std::fs::File;
use std::os::fd::BorrowedFd;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::reactor::Async;

/// The same pipe or terminal, with flags of its own, on the reactor. `None`: it takes a thread.
#[track_caller]
fn reopen(number: u8, access: OFlags) -> Option<Async<File>> {
    use std::io::IsTerminal;
    use std::os::unix::fs::FileTypeExt;
    if !cfg!(target_os = "linux") {
        return None;
    }
    let path = format!("/proc/self/fd/{number}");
    let flags = access | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let kind = std::fs::metadata(&path).ok()?.file_type();
    if !(kind.is_fifo() || kind.is_char_device()) {
        return None;
    }
    let file = File::from(rustix::fs::open(path, flags, rustix::fs::Mode::empty()).ok()?);
    if !kind.is_fifo() && !file.is_terminal() {
        return None;
    }
    Async::new_nonblocking(file).ok()
}

/// A blocking operation on a descriptor that someone may have made nonblocking.
fn patiently<R>(
    fd: BorrowedFd<'_>,
    events: PollFlags,
    mut op: impl FnMut() -> Result<R, Errno>,
) -> Result<R, Errno> {
    loop {
        match op() {
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => match poll(&mut [PollFd::from_borrowed_fd(fd, events)], None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error),
            },
            result => return result,
        }
    }
}
