//! Who is at the other end.

#[cfg(target_os = "linux")]
use std::io;
#[cfg(target_os = "linux")]
use std::os::fd::{AsRawFd, BorrowedFd};

/// The process and the user at the other end, as they were when the connection was made.
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
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) pid: Option<i32>,
}

/// Asks the system. Not by rustix, whose `UCred` has no place for a process that this one can't
/// see.
#[cfg(target_os = "linux")]
pub(super) fn of_peer(socket: BorrowedFd<'_>) -> io::Result<UCred> {
    let mut cred = libc::ucred {
        pid: 0,
        uid: 0,
        gid: 0,
    };
    let mut len = size_of_val(&cred) as libc::socklen_t;
    // SAFETY: `cred` has room for `len` bytes, both live until the call has returned, and every
    // value of its three numbers is one; the descriptor is open, as it is borrowed.
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
        // 0: it is in another namespace.
        pid: Some(cred.pid).filter(|pid| *pid != 0),
    })
}

impl UCred {
    /// The user.
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// The group.
    pub fn gid(&self) -> u32 {
        self.gid
    }

    /// The process; `None` if this one can't see it, as from within a container.
    pub fn pid(&self) -> Option<i32> {
        self.pid
    }
}
