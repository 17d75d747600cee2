//! Conversion of a request to a ring entry, and of a completion to an outcome. The names of
//! requests.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use io_uring::types::{Fd, FsyncFlags};
use io_uring::{opcode, squeue};

use crate::fs::request::{Outcome, Reply, Request};
use crate::slab::Key;

/// Offset that means the file's cursor.
const CURSOR: u64 = u64::MAX;

/// User data of cancellations.
pub(super) const CANCELLATION: u64 = u64::MAX;

/// Bits of a slot's generation: one less than 32, so that no request has the name of the
/// cancellations.
pub(super) const GENERATION_BITS: u32 = 31;

/// Returns the name of a request, its user data in the ring. Each request has a name of its own, so
/// a late cancellation does not hit a later request.
pub(super) fn name_of(slot: Key) -> u64 {
    u64::from(slot.generation) << 32 | u64::from(slot.index)
}

/// Returns the slot of the request with this name.
pub(super) fn slot_of(name: u64) -> Key {
    Key {
        index: name as u32,
        generation: (name >> 32) as u32,
    }
}

/// Returns the entry for a request. It points to the request's path or buffer, which are on the
/// heap, so the request itself may move.
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

/// Converts the result of a completion. Must be called once for each completion.
pub(super) fn outcome(mut request: Request, result: i32) -> Outcome {
    if result < 0 {
        return (Err(io::Error::from_raw_os_error(-result)), request);
    }
    let reply = match &mut request {
        Request::Open { .. } => {
            // SAFETY: the kernel has just opened the descriptor for this request, so nothing else
            // owns it.
            Reply::Opened(unsafe { OwnedFd::from_raw_fd(result) })
        }
        Request::Read { buf, .. } => {
            let read = result as usize;
            // SAFETY: the kernel has written `read` bytes behind the end of the buffer, into the
            // capacity that was reserved when the entry was made.
            unsafe { buf.set_len(buf.len() + read) };
            Reply::Count(read)
        }
        Request::Write { .. } => Reply::Count(result as usize),
        Request::Sync { .. } => Reply::Done,
    };
    (Ok(reply), request)
}

/// Whether the request is a short write whose rest has to be written; if so, moves its start to the
/// rest. A file with a cursor does not count: its write is short only when the disk is full.
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
