//! Credentials of a peer.

use std::io;
use std::os::fd::BorrowedFd;

use crate::sys;

/// Number of a user.
#[expect(
    non_camel_case_types,
    reason = "the name of the C library and of tokio"
)]
pub type uid_t = u32;
/// Number of a group.
#[expect(
    non_camel_case_types,
    reason = "the name of the C library and of tokio"
)]
pub type gid_t = u32;
/// Number of a process.
#[expect(
    non_camel_case_types,
    reason = "the name of the C library and of tokio"
)]
pub type pid_t = i32;

/// Process, user and group of the peer, at the time of the connection.
///
/// ```
/// use wakeful::net::UnixStream;
///
/// # fn main() -> std::io::Result<()> {
/// wakeful::block_on(async {
///     let (here, _there) = UnixStream::pair()?;
///     assert_eq!(here.peer_cred()?.pid(), Some(std::process::id() as i32));
///     Ok(())
/// })
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UCred {
    pub(super) uid: uid_t,
    pub(super) gid: gid_t,
    pub(super) pid: Option<pid_t>,
}

/// Returns the credentials of the peer.
pub(super) fn of_peer(socket: BorrowedFd<'_>) -> io::Result<UCred> {
    let sys::Peer { uid, gid, pid } = sys::peer(socket)?;
    Ok(UCred { uid, gid, pid })
}

impl UCred {
    /// Returns the user id.
    pub fn uid(&self) -> uid_t {
        self.uid
    }

    /// Returns the group id.
    pub fn gid(&self) -> gid_t {
        self.gid
    }

    /// Returns the process id; `None` if the process is not visible here, for example from a
    /// container, or if the system does not tell it (OpenBSD, NetBSD, DragonFly BSD).
    pub fn pid(&self) -> Option<pid_t> {
        self.pid
    }
}
