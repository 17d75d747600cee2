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

mod descriptor;
mod open;
mod receiver;
mod sender;

pub use open::OpenOptions;
pub use receiver::Receiver;
pub use sender::Sender;

use std::io;

use descriptor::nonblocking;

/// Creates a pipe.
///
/// # Errors
///
/// Returns the error of the system if it provides no descriptor.
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
