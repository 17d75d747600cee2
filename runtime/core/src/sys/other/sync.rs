//! Writing of a file's data to the disk.

use std::os::fd::AsFd;

use rustix::io::Errno;

/// Writes the data to the disk; unless `data_only`, the metadata too.
#[cfg(not(target_vendor = "apple"))]
pub(crate) fn sync_file(file: impl AsFd, data_only: bool) -> Result<(), Errno> {
    match data_only {
        true => rustix::fs::fdatasync(file),
        false => rustix::fs::fsync(file),
    }
}

/// Writes data and metadata to the disk. `fsync` of these systems leaves them in the memory of the
/// drive, so this is the stronger `F_FULLFSYNC`, as in std.
#[cfg(target_vendor = "apple")]
pub(crate) fn sync_file(file: impl AsFd, _data_only: bool) -> Result<(), Errno> {
    match rustix::fs::fcntl_fullfsync(&file) {
        // File systems over a network do not have it.
        Err(Errno::NOTSUP | Errno::INVAL | Errno::NOTTY) => rustix::fs::fsync(&file),
        synced => synced,
    }
}
