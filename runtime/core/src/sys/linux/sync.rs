//! Writing of a file's data to the disk.

use std::os::fd::AsFd;

use rustix::io::Errno;

/// Writes the data to the disk; unless `data_only`, the metadata too.
pub(crate) fn sync_file(file: impl AsFd, data_only: bool) -> Result<(), Errno> {
    match data_only {
        true => rustix::fs::fdatasync(file),
        false => rustix::fs::fsync(file),
    }
}
