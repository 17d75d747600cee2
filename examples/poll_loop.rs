//! Somebody else's event loop drives Wakeful: here a bare `poll(2)`, as small as a loop can be. The
//! loop keeps its own business (a pipe that a thread writes into) and gives Wakeful a turn whenever
//! its descriptor is readable or its time has come.
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

    // A timer of Wakeful's, which `poll` waits for by its timeout.
    let ticks = runtime.spawn(async {
        let mut ticks = interval(Duration::from_millis(20));
        for n in 1..=3 {
            ticks.tick().await;
            println!("wakeful: tick {n}");
        }
    });
    // A wake from another thread, which makes Wakeful's descriptor readable.
    let handle = runtime.handle();
    let remote = thread::spawn(move || {
        let task = handle.spawn_with(|| async {
            println!("wakeful: a task from another thread");
            sleep(Duration::from_millis(10)).await;
            "its result"
        });
        println!(
            "thread:  got {}",
            wakeful::block_on(task).expect("the loop runs on")
        );
        // An event of the foreign loop's own.
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
    println!("foreign: went round {loops} times");
    Ok(())
}

/// Waits for either of the two. `true`: the thread has written.
fn wait(runtime: &Runtime, ours: Option<&mut PipeReader>) -> io::Result<bool> {
    // Asked right before the wait, so that nothing comes between.
    let timeout = runtime.next_timeout();
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    let mut fds = vec![PollFd::new(runtime, PollFlags::IN)];
    // A pipe whose other end is gone would end every wait.
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
