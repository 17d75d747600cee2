//! A kernel without a system call, or a sandbox that refuses it: `epoll_pwait2` before Linux 5.11
//! and under valgrind, `eventfd2` in some containers.

#[path = "../support/alone.rs"]
mod alone;
#[path = "../support/seccomp.rs"]
mod seccomp;

use std::io;
use std::time::Duration;

use wakeful::Runtime;
use wakeful::reactor::Backend;
use wakeful::time::sleep;

use super::{pair, read, write};
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
use seccomp::deny;
use seccomp::refusing;

/// Checks that the error of the raw backend names the missing call.
fn raw_is_refused(call: &str) {
    let raw = Runtime::builder().backend(Backend::Raw).build();
    let error = raw.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::Unsupported, "{error}");
    assert!(error.to_string().contains(call), "{error}");
}

/// Checks sockets, timers and wakes of other threads.
async fn everything_works() {
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
    assert_eq!(wakeful::spawn_blocking(|| 7).await.unwrap(), 7);
}

#[test]
fn without_the_timed_wait_the_portable_backend_is_used() {
    let test = "old_kernel::without_the_timed_wait_the_portable_backend_is_used";
    alone::alone(test, || {
        refusing(&[libc::SYS_epoll_pwait2], |_| {
            raw_is_refused("epoll_pwait2");
            Runtime::new().unwrap().block_on(everything_works());
        });
    });
}

#[test]
fn without_eventfd_the_portable_backend_is_used() {
    let test = "old_kernel::without_eventfd_the_portable_backend_is_used";
    alone::alone(test, || {
        refusing(&[libc::SYS_eventfd2], |_| {
            raw_is_refused("eventfd2");
            Runtime::new().unwrap().block_on(everything_works());
        });
    });
}

#[test]
fn a_required_call_that_is_missing_is_named_with_advice() {
    let test = "old_kernel::a_required_call_that_is_missing_is_named_with_advice";
    alone::alone(test, || {
        for (name, calls) in [
            ("epoll_create1", &[libc::SYS_epoll_create1][..]),
            ("epoll_ctl", &[libc::SYS_epoll_ctl]),
            ("epoll_pwait", &[libc::SYS_epoll_pwait]),
            ("eventfd2 or pipe2", &[libc::SYS_eventfd2, libc::SYS_pipe2]),
        ] {
            refusing(calls, |number| {
                // The older call does the same.
                #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
                deny(&[libc::SYS_pipe], number);
                for backend in [Backend::Auto, Backend::Portable] {
                    let runtime = Runtime::builder().backend(backend).build();
                    let text = runtime.unwrap_err().to_string();
                    assert!(text.contains(&format!("needs {name},")), "{text}");
                    assert!(text.contains("sandbox"), "{text}");
                    assert!(text.contains(&format!("os error {number}")), "{text}");
                }
            });
        }
    });
}
