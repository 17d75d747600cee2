//! A foreign event loop drives Wakeful: here a minimal loop around `poll(2)`. The loop has a source
//! of its own (a pipe that a thread writes to), and lets Wakeful run a turn when Wakeful's
//! descriptor is readable or its next timer is due.
//!
//! `cargo run --example poll_loop`

use std::io::{self, PipeReader, Read, Write};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use wakeful::Runtime;
use wakeful::time::{interval, sleep};

fn main() -> io::Result<()> {
    let runtime = Runtime::new()?;
    let (mut ours, mut theirs) = io::pipe()?;

    // A timer of Wakeful, which limits the timeout of `poll`.
    let ticks = runtime.spawn(async {
        let mut ticks = interval(Duration::from_millis(20));
        for n in 1..=3 {
            ticks.tick().await;
            println!("wakeful: tick {n}");
        }
    });
    // A task from another thread, which makes Wakeful's descriptor readable.
    let handle = runtime.handle();
    let remote = thread::spawn(move || {
        let task = handle.spawn_with(|| async {
            println!("wakeful: a task from another thread");
            sleep(Duration::from_millis(10)).await;
            "its result"
        });
        println!(
            "thread:  got {}",
            wakeful::block_on(task).expect("the loop runs")
        );
        // An event of the foreign loop.
        theirs.write_all(b"done")
    });

    let mut loops = 0;
    let mut told = false;
    loop {
        runtime.turn()?;
        if told && ticks.is_finished() {
            break;
        }
        loops += 1;
        told |= wait(&runtime, (!told).then_some(&mut ours))?;
    }
    remote.join().expect("the thread does not panic")?;
    println!("foreign: {loops} turns");
    Ok(())
}

/// Waits for Wakeful or for the pipe. Returns whether the thread has written to the pipe.
fn wait(runtime: &Runtime, ours: Option<&mut PipeReader>) -> io::Result<bool> {
    // Computed right before the wait, so that it includes all timers.
    let timeout = runtime.next_timeout();
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    let mut fds = vec![PollFd::new(runtime, PollFlags::IN)];
    // A pipe whose other end is closed would end every wait.
    fds.extend(ours.as_deref().map(|ours| PollFd::new(ours, PollFlags::IN)));
    poll(&mut fds, timeout.as_ref())?;
    let is_readable = fds
        .get(1)
        .is_some_and(|fd| fd.revents().contains(PollFlags::IN));
    let Some(ours) = ours.filter(|_| is_readable) else {
        return Ok(false);
    };
    let mut text = [0; 4];
    ours.read_exact(&mut text)?;
    println!("foreign: the pipe says {}", String::from_utf8_lossy(&text));
    Ok(true)
}
