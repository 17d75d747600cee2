//! What the cases ask of the machine: cores, descriptors, the processor time of another process.

use std::io;
use std::mem::MaybeUninit;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};

pub const SERVER_CORE: usize = 0;
pub const LOAD_CORE: usize = 1;

/// Pins this thread, and those it starts, to a core. A machine with one core goes without.
pub fn pin(core: usize) {
    pin_to(&[core]);
}

/// The same for several.
pub fn pin_to(cores: &[usize]) {
    let mut set = CpuSet::new();
    cores.iter().for_each(|&core| set.set(core));
    let _ = sched_setaffinity(None, &set);
}

/// What a process has open besides the connections of a case.
const OTHERS: u64 = 256;

/// More than all peers need at once.
const ENOUGH: u64 = 65_536;

/// Raises the limit of open files as far as it goes, or as far as is useful.
pub fn raise_files() -> io::Result<()> {
    let now = getrlimit(Resource::Nofile);
    let wanted = now.maximum.unwrap_or(ENOUGH).min(ENOUGH);
    if now.current.is_some_and(|current| current < wanted) {
        let current = Some(wanted);
        setrlimit(Resource::Nofile, Rlimit { current, ..now })?;
    }
    Ok(())
}

/// How many connections a process may have.
pub fn connections() -> usize {
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(files.saturating_sub(OTHERS)).unwrap_or(usize::MAX)
}

/// # Errors
///
/// The limit of open files allows fewer than `wanted` connections.
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

/// Processor time of a whole process, all its threads.
///
/// Exact when the process sleeps: the kernel settles the books when a thread leaves its core.
pub fn processor_time(pid: u32) -> io::Result<Duration> {
    let mut clock: libc::clockid_t = 0;
    // SAFETY: `clock` is valid for a write; any number is allowed as the process.
    let error = unsafe { libc::clock_getcpuclockid(pid as libc::pid_t, &mut clock) };
    if error != 0 {
        return Err(io::Error::from_raw_os_error(error));
    }
    let mut time = MaybeUninit::<libc::timespec>::uninit();
    // SAFETY: `time` is valid for a write; an unknown clock is an error, nothing worse.
    if unsafe { libc::clock_gettime(clock, time.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call above succeeded, so it has filled `time`.
    let time = unsafe { time.assume_init() };
    Ok(Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
}
