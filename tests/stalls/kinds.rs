//! The kinds of stalls: what a stuck poll is doing.

use std::fs::File;
use std::io::{Read, Write};
use std::sync::Mutex;
use std::thread;

use super::*;

#[test]
fn a_sleep_is_reported_as_blocked() {
    let report = report_of("sleeps", |reports| {
        while_stuck(&reports, || thread::sleep(Duration::from_millis(5)))
    });
    assert_kind(&report, StallKind::Blocked);
}

#[test]
fn one_long_wait_is_reported_as_blocked() {
    let report = report_of("waits", |reports| reports.recv_timeout(LIMIT).unwrap());
    assert_kind(&report, StallKind::Blocked);
}

#[test]
fn a_busy_loop_is_reported_as_using_the_cpu() {
    let report = report_of("computes", |reports| while_stuck(&reports, || ()));
    assert_kind(&report, StallKind::Cpu);
}

/// Sends the report to a thread, which then ends the wait of the poll.
fn release_after(
    reports: Receiver<StallReport>,
    release: impl FnOnce() + Send + 'static,
) -> thread::JoinHandle<StallReport> {
    thread::spawn(move || {
        let report = reports.recv_timeout(LIMIT);
        // Before the report is checked: the poll must end in any case.
        release();
        report.expect("a report came")
    })
}

#[test]
fn a_read_of_a_fifo_is_reported_as_blocked() {
    let report = report_of("reads", |reports| {
        let (mut reader, mut writer) = fifo();
        let helper = release_after(reports, move || writer.write_all(b"x").unwrap());
        reader.read_exact(&mut [0]).unwrap();
        helper.join().unwrap()
    });
    assert_kind(&report, StallKind::Blocked);
}

/// Returns both ends of a named FIFO.
fn fifo() -> (File, File) {
    let name = format!("wakeful-fifo-{}", std::process::id());
    let path = std::env::temp_dir().join(name);
    crate::fifo::make_fifo(&path).unwrap();
    // For reading and writing, so that the opening does not wait for another process.
    let mut options = File::options();
    let both = options.read(true).write(true).open(&path);
    std::fs::remove_file(&path).unwrap();
    let both = both.unwrap();
    (both.try_clone().unwrap(), both)
}

#[test]
fn a_lock_held_on_another_thread_is_reported_as_blocked() {
    let report = report_of("locks", |reports| {
        let lock = Arc::new(Mutex::new(()));
        let (held, is_held) = channel();
        let other = lock.clone();
        let helper = thread::spawn(move || {
            let guard = other.lock().unwrap();
            held.send(()).unwrap();
            let report = reports.recv_timeout(LIMIT);
            drop(guard);
            report.expect("a report came")
        });
        is_held.recv().unwrap();
        drop(lock.lock().unwrap());
        helper.join().unwrap()
    });
    assert_kind(&report, StallKind::Blocked);
}

// Linux only: page faults of one thread come from `/proc`.
#[cfg(target_os = "linux")]
#[test]
fn touching_a_mapped_file_is_reported_as_waiting_for_memory() {
    use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap, munmap};
    const SIZE: usize = 64 << 20;

    let report = report_of("touches", |reports| {
        let file = tempfile();
        file.set_len(SIZE as u64).unwrap();
        while_stuck(&reports, || {
            // SAFETY: a new mapping, unmapped below, after its last use.
            unsafe {
                let flags = MapFlags::PRIVATE;
                let prot = ProtFlags::READ | ProtFlags::WRITE;
                let map = mmap(std::ptr::null_mut(), SIZE, prot, flags, &file, 0).unwrap();
                // Single pages, not huge ones.
                madvise(map, SIZE, Advice::LinuxNoHugepage).unwrap();
                for page in (0..SIZE).step_by(4096) {
                    map.cast::<u8>().add(page).write_volatile(1);
                }
                munmap(map, SIZE).unwrap();
            }
        })
    });
    // On a shared CPU, a first access to a page can take 25 µs. One for each 10 µs is many.
    let (faults, cpu) = (u128::from(report.minor_faults), report.cpu.unwrap());
    let slow = (cpu.as_micros() / 100..=cpu.as_micros() / 10).contains(&faults);
    if report.kind == StallKind::Cpu && faults > 32 && slow {
        println!("the machine is too busy to show more than this: {report}");
        return;
    }
    assert_kind(&report, StallKind::PageFaults);
    if report.kind == StallKind::PageFaults {
        assert!(report.minor_faults + report.major_faults > 100, "{report}");
    }
}

// Linux only, as its test.
#[cfg(target_os = "linux")]
fn tempfile() -> File {
    let path = std::env::temp_dir().join(format!("wakeful-map-{}", std::process::id()));
    let mut options = File::options();
    let file = options.read(true).write(true).create_new(true).open(&path);
    let file = file.unwrap();
    std::fs::remove_file(&path).unwrap();
    file
}

// Linux only: stacks are read with the feature `backtrace`.
#[cfg(target_os = "linux")]
#[test]
fn the_stack_shows_the_users_functions() {
    #[inline(never)]
    fn deep_in_the_users_code(reports: &Receiver<StallReport>) -> StallReport {
        loop {
            // A thread that gets no CPU does not answer in time.
            let report = while_stuck(reports, || ());
            if report.stack().is_some() || report.repeats >= 8 {
                return report;
            }
        }
    }
    let report = report_of("deep", |reports| deep_in_the_users_code(&reports));
    let stack = report.stack().expect("the thread answers");
    assert!(stack.contains("deep_in_the_users_code"), "{stack}");
    assert!(!stack.contains("signal_hook_registry"), "{stack}");
    assert!(report.to_string().contains(stack.trim_end()));
}
