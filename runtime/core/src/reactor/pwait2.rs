//! The one way to wait that rustix does not offer where it has to run on older kernels, too.
//!
//! Its feature `linux_5_11` would make every wait of the process an `epoll_pwait2`, those of `polling`
//! included, and so take away what is fallen back to. Without it, timeouts are rounded to milliseconds.

use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;
use std::time::Duration;

use rustix::event::epoll::Event;
use rustix::io::Errno;

/// The kernel's `__kernel_timespec`, the same on every architecture.
#[repr(C)]
struct Timespec {
    seconds: i64,
    nanoseconds: i64,
}

/// Fills the spare capacity of `events`, waiting at most `timeout`. A time too long to say is for ever.
///
/// # Errors
///
/// Those of `epoll_pwait2`; `NOSYS` before Linux 5.11.
pub(super) fn wait(
    epoll: BorrowedFd<'_>,
    events: &mut Vec<Event>,
    timeout: Duration,
) -> Result<(), Errno> {
    let timeout = i64::try_from(timeout.as_secs()).map(|seconds| Timespec {
        seconds,
        nanoseconds: i64::from(timeout.subsec_nanos()),
    });
    let spare: &mut [MaybeUninit<Event>] = events.spare_capacity_mut();
    // SAFETY: the pointers are to as many events as is said, which the kernel only writes and whose
    // layout is its own, and to a timeout of ours or null; a null mask leaves the signals alone, and
    // its size is then not looked at.
    let count = unsafe {
        libc::syscall(
            libc::SYS_epoll_pwait2,
            epoll.as_raw_fd(),
            spare.as_mut_ptr(),
            libc::c_int::try_from(spare.len()).unwrap_or(libc::c_int::MAX),
            timeout.as_ref().map_or(ptr::null(), ptr::from_ref),
            ptr::null::<libc::sigset_t>(),
            0_usize,
        )
    };
    let Ok(count) = usize::try_from(count) else {
        let error = std::io::Error::last_os_error();
        return Err(Errno::from_io_error(&error).unwrap_or(Errno::INVAL));
    };
    // SAFETY: the kernel has written so many events behind those that were there.
    unsafe { events.set_len(events.len() + count) };
    Ok(())
}
