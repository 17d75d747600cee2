//! Pipes, and named pipes (FIFOs).
//!
//! ```
//! use wakeful::net::unix::pipe;
//!
//! # fn main() -> std::io::Result<()> {
//! wakeful::block_on(async {
//!     let (sender, receiver) = pipe::pipe()?;
//!     sender.write(b"hello").await?;
//!     drop(sender);
//!     let mut buf = [0; 16];
//!     assert_eq!(receiver.read(&mut buf).await?, 5);
//!     assert_eq!(receiver.read(&mut buf).await?, 0); // the end: no sender is left
//!     Ok(())
//! })
//! # }
//! ```

mod open;
mod receiver;
mod sender;

pub use open::OpenOptions;
pub use receiver::Receiver;
pub use sender::Sender;

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{FileType, OFlags, fcntl_getfl, fstat};
use wakeful_core::reactor::Async;

/// A new pipe.
///
/// # Errors
///
/// If the system gives none.
///
/// # Panics
///
/// Outside a runtime.
#[track_caller]
pub fn pipe() -> io::Result<(Sender, Receiver)> {
    let (read, write) = io::pipe()?;
    let receiver = Receiver::from_owned_fd_unchecked(nonblocking(read.into())?)?;
    let sender = Sender::from_owned_fd_unchecked(nonblocking(write.into())?)?;
    Ok((sender, receiver))
}

fn nonblocking(fd: OwnedFd) -> io::Result<OwnedFd> {
    rustix::io::ioctl_fionbio(&fd, true)?;
    Ok(fd)
}

fn into_blocking(pipe: Async<File>) -> io::Result<OwnedFd> {
    let file = pipe.into_inner()?;
    rustix::io::ioctl_fionbio(&file, false)?;
    Ok(file.into())
}

/// Is this a pipe, open for that? `refused` is the access that it may not have.
fn check(fd: impl AsFd, refused: OFlags, what: &str) -> io::Result<()> {
    let invalid = |text| Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    if FileType::from_raw_mode(fstat(&fd)?.st_mode) != FileType::Fifo {
        return invalid("it is not a pipe".to_owned());
    }
    if fcntl_getfl(&fd)? & OFlags::RWMODE == refused {
        return invalid(format!("the pipe is not open for {what}"));
    }
    Ok(())
}
