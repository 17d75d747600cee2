//! Counts the instructions of an operation with valgrind. Unlike times, the counts repeat exactly.
//!
//! ```text
//! cargo run --release -p wakeful-benches --bin counts              compares with counts.txt
//! cargo run --release -p wakeful-benches --bin counts -- --update  replaces counts.txt
//! ```
//!
//! Each case runs twice, with different numbers of operations. The difference of the two counts,
//! divided by the difference of the numbers, is the cost of one operation. The program fails if a
//! cost has grown by more than 3 % and by more than one instruction. The counts depend on the
//! compiler and the C library, so `counts.txt` names the compiler.

use std::fmt::Write;
use std::future::{Future, poll_fn};
use std::process::{Command, ExitCode};
use std::task::Poll;
use std::time::Duration;
use std::{env, fs};

use wakeful::task::{JoinSet, yield_now};
use wakeful::time::{Sleep, sleep, timeout};

const BASELINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/counts.txt");

/// Numbers of operations in the two runs.
const RUNS: [u64; 2] = [20_000, 40_000];

const CASES: &[&str] = &[
    "spawn and join",
    "spawn and join of a future of 4 KiB",
    "join set",
    "yield",
    "yield of 100 tasks",
    "channel round trip",
    "timer armed and dropped",
    "timer armed and dropped, 10,000 alive",
    "timeout around what is ready",
];

async fn armed(after: Duration) -> std::pin::Pin<Box<Sleep>> {
    let mut timer = Box::pin(sleep(after));
    let pending = poll_fn(|cx| Poll::Ready(timer.as_mut().poll(cx).is_pending())).await;
    assert!(pending);
    timer
}

async fn join_set(n: u64) {
    let mut set = JoinSet::new();
    for _ in 0..n {
        set.spawn(async {});
        set.join_next().await.expect("one").expect("no panic");
    }
}

async fn yields(n: u64, tasks: u64) {
    let mut set = JoinSet::new();
    for _ in 0..tasks {
        set.spawn(async move {
            for _ in 0..n / tasks {
                yield_now().await;
            }
        });
    }
    while set.join_next().await.is_some() {}
}

async fn round_trips(n: u64) {
    let (there, from_here) = async_channel::bounded(1);
    let (back, from_there) = async_channel::bounded(1);
    let echo = wakeful::spawn(async move {
        while let Ok(number) = from_here.recv().await {
            back.send(number).await.expect("open");
        }
    });
    let asks = wakeful::spawn(async move {
        for number in 0..n {
            there.send(number).await.expect("open");
            from_there.recv().await.expect("open");
        }
    });
    asks.await.expect("no panic");
    echo.await.expect("no panic");
}

async fn run(case: &str, n: u64) {
    let hour = Duration::from_secs(3600);
    match case {
        "spawn and join" => {
            for _ in 0..n {
                wakeful::spawn(async {}).await.expect("no panic");
            }
        }
        "spawn and join of a future of 4 KiB" => {
            for _ in 0..n {
                let large = [1_u8; 4096];
                let task = wakeful::spawn(async move {
                    yield_now().await;
                    large.len()
                });
                task.await.expect("no panic");
            }
        }
        "join set" => join_set(n).await,
        "yield" => yields(n, 1).await,
        "yield of 100 tasks" => yields(n, 100).await,
        "channel round trip" => round_trips(n).await,
        "timer armed and dropped" => {
            for _ in 0..n {
                drop(armed(hour).await);
            }
        }
        "timer armed and dropped, 10,000 alive" => {
            let mut alive = Vec::new();
            for number in 0..10_000 {
                alive.push(armed(hour + Duration::from_millis(number)).await);
            }
            for number in 0..n {
                drop(armed(hour + Duration::from_millis(number % 10_000)).await);
            }
        }
        "timeout around what is ready" => {
            for _ in 0..n {
                timeout(hour, async {}).await.expect("in time");
            }
        }
        other => panic!("unknown case {other:?}; the cases are {CASES:?}"),
    }
}

fn instructions(case: &str, n: u64) -> Option<f64> {
    let this = env::current_exe().expect("this program");
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(this)
        .args(["--case", case, &n.to_string()])
        .output()
        .ok()?;
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{case}: {said}");
    let collected = said.split("Collected :").nth(1).expect("a count");
    let number = collected.split_whitespace().next().expect("a number");
    Some(number.parse().expect("a number"))
}

fn compiler() -> String {
    let version = Command::new("rustc").arg("-V").output();
    version.map_or_else(
        |_| "an unknown compiler".into(),
        |run| String::from_utf8_lossy(&run.stdout).trim().to_owned(),
    )
}

/// Returns the count of a case in `counts.txt`. A line of the file has a count and the name.
fn known(file: &str, case: &str) -> Option<f64> {
    let line = file
        .lines()
        .find(|line| line.ends_with(&format!("  {case}")))?;
    line.split_whitespace().next()?.parse().ok()
}

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    if let [flag, case, n] = &args[..]
        && flag == "--case"
    {
        let n = n.parse().expect("a number of operations");
        // By default the loop polls the reactor after a certain time, so under valgrind, which is
        // slow, the count would depend on the machine. A fixed number of polls avoids that.
        let runtime = wakeful::Builder::new().event_interval(256).build();
        runtime
            .expect("a runtime")
            .block_on(async {
                let case = case.clone();
                wakeful::spawn(async move { run(&case, n).await }).await
            })
            .expect("no panic");
        return ExitCode::SUCCESS;
    }
    let file = fs::read_to_string(BASELINE).unwrap_or_default();
    let mut fresh = format!("# Instructions of an operation, by {}\n", compiler());
    if !args.contains(&"--update".to_owned()) && file.lines().next() != fresh.lines().next() {
        eprintln!("note: the counts in counts.txt are from another compiler");
    }
    let mut grown = 0;
    println!("{:>9} {:>9} {:>8}", "before", "now", "change");
    for case in CASES {
        let runs = RUNS.map(|n| instructions(case, n));
        let [Some(few), Some(many)] = runs else {
            println!("skipped: valgrind is not installed");
            return ExitCode::SUCCESS;
        };
        let now = (many - few) / (RUNS[1] - RUNS[0]) as f64;
        let before = known(&file, case).unwrap_or(now);
        let worse = now > before * 1.03 && now > before + 1.0;
        grown += u32::from(worse);
        let change = (now / before - 1.0) * 100.0;
        let mark = if worse { "  GROWN" } else { "" };
        println!("{before:>9.1} {now:>9.1} {change:>+7.1}%  {case}{mark}");
        _ = writeln!(fresh, "{now:>9.1}  {case}");
    }
    if args.contains(&"--update".to_owned()) {
        fs::write(BASELINE, fresh).expect("counts.txt can be written");
        return ExitCode::SUCCESS;
    }
    if grown > 0 {
        println!("{grown} counts have grown by more than 3 %. If intended, run with --update");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
