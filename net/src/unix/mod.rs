//! Unix domain sockets, and pipes.

mod addr;
mod cred;
mod datagram;
mod listener;
pub mod pipe;
mod socket;
mod stream;

pub use addr::SocketAddr;
pub use cred::{UCred, gid_t, pid_t, uid_t};
pub use datagram::UnixDatagram;
pub use listener::{Incoming, UnixListener};
pub use socket::UnixSocket;
pub use stream::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, UnixStream, WriteHalf};
