//! Futures dropped at random points: the kernel does not write to freed memory, nothing leaks, and
//! later operations get their own results. Also run under the address sanitizer, see the justfile.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;

use futures_util::future::{Either, select};
use wakeful::fs::{self, File};
use wakeful::task::yield_now;
use wakeful::time::sleep;

use crate::common::{TempDir, both};
use crate::support::{poll_once, spin_until, yield_until};

both! {
    futures_dropped_at_random_points
    an_operation_dropped_before_its_turn_never_begins
    a_file_opened_for_a_dropped_future_is_closed
}

const SIZE: u64 = 1 << 20;

struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// Returns the byte of the file at an offset.
fn byte(at: u64) -> u8 {
    (at / 13 % 251) as u8
}

/// Memory allocated right after an operation was dropped, most likely where its buffer was; if the
/// kernel still writes there, it is detected.
struct Traps(RefCell<VecDeque<Vec<u8>>>);

impl Traps {
    fn set(&self, size: usize) {
        let mut traps = self.0.borrow_mut();
        traps.push_back(vec![0xEE; size]);
        if traps.len() > 64 {
            check(&traps.pop_front().unwrap());
        }
    }
}

fn check(trap: &[u8]) {
    assert!(
        trap.iter().all(|byte| *byte == 0xEE),
        "written to after the operation was dropped"
    );
}

/// Polls the future, and drops it if it is not ready in time. For an odd number of turns, the time
/// is that number of polls of the task, during which the loop is busy and may not even have
/// submitted the operation. For an even number, it is a sleep of 5 µs per turn.
async fn at_most<F: Future>(turns: u64, future: F) -> Option<F::Output> {
    let patience = pin!(async {
        if turns.is_multiple_of(2) {
            sleep(Duration::from_micros(turns * 5)).await;
        } else {
            for _ in 0..turns {
                yield_now().await;
            }
        }
    });
    match select(pin!(future), patience).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(_) => None,
    }
}

async fn futures_dropped_at_random_points(dir: TempDir) -> io::Result<()> {
    let path = dir.join("f");
    let contents: Vec<u8> = (0..SIZE).map(byte).collect();
    fs::write(&path, &contents).await?;
    let file = Rc::new(File::options().read(true).write(true).open(&path).await?);
    let traps = Rc::new(Traps(RefCell::default()));
    let tasks: Vec<_> = (1..=16)
        .map(|seed| {
            let (file, traps, path) = (file.clone(), traps.clone(), path.clone());
            wakeful::spawn(async move {
                let mut random = Random(seed * 0x9E37_79B9);
                for _ in 0..150 {
                    let turns = random.below(40);
                    // Some are completed by a thread of the kernel, some within the submission.
                    let most = [300_000, 8_000, 8_000, 8_000][random.below(4) as usize];
                    let size = 1 + random.below(most);
                    let at = random.below(SIZE - size);
                    let mut buf = vec![0; size as usize];
                    match random.below(8) {
                        // The same bytes, so that it does not matter whether the write happened.
                        0 => {
                            let same = contents_at(at, size);
                            let write = file.write_all_at(&same, at);
                            at_most(turns, write).await.transpose()?;
                        }
                        1 => {
                            at_most(turns, fs::read(&path)).await.transpose()?;
                        }
                        2 => {
                            at_most(turns, file.sync_data()).await.transpose()?;
                        }
                        _ => {
                            let read = at_most(turns, file.read_exact_at(&mut buf, at)).await;
                            if read.transpose()?.is_some() {
                                assert!(buf == contents_at(at, size), "seed {seed}");
                            }
                        }
                    }
                    drop(buf);
                    traps.set(size as usize);
                }
                io::Result::Ok(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    // This operation waits for all earlier ones.
    file.sync_all().await?;
    assert!(fs::read(&path).await? == contents);
    traps.0.borrow().iter().for_each(|trap| check(trap));
    Ok(())
}

fn contents_at(at: u64, size: u64) -> Vec<u8> {
    (at..at + size).map(byte).collect()
}

async fn an_operation_dropped_before_its_turn_never_begins(dir: TempDir) -> io::Result<()> {
    if fs::backend() == fs::Backend::Pool {
        // With the pool a thread may have begun already. That a closure aborted before never runs
        // is tested in `blocking.rs`.
        return Ok(());
    }
    let path = dir.join("never");
    let mut open = Box::pin(File::create(&path));
    assert!(poll_once(&mut open, Waker::noop()).is_pending());
    drop(open);
    // Later requests are submitted after it.
    fs::read("/dev/null").await?;
    assert!(!path.exists());
    Ok(())
}

/// A file whose open completes after its future was dropped is closed.
async fn a_file_opened_for_a_dropped_future_is_closed(dir: TempDir) -> io::Result<()> {
    if !std::fs::exists("/proc/self/fd")? {
        println!("skipped: no /proc/self/fd, which shows the open files");
        return Ok(());
    }
    let path = dir.join("o");
    fs::write(&path, "").await?;
    let ours = || {
        let entries = std::fs::read_dir("/proc/self/fd").unwrap();
        let links = entries.filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok());
        links.filter(|link| *link == path).count()
    };
    for _ in 0..50 {
        let mut open = Box::pin(File::create(&path));
        // The next operation submits it; a thread of the kernel creates a new file.
        if poll_once(&mut open, Waker::noop()).is_pending() {
            fs::read("/dev/null").await?;
            // It is open, and the loop may not have received the completion yet.
            spin_until(|| ours() == 1);
        }
        drop(open);
        yield_until(|| ours() == 0).await;
    }
    Ok(())
}
