//! A request in the ring's language, and a completion in ours.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use io_uring::types::{Fd, FsyncFlags};
use io_uring::{opcode, squeue};

use crate::fs::request::{Outcome, Reply, Request};

/// Where the file's own cursor stands.
const CURSOR: u64 = u64::MAX;

/// The entry points into the request: to its path or its buffer, both on the heap, so that the
/// request itself may move.
pub(super) fn entry(request: &mut Request) -> squeue::Entry {
    match request {
        Request::Open { path, flags, mode } => {
            opcode::OpenAt::new(Fd(rustix::fs::CWD.as_raw_fd()), path.as_ptr())
                .flags(flags.bits() as i32)
                .mode(mode.bits())
                .build()
        }
        Request::Read {
            file,
            buf,
            want,
            at,
        } => {
            buf.reserve(*want);
            let room = &mut buf.spare_capacity_mut()[..*want];
            let len = u32::try_from(room.len()).unwrap_or(u32::MAX);
            opcode::Read::new(Fd(file.as_raw_fd()), room.as_mut_ptr().cast(), len)
                .offset(at.unwrap_or(CURSOR))
                .build()
        }
        Request::Write {
            file,
            buf,
            from,
            at,
        } => {
            let data = &buf[*from..];
            let len = u32::try_from(data.len()).unwrap_or(u32::MAX);
            opcode::Write::new(Fd(file.as_raw_fd()), data.as_ptr(), len)
                .offset(at.unwrap_or(CURSOR))
                .build()
        }
        Request::Sync { file, data_only } => {
            let flags = match data_only {
                true => FsyncFlags::DATASYNC,
                false => FsyncFlags::empty(),
            };
            opcode::Fsync::new(Fd(file.as_raw_fd()))
                .flags(flags)
                .build()
        }
    }
}

/// What the kernel's answer means. To be called once for each completion.
pub(super) fn outcome(mut request: Request, result: i32) -> Outcome {
    if result < 0 {
        return (Err(io::Error::from_raw_os_error(-result)), request);
    }
    let reply = match &mut request {
        Request::Open { .. } => {
            // SAFETY: the kernel has just opened it for this request, and nobody else knows of it.
            Reply::Opened(unsafe { OwnedFd::from_raw_fd(result) })
        }
        Request::Read { buf, .. } => {
            let read = result as usize;
            // SAFETY: the kernel has written that many bytes from the end of the buffer on, into the
            // capacity that was reserved when the entry was made.
            unsafe { buf.set_len(buf.len() + read) };
            Reply::Count(read)
        }
        Request::Write { .. } => Reply::Count(result as usize),
        Request::Sync { .. } => Reply::Done,
    };
    (Ok(reply), request)
}

/// Whether it is a write that came short of which the rest has to be written; the next attempt then
/// begins there. Not if there is a cursor: a write to a file comes short where there is no space.
pub(super) fn came_short(request: &mut Request, count: usize) -> bool {
    let Request::Write {
        file, buf, from, ..
    } = request
    else {
        return false;
    };
    let rest = *from + count;
    let goes_on = (*from + 1..buf.len()).contains(&rest) && rustix::fs::tell(&**file).is_err();
    if goes_on {
        *from = rest;
    }
    goes_on
}
