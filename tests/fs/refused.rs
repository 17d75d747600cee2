//! A kernel or a sandbox that refuses the calls of a completion ring, from the start or later.

use std::io;
use std::thread;
use std::time::Duration;

use futures_util::AsyncWriteExt;
use wakeful::Runtime;
use wakeful::fs::{self, Backend, File};
use wakeful::task::yield_now;

use crate::alone::alone;
use crate::common::{TempDir, runtime};
use crate::fifo::make_fifo;
use crate::seccomp::deny;

const REFUSALS: [libc::c_int; 3] = [libc::ENOSYS, libc::EPERM, libc::EACCES];

// Only the processors that the crate `io-uring` knows have a ring.
#[cfg(any(
    target_arch = "aarch64",
    target_arch = "loongarch64",
    target_arch = "powerpc64",
    target_arch = "riscv64",
    target_arch = "x86_64"
))]
#[test]
fn a_refused_call_of_the_ring_is_named_and_the_pool_is_used() {
    alone(
        "refused::a_refused_call_of_the_ring_is_named_and_the_pool_is_used",
        || {
            for (call, name) in [
                (libc::SYS_io_uring_setup, "io_uring_setup"),
                (libc::SYS_io_uring_register, "io_uring_setup"),
                (libc::SYS_io_uring_enter, "io_uring_enter"),
            ] {
                crate::seccomp::refusing(&[call], |number| {
                    let ring = Runtime::builder().fs_backend(Backend::Ring).build();
                    let error = ring.unwrap_err();
                    assert_eq!(error.kind(), io::ErrorKind::Unsupported, "{error}");
                    let text = error.to_string();
                    assert!(text.contains(name), "{text}");
                    assert!(text.contains(&format!("os error {number}")), "{text}");
                    wakeful::block_on(async {
                        assert_eq!(fs::backend(), Backend::Pool);
                        let dir = TempDir::new();
                        fs::write(dir.join("f"), "hello").await.unwrap();
                        assert_eq!(fs::read(dir.join("f")).await.unwrap(), b"hello");
                    });
                });
            }
        },
    );
}

// Only the processors that the crate `io-uring` knows have a ring.
#[cfg(any(
    target_arch = "aarch64",
    target_arch = "loongarch64",
    target_arch = "powerpc64",
    target_arch = "riscv64",
    target_arch = "x86_64"
))]
#[test]
fn a_ring_without_memory_names_the_limit() {
    alone("refused::a_ring_without_memory_names_the_limit", || {
        deny(&[libc::SYS_io_uring_setup], libc::ENOMEM);
        let ring = Runtime::builder().fs_backend(Backend::Ring).build();
        let error = ring.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::OutOfMemory, "{error}");
        assert!(error.to_string().contains("RLIMIT_MEMLOCK"), "{error}");
        wakeful::block_on(async { assert_eq!(fs::backend(), Backend::Pool) });
    });
}

/// Runs `f` with a runtime whose files use the ring, on a thread of its own for each error number.
/// `f` denies the call.
fn with_a_ring(test: &str, f: impl Fn(Runtime, &TempDir, libc::c_int) + Sync) {
    alone(test, || {
        for number in REFUSALS {
            thread::scope(|scope| {
                let f = &f;
                let ended = scope.spawn(move || {
                    let dir = TempDir::new();
                    if let Some(runtime) = runtime(Backend::Ring) {
                        f(runtime, &dir, number);
                    }
                });
                ended.join().unwrap();
            });
        }
    });
}

#[test]
fn requests_move_to_the_pool_when_a_filter_is_installed() {
    let test = "refused::requests_move_to_the_pool_when_a_filter_is_installed";
    with_a_ring(test, |runtime, dir, number| {
        std::fs::write(dir.join("old"), "old").unwrap();
        runtime.block_on(async {
            assert_eq!(fs::backend(), Backend::Ring);
            let old = File::open(dir.join("old")).await.unwrap();
            let mut files = Vec::new();
            for n in 0..20 {
                files.push(File::create(dir.join(&n.to_string())).await.unwrap());
            }
            // Queued: neither has reached the kernel.
            let read = wakeful::spawn(async move {
                let mut buf = [0; 3];
                old.read_exact_at(&mut buf, 0).await.unwrap();
                buf
            });
            for file in &mut files {
                file.write_all(&[7; 3_000]).await.unwrap();
            }
            yield_now().await;
            deny(&[libc::SYS_io_uring_enter], number);
            assert_eq!(&read.await.unwrap(), b"old");
            files[0].flush().await.unwrap();
            assert_eq!(fs::backend(), Backend::Pool);
            fs::write(dir.join("new"), "new").await.unwrap();
        });
        drop(runtime);
        for n in 0..20 {
            let written = std::fs::read(dir.join(&n.to_string())).unwrap();
            assert_eq!(written, [7; 3_000], "file {n}");
        }
        assert_eq!(std::fs::read(dir.join("new")).unwrap(), b"new");
    });
}

#[test]
fn a_request_in_flight_completes_although_the_ring_is_refused() {
    let test = "refused::a_request_in_flight_completes_although_the_ring_is_refused";
    with_a_ring(test, |runtime, dir, number| {
        let path = dir.join("pipe");
        make_fifo(&path).unwrap();
        runtime.block_on(async {
            let mut options = File::options();
            let pipe = options.read(true).write(true).open(&path).await.unwrap();
            let mut reader = pipe.try_clone().await.unwrap();
            let read = wakeful::spawn(async move {
                let mut buf = [0; 5];
                futures_util::AsyncReadExt::read_exact(&mut reader, &mut buf)
                    .await
                    .unwrap();
                buf
            });
            wakeful::time::sleep(Duration::from_millis(1)).await;
            assert!(!read.is_finished());
            deny(&[libc::SYS_io_uring_enter], number);
            std::fs::write(dir.join("f"), "").unwrap();
            fs::metadata(dir.join("f")).await.unwrap();
            let sent = std::fs::OpenOptions::new().write(true).open(&path);
            io::Write::write_all(&mut sent.unwrap(), b"hello").unwrap();
            assert_eq!(&read.await.unwrap(), b"hello");
        });
    });
}

/// The loop can't cancel the read: its end neither panics nor waits longer than it was told to.
#[test]
fn a_runtime_whose_ring_is_refused_ends_with_a_read_in_flight() {
    let test = "refused::a_runtime_whose_ring_is_refused_ends_with_a_read_in_flight";
    with_a_ring(test, |runtime, dir, number| {
        let path = dir.join("pipe");
        make_fifo(&path).unwrap();
        let task = runtime.block_on(async {
            let mut options = File::options();
            let mut pipe = options.read(true).write(true).open(&path).await.unwrap();
            let task = wakeful::spawn(async move {
                let mut buf = [0; 5];
                futures_util::AsyncReadExt::read_exact(&mut pipe, &mut buf).await
            });
            wakeful::time::sleep(Duration::from_millis(1)).await;
            task
        });
        deny(&[libc::SYS_io_uring_enter], number);
        assert_eq!(runtime.shutdown_timeout(Duration::from_millis(10)), 1);
        assert!(wakeful::block_on(task).unwrap_err().is_cancelled());
    });
}
