//! Opens standard streams again, by their names in `/proc`.

use std::fs::File;
use std::io::IsTerminal;
use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::fs::{FileType, OFlags, Stat, fcntl_getfl, fstat, major, minor};

/// Opens a pipe or terminal again, with separate flags, nonblocking. `None` if that is not possible
/// and the stream needs a thread.
pub(crate) fn reopen(shared: BorrowedFd<'_>, access: OFlags) -> Option<File> {
    let before = fstat(shared).ok()?;
    let flags = fcntl_getfl(shared).ok()?;
    let reads_and_writes = flags.contains(OFlags::RDWR);
    let may = !flags.contains(OFlags::PATH)
        && (reads_and_writes || flags & OFlags::RWMODE == access & OFlags::RWMODE);
    if !may || !is_the_same_when_reopened(&before, shared.is_terminal()) {
        return None;
    }
    let path = format!("/proc/self/fd/{}", shared.as_raw_fd());
    // A pipe in packet mode (`O_DIRECT`) stays in it.
    let kept = flags & OFlags::DIRECT;
    let flags = kept | access | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, rustix::fs::Mode::empty()).ok()?);
    let after = fstat(&file).ok()?;
    let id = |stat: &Stat| (stat.st_dev, stat.st_ino, stat.st_rdev);
    // Another thread may have replaced the descriptor meanwhile.
    if id(&before) != id(&after) {
        return None;
    }
    Some(file)
}

/// Whether opening it again gives the same pipe or terminal. Some terminal devices are a different
/// one at each open, by the device numbers of Linux: those of major 5 (`/dev/tty` is the terminal
/// of the opening process, `/dev/ptmx` makes a new pair, whose master has this number too,
/// `/dev/console` is configurable), and `/dev/tty0`, the foreground terminal.
fn is_the_same_when_reopened(stat: &Stat, is_terminal: bool) -> bool {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Fifo => true,
        FileType::CharacterDevice => {
            let (major, minor) = (major(stat.st_rdev), minor(stat.st_rdev));
            is_terminal && major != 5 && (major, minor) != (4, 0)
        }
        _ => false,
    }
}
