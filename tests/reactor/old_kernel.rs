//! A kernel that does not know `epoll_pwait2`: before Linux 5.11, in some sandboxes, under valgrind.

#[path = "../support/alone.rs"]
mod alone;

use std::io;
use std::time::Duration;

use wakeful::Runtime;
use wakeful::reactor::Backend;
use wakeful::time::sleep;

use super::{pair, read, write};

/// From here on the kernel says to this thread that there is no such call.
fn forget_epoll_pwait2() {
    const fn step(code: u32, k: u32, jump: [u8; 2]) -> libc::sock_filter {
        libc::sock_filter {
            code: code as u16,
            jt: jump[0],
            jf: jump[1],
            k,
        }
    }
    let no_such_call = libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32;
    let mut steps = [
        // The number of the call is the first word of what the filter sees.
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, [0, 0]),
        step(
            libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K,
            libc::SYS_epoll_pwait2 as u32,
            [0, 1],
        ),
        step(libc::BPF_RET | libc::BPF_K, no_such_call, [0, 0]),
        step(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW, [0, 0]),
    ];
    let program = libc::sock_fprog {
        len: steps.len() as u16,
        filter: steps.as_mut_ptr(),
    };
    // SAFETY: plain numbers.
    let quiet = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    // SAFETY: the program is as long as it says, and is read before the call returns.
    let set = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program) };
    assert_eq!((quiet, set), (0, 0), "{}", io::Error::last_os_error());
}

#[test]
fn without_the_timed_wait_the_portable_way_is_taken() {
    let test = "old_kernel::without_the_timed_wait_the_portable_way_is_taken";
    alone::alone(test, || {
        forget_epoll_pwait2();
        let error = Runtime::builder()
            .backend(Backend::Raw)
            .build()
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
        assert!(error.to_string().contains("epoll_pwait2"), "{error}");
        Runtime::new().unwrap().block_on(async {
            let (here, there) = pair();
            let answer = wakeful::spawn(async move {
                let mut buf = [0; 8];
                let n = read(&there, &mut buf).await.unwrap();
                write(&there, &buf[..n]).await.unwrap()
            });
            sleep(Duration::from_micros(1500)).await;
            write(&here, b"hello").await.unwrap();
            let mut buf = [0; 8];
            assert_eq!(read(&here, &mut buf).await.unwrap(), 5);
            assert_eq!(answer.await.unwrap(), 5);
        });
    });
}
