//! Timers make no system calls, until the loop waits.

use std::future::Future;
use std::process::Command;
use std::task::{Context, Waker};
use std::time::Duration;

use wakeful::Runtime;
use wakeful::time::{Instant, sleep};

const CHILD: &str = "timers_are_armed_without_a_wait";
const MARK: &str = "/wakeful-mark-in-the-trace";

#[test]
fn timers_are_armed_without_a_wait() {
    let runtime = Runtime::new().expect("descriptors");
    runtime.block_on(async {
        let mut cx = Context::from_waker(Waker::noop());
        let mut timers = Vec::with_capacity(1000);
        timers.extend((1..1000).map(|n| Box::pin(sleep(Duration::from_secs(n)))));
        let before = runtime.metrics();
        // A system call with a name of its own, for the test below. `std` has nothing that it would
        // call if this one is refused.
        assert!(std::fs::read_link(MARK).is_err());
        for timer in &mut timers {
            assert!(timer.as_mut().poll(&mut cx).is_pending());
            timer
                .as_mut()
                .reset(Instant::now() + Duration::from_secs(5));
        }
        let armed = runtime.metrics();
        timers.truncate(10);
        assert!(std::fs::read_link(MARK).is_err());
        assert_eq!(armed.timers, before.timers + 999);
        assert_eq!(armed.waits, before.waits);
        assert_eq!(armed.remote_messages, 0);
        // A sleep costs one wait, with events or without.
        drop(timers);
        sleep(Duration::from_millis(1)).await;
        let after = runtime.metrics();
        assert!(after.waits > before.waits);
        assert!(after.waits <= before.waits + 3, "{after:?}");
    });
}

#[test]
fn timers_are_armed_without_a_syscall() {
    let trace = std::env::temp_dir().join(format!("wakeful-trace-{}", std::process::id()));
    let me = std::env::current_exe().expect("this program has a path");
    let child = Command::new("strace")
        .args(["-f", "-o"])
        .arg(&trace)
        .arg(me)
        .args(["--exact", &format!("syscalls::{CHILD}"), "--test-threads=1"])
        .output();
    let calls = std::fs::read_to_string(&trace).unwrap_or_default();
    let _ = std::fs::remove_file(&trace);
    let marks = calls.lines().filter(|line| line.contains(MARK)).count();
    match child {
        Ok(child) if marks == 2 => assert!(child.status.success()),
        // Without strace, or without permission to trace, there is no output to check.
        Ok(child) if calls.contains("exited with 0") => panic!("{marks} marks: {child:?}"),
        skipped => return println!("skipped, as strace does not work here: {skipped:?}"),
    }
    let between = calls
        .lines()
        .skip_while(|line| !line.contains(MARK))
        .skip(1);
    let between: Vec<_> = between.take_while(|line| !line.contains(MARK)).collect();
    let thread = calls
        .lines()
        .find(|line| line.contains(MARK))
        .and_then(|line| line.split(' ').next());
    // A heap other than the main one grows by `mprotect`.
    let memory = [
        "brk(",
        "mmap(",
        "munmap(",
        "mremap(",
        "madvise(",
        "mprotect(",
    ];
    let others: Vec<_> = between
        .iter()
        .filter(|line| line.split(' ').next() == thread)
        .filter(|line| !memory.iter().any(|call| line.contains(call)))
        .collect();
    assert!(others.is_empty(), "{others:#?}");
}
