//! Credentials of the peer of a Unix domain socket, by `getpeereid`; its process by the option that
//! the system has for it.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::Peer;

/// Returns the credentials of the peer.
pub(crate) fn peer(socket: BorrowedFd<'_>) -> io::Result<Peer> {
    let (mut uid, mut gid) = (0, 0);
    // SAFETY: the pointers are to local numbers; the descriptor is open, as it is borrowed.
    if unsafe { libc::getpeereid(socket.as_raw_fd(), &raw mut uid, &raw mut gid) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let pid = process(socket).filter(|pid| *pid > 0);
    Ok(Peer { uid, gid, pid })
}

#[cfg(target_vendor = "apple")]
fn process(socket: BorrowedFd<'_>) -> Option<i32> {
    let mut pid: libc::pid_t = 0;
    let mut len = size_of_val(&pid) as libc::socklen_t;
    // SAFETY: `pid` has `len` bytes, both live until the call has returned, and any value is valid.
    let failed = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_LOCAL,
            libc::LOCAL_PEERPID,
            (&raw mut pid).cast(),
            &raw mut len,
        )
    } != 0;
    (!failed).then_some(pid)
}

#[cfg(target_os = "freebsd")]
fn process(socket: BorrowedFd<'_>) -> Option<i32> {
    let mut cred = std::mem::MaybeUninit::<libc::xucred>::zeroed();
    let mut len = size_of_val(&cred) as libc::socklen_t;
    // SAFETY: `cred` has `len` bytes, and both live until the call has returned.
    let failed = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_LOCAL,
            libc::LOCAL_PEERCRED,
            cred.as_mut_ptr().cast(),
            &raw mut len,
        )
    } != 0;
    if failed {
        return None;
    }
    // SAFETY: all fields are numbers and a pointer, for which zeros are valid, as is what the
    // system has written.
    let cred = unsafe { cred.assume_init() };
    // SAFETY: the other field of the union is a pointer, of which the number is the first part; all
    // its bytes are initialized. Before FreeBSD 13 it is zero.
    Some(unsafe { cred.cr_pid__c_anonymous_union.cr_pid })
}

#[cfg(not(any(target_os = "freebsd", target_vendor = "apple")))]
fn process(_: BorrowedFd<'_>) -> Option<i32> {
    None
}
