//! Credentials of a peer.

#[cfg(target_os = "linux")]
use std::io;
#[cfg(target_os = "linux")]
use std::os::fd::{AsRawFd, BorrowedFd};

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

/// Returns the credentials of the peer. Calls the system directly, as the `UCred` of rustix can't
/// express a process that is not visible here.
#[cfg(target_os = "linux")]
pub(super) fn of_peer(socket: BorrowedFd<'_>) -> io::Result<UCred> {
    let mut cred = libc::ucred {
        pid: 0,
        uid: 0,
        gid: 0,
    };
    let mut len = size_of_val(&cred) as libc::socklen_t;
    // SAFETY: `cred` has `len` bytes, both live until the call has returned, and its three numbers
    // may have any value; the descriptor is open, as it is borrowed.
    let failed = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut cred).cast(),
            &raw mut len,
        )
    } != 0;
    if failed {
        return Err(io::Error::last_os_error());
    }
    Ok(UCred {
        uid: cred.uid,
        gid: cred.gid,
        // 0 means that the process is in another namespace.
        pid: Some(cred.pid).filter(|pid| *pid != 0),
    })
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
    /// container.
    pub fn pid(&self) -> Option<pid_t> {
        self.pid
    }
}
