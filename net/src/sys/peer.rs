//! Credentials of the peer of a Unix domain socket, by `SO_PEERCRED`.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::Peer;

/// Returns the credentials of the peer. Calls the system directly, as the `UCred` of rustix can't
/// express a process that is not visible here.
pub(crate) fn peer(socket: BorrowedFd<'_>) -> io::Result<Peer> {
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
    Ok(Peer {
        uid: cred.uid,
        gid: cred.gid,
        // 0 means that the process is in another namespace.
        pid: Some(cred.pid).filter(|pid| *pid != 0),
    })
}
