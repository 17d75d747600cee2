//! Functions of the system for the cases: cores, descriptors, the processor time of a process.

use std::io;
use std::mem::MaybeUninit;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};

pub const SERVER_CORE: usize = 0;
pub const LOAD_CORE: usize = 1;

/// Pins this thread, and those that it starts, to a core. Does nothing if there is only one core.
pub fn pin(core: usize) {
    pin_to(&[core]);
}

/// Pins this thread, and those that it starts, to several cores.
pub fn pin_to(cores: &[usize]) {
    let mut set = CpuSet::new();
    cores.iter().for_each(|&core| set.set(core));
    let _ = sched_setaffinity(None, &set);
}

/// The number of descriptors of a process besides the connections of a case.
const OTHERS: u64 = 256;

/// More descriptors than all peers need at once.
const ENOUGH: u64 = 65_536;

/// Raises the limit of open files as far as it is possible and useful.
pub fn raise_files() -> io::Result<()> {
    let now = getrlimit(Resource::Nofile);
    let wanted = now.maximum.unwrap_or(ENOUGH).min(ENOUGH);
    if now.current.is_some_and(|current| current < wanted) {
        let current = Some(wanted);
        setrlimit(Resource::Nofile, Rlimit { current, ..now })?;
    }
    Ok(())
}

/// Returns the largest number of connections of a process.
pub fn connections() -> usize {
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(files.saturating_sub(OTHERS)).unwrap_or(usize::MAX)
}

/// # Errors
///
/// Returns an error if the limit of open files allows fewer than `wanted` connections.
pub fn check_connections(wanted: usize) -> io::Result<()> {
    let most = connections();
    if wanted <= most {
        return Ok(());
    }
    let text = format!(
        "{wanted} connections are more than the {most} that the limit of open files allows: raise \
         it (`ulimit -Hn`), or leave the case out"
    );
    Err(io::Error::other(text))
}

/// Returns the processor time of all threads of a process.
///
/// Exact while the process sleeps: the kernel updates the time when a thread leaves its core.
pub fn processor_time(pid: u32) -> io::Result<Duration> {
    let mut clock: libc::clockid_t = 0;
    // SAFETY: `clock` is valid for a write; any number is allowed as the process.
    let error = unsafe { libc::clock_getcpuclockid(pid as libc::pid_t, &mut clock) };
    if error != 0 {
        return Err(io::Error::from_raw_os_error(error));
    }
    let mut time = MaybeUninit::<libc::timespec>::uninit();
    // SAFETY: `time` is valid for a write; an unknown clock is only an error.
    if unsafe { libc::clock_gettime(clock, time.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call above succeeded, so it has filled `time`.
    let time = unsafe { time.assume_init() };
    Ok(Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
}
