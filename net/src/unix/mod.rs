//! Unix domain sockets, and pipes.

mod addr;
mod cred;
mod datagram;
mod listener;
pub mod pipe;
mod stream;

pub use crate::halves::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
pub use addr::SocketAddr;
pub use cred::UCred;
pub use datagram::UnixDatagram;
pub use listener::{Incoming, UnixListener};
pub use stream::UnixStream;
