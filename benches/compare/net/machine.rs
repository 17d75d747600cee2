//! What the cases ask of the machine: cores, descriptors, the processor time of another process.

use std::io;
use std::mem::MaybeUninit;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};

pub const SERVER_CORE: usize = 0;
pub const LOAD_CORE: usize = 1;

/// Connections of the largest case, and what else a process has open.
const FILES: u64 = 10_000 + 256;

/// Pins this thread, and those it starts, to a core. A machine with one core goes without.
pub fn pin(core: usize) {
    let mut set = CpuSet::new();
    set.set(core);
    let _ = sched_setaffinity(None, &set);
}

/// Allows as many descriptors as the largest case needs.
///
/// # Errors
///
/// The limit is too low and can't be raised.
pub fn raise_files() -> io::Result<()> {
    let now = getrlimit(Resource::Nofile);
    if now.current.is_none_or(|current| current >= FILES) {
        return Ok(());
    }
    if now.maximum.is_some_and(|maximum| maximum < FILES) {
        let most = now.maximum.unwrap_or(0);
        let text = format!(
            "10,000 connections need {FILES} open files, the hard limit is {most}: raise it \
             (`ulimit -Hn`) or leave the case out"
        );
        return Err(io::Error::other(text));
    }
    let raised = Rlimit {
        current: Some(FILES),
        ..now
    };
    Ok(setrlimit(Resource::Nofile, raised)?)
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
