//! If the system cannot start threads, calls that need one return an error that says so.
// Linux only: elsewhere no limit that a process sets itself makes the start of a thread fail.
#![cfg(target_os = "linux")]

#[path = "support/alone.rs"]
mod alone;
mod support;

use std::fs::File as StdFile;
use std::io::{self, Read, Seek};
use std::path::PathBuf;
use std::time::Duration;

use alone::{again, role};
use futures_util::{AsyncReadExt, AsyncWriteExt};
use rustix::process::{Resource, Rlimit, Uid, geteuid, setrlimit};
use support::panic_of;
use wakeful::fs::{self, Backend};
use wakeful::net::{TcpStream, lookup_host};
use wakeful::task::{spawn_blocking, try_spawn_blocking};
use wakeful::{Builder, raw_os_error};

/// From here on this thread can't start other threads.
fn refuse_threads() {
    if geteuid().is_root() {
        // The limit does not apply to root.
        let other = Uid::from_raw(65534);
        rustix::thread::set_thread_res_uid(other, other, other).unwrap();
    }
    let none = Rlimit {
        current: Some(1),
        maximum: Some(1),
    };
    setrlimit(Resource::Nproc, none).unwrap();
    std::thread::Builder::new().spawn(|| ()).unwrap_err();
}

#[track_caller]
fn says_so<T>(result: io::Result<T>) {
    let Err(error) = result else {
        panic!("the call succeeded without a thread");
    };
    assert_ne!(error.kind(), io::ErrorKind::WouldBlock, "{error}");
    assert!(error.to_string().contains("RLIMIT_NPROC"), "{error}");
    let again = Some(rustix::io::Errno::AGAIN.raw_os_error());
    let has_source = error.get_ref().is_some_and(|e| e.source().is_some());
    assert!(!has_source || raw_os_error(&error) == again, "{error:?}");
}

/// A directory with more entries than one system call returns.
fn large_directory() -> PathBuf {
    let path = std::env::temp_dir().join(format!("wakeful-no-threads-{}", std::process::id()));
    std::fs::create_dir(&path).unwrap();
    for n in 0..100 {
        std::fs::write(path.join(n.to_string()), "").unwrap();
    }
    path
}

#[test]
fn calls_that_need_a_thread_return_an_error_if_there_is_none() {
    let this = "calls_that_need_a_thread_return_an_error_if_there_is_none";
    if role().is_none() {
        let path = std::env::temp_dir().join(format!("wakeful-no-thread-{}", std::process::id()));
        let mut options = StdFile::options();
        let options = options.read(true).write(true).create_new(true);
        let mut errors = options.open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        // A file, so that standard error is written by the pool.
        let mut command = again(this, "child");
        let done = command
            .stderr(errors.try_clone().unwrap())
            .status()
            .unwrap();
        let mut printed = String::new();
        errors.rewind().unwrap();
        errors.read_to_string(&mut printed).unwrap();
        assert!(done.success(), "{printed}");
        return;
    }
    let keeps_none = Builder::new().thread_keep_alive(Duration::ZERO);
    let runtime = keeps_none.fs_backend(Backend::Pool).build().unwrap();
    runtime.block_on(async {
        let directory = large_directory();
        let mut file = fs::File::create(directory.join("f")).await.unwrap();
        let mut entries = fs::read_dir(&directory).await.unwrap();
        while runtime.metrics().blocking_threads > 0 {
            wakeful::task::yield_now().await;
        }
        std::fs::remove_dir_all(&directory).unwrap();
        refuse_threads();

        says_so(fs::metadata("/").await);
        says_so(fs::File::open("/").await);
        says_so(lookup_host(("localhost", 0)).await.map(drop));
        says_so(TcpStream::connect(("localhost", 0)).await);
        says_so(wakeful::io::stdin().read(&mut [0]).await);
        let mut err = wakeful::io::stderr();
        says_so(err.write(b"lost").await);
        err.flush().await.unwrap();
        file.write_all(b"lost").await.unwrap();
        says_so(file.flush().await);
        says_so(try_spawn_blocking(|| ()).map(drop));
        let text = panic_of(|| spawn_blocking(|| ()));
        assert!(text.contains("RLIMIT_NPROC"), "{text}");

        // Not the end of the stream, and not only once.
        for _ in 0..64 {
            entries.next_entry().await.unwrap().unwrap();
        }
        says_so(entries.next_entry().await);
        says_so(entries.next_entry().await);
    });
}
