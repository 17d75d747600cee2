//! A wait by `epoll_pwait2`, called by its number.
//!
//! rustix calls `epoll_pwait2` only with its feature `linux_5_11`, which would make every wait of
//! the process an `epoll_pwait2`, those of `polling` included. Then there would be no backend for
//! older kernels. Without that feature, rustix rounds timeouts to milliseconds.

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

/// Waits at most `timeout`, and fills the spare capacity of `events`. Waits without a timeout if
/// the seconds of `timeout` don't fit in an `i64`.
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
    // SAFETY: the first pointer is to `spare.len()` events, which the kernel only writes and whose
    // layout is the kernel's; the second is to a local timeout or null. The mask is null, so the
    // kernel changes no signal mask and ignores the mask's size.
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
    // SAFETY: the kernel has initialized `count` events behind the present ones.
    unsafe { events.set_len(events.len() + count) };
    Ok(())
}
