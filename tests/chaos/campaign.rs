//! Runs many seeds, one after the other, in a child process that is supervised.

use std::cell::RefCell;
use std::env;
use std::io::{BufRead, BufReader, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Child, Stdio};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use super::alone::{again, role};
use super::places::{Kind, Place, possible};
use super::story::Story;
use super::world::{self, Style, World};
use super::{hooks, runtimes};

/// The number of seeds if no variable sets it.
const SEEDS: u64 = 500;
/// The time after which a seed counts as hanging.
fn patience() -> Duration {
    Duration::from_secs(number("WAKEFUL_CHAOS_PATIENCE").unwrap_or(60))
}

type Counts = Vec<[u32; Kind::ALL.len()]>;

pub fn campaign(test: &'static str, style: Style) {
    if let Some(role) = role() {
        return child(&role, style);
    }
    let one = number("WAKEFUL_CHAOS_SEED");
    let first = one.or(number("WAKEFUL_CHAOS_FIRST")).unwrap_or(0);
    let seconds = number("WAKEFUL_CHAOS_SECONDS");
    let count = match (one, seconds) {
        (Some(_), _) => 1,
        (None, Some(_)) => u64::MAX - first,
        (None, None) => number("WAKEFUL_CHAOS_SEEDS").unwrap_or(SEEDS),
    };
    let end = first + count;
    let until = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let keep_going = env::var_os("WAKEFUL_CHAOS_KEEP_GOING").is_some();
    let mut failures = Vec::new();
    let mut counts: Counts = vec![[0; Kind::ALL.len()]; Place::ALL.len()];
    let (mut next, mut done) = (first, 0);
    while next < end && until.is_none_or(|until| Instant::now() < until) {
        let run = Run::start(test, next, end, until);
        let (ran, failed) = run.watch(&mut counts);
        done += ran;
        next += ran;
        if let Some(how) = failed {
            next += 1;
            let again = format!(
                "WAKEFUL_CHAOS_SEED={} WAKEFUL_CHAOS_LOG=1 cargo test -p wakeful-tests{} --test \
                 chaos -- --exact {test} --nocapture",
                next - 1,
                features()
            );
            let text = format!("seed {} {how}\nTo repeat it:\n    {again}\n", next - 1);
            if !keep_going {
                panic!("{text}");
            }
            println!("{text}");
            failures.push(next - 1);
        }
    }
    let actions: u32 = counts.iter().flatten().sum();
    println!("{test}: {done} seeds, {actions} actions");
    let missing = missing(&counts);
    println!("{test}: never taken: {missing:?}");
    assert!(
        failures.is_empty(),
        "{} seeds fail: {failures:?}",
        failures.len()
    );
    // A few seeds need not take all kinds of actions. A subscriber takes most of them.
    let enough = if cfg!(feature = "console") {
        10 * SEEDS
    } else {
        SEEDS
    };
    if count >= enough && seconds.is_none() {
        assert!(missing.is_empty(), "never done: {missing:?}");
    }
}

/// Returns the kinds of actions that were not taken at a place.
fn missing(counts: &Counts) -> Vec<String> {
    let mut missing = Vec::new();
    for &place in Place::ALL {
        for &kind in Kind::ALL {
            if possible(place, kind) && counts[place as usize][kind as usize] == 0 {
                missing.push(format!("{kind} at {place}"));
            }
        }
    }
    missing
}

fn features() -> &'static str {
    match (cfg!(feature = "trace"), cfg!(feature = "console")) {
        (false, false) => "",
        (true, false) => " --features trace",
        (false, true) => " --features console",
        (true, true) => " --features trace,console",
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    match text.parse() {
        Ok(number) => Some(number),
        Err(error) => panic!("{variable} is '{text}', which is not a number: {error}"),
    }
}

/// The child process.
struct Run {
    child: Child,
    lines: Receiver<String>,
    errors: thread::JoinHandle<String>,
}

