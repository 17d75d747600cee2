//! Setup of a completion ring, and the errors of a system that refuses one.

use std::io;

use io_uring::{IoUring, opcode};
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};

/// Requests that fit into one submission.
const ENTRIES: u32 = 256;

/// Completion queue size: 2 x `ENTRIES` for requests, and as many for their cancellations.
const COMPLETIONS: u32 = 4 * ENTRIES;

/// Memory of the two queues in KiB: 64 bytes for each entry, 16 for each completion, and the rest.
const KIB: u32 = (ENTRIES * 68 + COMPLETIONS * 16) / 1024 + 3;

/// Makes a ring.
///
/// # Errors
///
/// `Unsupported` if the kernel has no ring or lacks a required feature, or if a sandbox or a system
/// setting refuses it. `OutOfMemory`, with the limit, if the kernel gives it no memory.
pub(super) fn ring() -> io::Result<IoUring> {
    make().map_err(|error| described("io_uring_setup", error))
}

/// Adds to the error of a refused call what to do.
pub(super) fn described(call: &str, error: io::Error) -> io::Error {
    match Errno::from_io_error(&error) {
        Some(Errno::NOSYS | Errno::PERM | Errno::ACCESS | Errno::INVAL) => io::Error::new(
            io::ErrorKind::Unsupported,
            format!(
                "the kernel refuses a completion ring ({call}: {error}): see the setting \
                 kernel.io_uring_disabled and the sandbox, or use fs::Backend::Auto"
            ),
        ),
        Some(Errno::NOMEM) => {
            let limit = match getrlimit(Resource::Memlock).current {
                Some(bytes) => format!("{bytes} bytes"),
                None => "unlimited".to_owned(),
            };
            io::Error::new(
                io::ErrorKind::OutOfMemory,
                format!(
                    "the kernel has no memory for a completion ring ({error}): kernels before \
                     5.12 count about {KIB} KiB for each ring of a user against RLIMIT_MEMLOCK, \
                     which is {limit} here: raise it (ulimit -l), or use fs::Backend::Auto"
                ),
            )
        }
        _ => error,
    }
}

fn make() -> io::Result<IoUring> {
    let modern = IoUring::builder()
        .setup_cqsize(COMPLETIONS)
        .setup_single_issuer()
        .setup_coop_taskrun()
        .setup_clamp()
        .build(ENTRIES);
    let io = match modern {
        // Kernels before 6.0 do not have these flags.
        Err(error) if Errno::from_io_error(&error) == Some(Errno::INVAL) => IoUring::builder()
            .setup_cqsize(COMPLETIONS)
            .build(ENTRIES)?,
        made => made?,
    };
    let mut probe = io_uring::Probe::new();
    io.submitter().register_probe(&mut probe)?;
    let codes = [
        opcode::OpenAt::CODE,
        opcode::Read::CODE,
        opcode::Write::CODE,
        opcode::Fsync::CODE,
        opcode::AsyncCancel::CODE,
    ];
    let params = io.params();
    let has_features = params.is_feature_nodrop()
        && params.is_feature_rw_cur_pos()
        && params.is_feature_ext_arg()
        && params.is_feature_submit_stable();
    if !has_features || !codes.iter().all(|code| probe.is_supported(*code)) {
        return Err(Errno::NOSYS.into());
    }
    Ok(io)
}
