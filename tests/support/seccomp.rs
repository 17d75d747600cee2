//! A filter that makes system calls fail, as an old kernel or a sandbox does.
#![allow(dead_code, reason = "each test file takes what it needs")]

use std::io;

use libc::{BPF_ABS, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W};

/// The input of the filter: `struct seccomp_data` begins with the number of the call, then the
/// architecture.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;

/// This architecture in `AUDIT_ARCH_..` numbers: other architectures number their calls otherwise.
#[cfg(target_arch = "x86_64")]
const HERE: u32 = 0xC000_003E;
#[cfg(target_arch = "aarch64")]
const HERE: u32 = 0xC000_00B7;
#[cfg(target_arch = "riscv64")]
const HERE: u32 = 0xC000_00F3;
#[cfg(target_arch = "x86")]
const HERE: u32 = 0x4000_0003;
#[cfg(target_arch = "arm")]
const HERE: u32 = 0x4000_0028;
#[cfg(target_arch = "powerpc")]
const HERE: u32 = 0x0000_0014;
#[cfg(target_arch = "s390x")]
const HERE: u32 = 0x8000_0016;

const fn step(code: u32, k: u32, jump: [u8; 2]) -> libc::sock_filter {
    libc::sock_filter {
        code: code as u16,
        jt: jump[0],
        jf: jump[1],
        k,
    }
}

/// Makes each of these calls fail with that error number, on this thread and on those that it
/// starts. It can't be undone, so call it on a separate thread or in a separate process.
pub fn deny(calls: &[libc::c_long], error: libc::c_int) {
    let load = BPF_LD | BPF_W | BPF_ABS;
    let is = BPF_JMP | BPF_JEQ | BPF_K;
    let end = BPF_RET | BPF_K;
    let rest = u8::try_from(1 + 2 * calls.len()).expect("a few calls");
    let mut steps = vec![
        step(load, ARCHITECTURE, [0, 0]),
        step(is, HERE, [0, rest]),
        step(load, NUMBER, [0, 0]),
    ];
    for &call in calls {
        steps.push(step(is, call as u32, [0, 1]));
        steps.push(step(end, libc::SECCOMP_RET_ERRNO | error as u32, [0, 0]));
    }
    steps.push(step(end, libc::SECCOMP_RET_ALLOW, [0, 0]));
    let program = libc::sock_fprog {
        len: steps.len() as u16,
        filter: steps.as_mut_ptr(),
    };
    // SAFETY: plain numbers.
    let quiet = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    // SAFETY: the program has the given length, and is copied before the call returns.
    let set = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program) };
    assert_eq!((quiet, set), (0, 0), "{}", io::Error::last_os_error());
}

/// Runs `f` on a thread for which these calls fail, once with each error number with which kernels
/// and sandboxes refuse a call.
#[track_caller]
pub fn refusing(calls: &[libc::c_long], f: impl Fn(libc::c_int) + Sync) {
    for error in [libc::ENOSYS, libc::EPERM, libc::EACCES] {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                deny(calls, error);
                f(error);
            });
            thread.join().unwrap_or_else(|panic| {
                eprintln!("with {}", io::Error::from_raw_os_error(error));
                std::panic::resume_unwind(panic)
            });
        });
    }
}