impl Run {
    fn start(test: &str, first: u64, end: u64, until: Option<Instant>) -> Run {
        let left = until.map_or(u64::MAX, |until| {
            until.saturating_duration_since(Instant::now()).as_millis() as u64
        });
        let mut child = again(test, &format!("{first} {end} {left}"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("this program can be started again");
        let (sender, lines) = mpsc::channel();
        let output = child.stdout.take().expect("a pipe");
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let mut output = child.stderr.take().expect("a pipe");
        let errors = thread::spawn(move || {
            let mut bytes = Vec::new();
            _ = output.read_to_end(&mut bytes);
            let text = String::from_utf8_lossy(&bytes);
            // The end of the output has the cause; a hanging seed may have written a lot.
            let from = text.len().saturating_sub(60_000);
            let from = (from..text.len()).find(|&at| text.is_char_boundary(at));
            text[from.unwrap_or(0)..].to_owned()
        });
        Run {
            child,
            lines,
            errors,
        }
    }

    /// Returns the number of seeds that passed, and the outcome of the next one.
    fn watch(mut self, counts: &mut Counts) -> (u64, Option<String>) {
        let mut ran = 0;
        let mut finished = false;
        let hangs = loop {
            match self.lines.recv_timeout(patience()) {
                Ok(line) => match line.split_whitespace().collect::<Vec<_>>()[..] {
                    ["seed", _, "passed"] => ran += 1,
                    ["count", place, kind, count] => {
                        let at = |text: &str| text.parse::<usize>().expect("a number");
                        counts[at(place)][at(kind)] += at(count) as u32;
                    }
                    ["finished"] => finished = true,
                    _ => {}
                },
                Err(RecvTimeoutError::Disconnected) => break false,
                Err(RecvTimeoutError::Timeout) => break true,
            }
        };
        if hangs {
            // SIGABRT would show no more: the other thread of the child prints the actions.
            _ = self.child.kill();
        }
        let status = self.child.wait().expect("it ends");
        let errors = self.errors.join().expect("no panic");
        match (hangs, finished && status.success()) {
            (false, true) => (ran, None),
            (true, _) => (ran, Some(format!("hangs.\n{errors}"))),
            (false, false) => (ran, Some(format!("fails: {status}\n{errors}"))),
        }
    }
}

/// Runs in the child: the seeds up to the first that fails.
fn child(role: &str, style: Style) {
    let numbers: Vec<u64> = role
        .split(' ')
        .map(|it| it.parse().expect("a number"))
        .collect();
    let [first, end, left] = numbers[..] else {
        panic!("the role is {role:?}")
    };
    let began = Instant::now();
    let loud = env::var_os("WAKEFUL_CHAOS_LOG").is_some();
    hooks::install();
    // The test harness has begun a line.
    println!();
    let mut counts: Counts = vec![[0; Kind::ALL.len()]; Place::ALL.len()];
    for seed in first..end {
        if began.elapsed().as_millis() as u64 >= left {
            break;
        }
        let story = Arc::new(Story::new(loud));
        match play(seed, style, story.clone()) {
            Ok(more) => {
                for (sum, more) in counts.iter_mut().flatten().zip(more.iter().flatten()) {
                    *sum += more;
                }
                println!("seed {seed} passed");
            }
            Err(what) => {
                eprintln!("{}\n\nseed {seed}: {what}", story.text());
                print_counts(&counts);
                std::process::exit(1);
            }
        }
    }
    print_counts(&counts);
    println!("finished");
}

fn print_counts(counts: &Counts) {
    for (place, kinds) in counts.iter().enumerate() {
        for (kind, count) in kinds.iter().enumerate() {
            println!("count {place} {kind} {count}");
        }
    }
}

/// Runs one seed on a thread of its own.
fn play(seed: u64, style: Style, story: Arc<Story>) -> Result<Counts, String> {
    let (sender, report) = mpsc::channel();
    let theirs = story.clone();
    let thread = thread::Builder::new()
        .stack_size(16 << 20)
        .spawn(move || scene(seed, style, theirs, sender))
        .expect("a thread");
    match report.recv_timeout(patience() * 3 / 4) {
        Ok(report) => {
            thread
                .join()
                .map_err(|_| "the thread panicked".to_owned())?;
            report
        }
        Err(RecvTimeoutError::Timeout) => Err("it hangs".to_owned()),
        Err(RecvTimeoutError::Disconnected) => Err("the thread ended early".to_owned()),
    }
}

fn scene(seed: u64, style: Style, story: Arc<Story>, report: mpsc::Sender<Result<Counts, String>>) {
    let world = Rc::new(World::new(seed, style, story));
    world::begin(world.clone());
    let early = world.dice.one_in(2);
    if early {
        runtimes::touch_late();
    }
    world.allow(40 + world.dice.below(160) as u32);
    world.attempt(|| runtimes::make(&world));
    while world.left() > 30 {
        world.act(Place::Top);
        if world.dice.one_in(12) {
            let guests = world.bag.runtimes.borrow().clone();
            guests.iter().for_each(|guest| guest.check(&world));
            world::drop_quietly(guests);
        }
    }
    world.tell(|| "settle".to_owned());
    world.settle();
    world.tell(|| "end".to_owned());
    let late = world.dice.one_in(4);
    let close = {
        let world = RefCell::new(Some(world.clone()));
        move || {
            let world = world.take().expect("once");
            let closed = catch_unwind(AssertUnwindSafe(|| world.close()));
            let result = match closed {
                Ok(world) => {
                    let faults = world.faults.take();
                    match faults.is_empty() {
                        true => Ok(world.counts.take()),
                        false => Err(faults.join("\n")),
                    }
                }
                Err(_) => Err("the close panicked".to_owned()),
            };
            world::end();
            _ = report.send(result);
        }
    };
    while world.left() > if late { 12 } else { 0 } {
        world.act(Place::Top);
    }
    drop(world);
    runtimes::finish(late, close);
}
