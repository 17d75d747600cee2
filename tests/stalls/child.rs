//! Stalls of another process: the same program, with an environment variable that selects its role.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use super::*;

const PART: &str = "WAKEFUL_STALLS_PART";

/// A process that is killed when it is dropped.
struct Player(Child);

impl Player {
    /// Starts the test of this name in a process of its own, with a role.
    fn start(test: &str) -> Player {
        let child = crate::alone::this_program()
            .args(["--exact", &format!("child::{test}"), "--nocapture"])
            .env(PART, test)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Player(child)
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.0)
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn plays(test: &str) -> bool {
    std::env::var(PART).is_ok_and(|part| part == test)
}

#[test]
fn a_loop_that_is_stuck_forever_is_reported() {
    const NAME: &str = "a_loop_that_is_stuck_forever_is_reported";
    if plays(NAME) {
        let runtime = Builder::new().detect_stalls(THRESHOLD).build().unwrap();
        runtime.block_on(async {
            let builder = wakeful::task::Builder::new().name("forever");
            let stuck = builder.spawn(async {
                loop {
                    std::thread::park();
                }
            });
            stuck.await.unwrap()
        })
    }
    let mut child = Player::start(NAME);
    // The default hook: a line on standard error.
    let lines = BufReader::new(child.0.stderr.take().unwrap()).lines();
    let mut lines = lines.map(|line| line.unwrap());
    let line = lines
        .find(|line| line.starts_with("wakeful: a stall: "))
        .unwrap();
    assert!(line.contains("\"forever\", spawned at "), "{line}");
    assert!(
        line.contains(" is blocked and holds up the loop "),
        "{line}"
    );
}

/// One poll that continues while its process is stopped for many thresholds, and a little after.
/// The stop must not count as a stall.
#[test]
fn a_stopped_process_is_not_a_stall() {
    const NAME: &str = "a_stopped_process_is_not_a_stall";
    if plays(NAME) {
        return stopped_player();
    }
    let mut child = Player::start(NAME);
    let mut lines = BufReader::new(child.0.stdout.take().unwrap()).lines();
    let mut next = |wanted: &str| {
        let line = lines.find(|line| line.as_ref().unwrap().contains(wanted));
        line.unwrap_or_else(|| panic!("the child did not print {wanted}"))
            .unwrap()
    };
    for _ in 0..5 {
        next("polling");
        kill_process(child.pid(), Signal::STOP).unwrap();
        let stopped = waitpid(Some(child.pid()), WaitOptions::UNTRACED).unwrap();
        assert!(stopped.unwrap().1.stopped());
        let begin = Instant::now();
        while begin.elapsed() < 3 * STOP_THRESHOLD {
            std::thread::park_timeout(STOP_THRESHOLD);
        }
        kill_process(child.pid(), Signal::CONT).unwrap();
    }
    let line = next("stalls:");
    let mut numbers = line.split_whitespace().filter_map(|word| word.parse().ok());
    let (stalls, long): (u64, u64) = (numbers.next().unwrap(), numbers.next().unwrap());
    assert!(stalls <= long, "{line}");
    assert!(long < 5, "no result: the machine is too busy");
}

/// Large, so that on a busy machine a short poll is not a stall.
const STOP_THRESHOLD: Duration = Duration::from_millis(400);

fn stopped_player() {
    let runtime = Builder::new()
        .detect_stalls(STOP_THRESHOLD)
        .build()
        .unwrap();
    let mut long = 0;
    for _ in 0..5 {
        let ran = runtime.block_on(async { one_stopped_poll() });
        // On a busy machine the poll may really take this long. An eighth is the detector's
        // resolution.
        long += u64::from(ran >= STOP_THRESHOLD * 7 / 8);
    }
    let stalls = runtime.metrics().stalls;
    println!("stalls: {stalls} of {long}");
}

/// Computes until it sees that it was stopped, as its clock jumps, and then for long enough to be
/// checked again. Returns how long it took without the jump.
fn one_stopped_poll() -> Duration {
    let begin = Instant::now();
    let mut last = begin;
    let mut jump = Duration::ZERO;
    let mut end = begin + LIMIT;
    println!("polling");
    while last < end {
        let now = Instant::now();
        if now - last >= 2 * STOP_THRESHOLD {
            jump = now - last;
            end = now + STOP_THRESHOLD / 4;
        }
        last = now;
    }
    last - begin - jump
}
