//! The number of system calls for each request: counted by `strace -c` over a child process if
//! strace is installed, and by the runtime's metrics.

// Linux only: strace, and the calls of the backend for Linux.
#![cfg(target_os = "linux")]

use std::cell::Cell;
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream as StdStream;
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;
use std::{env, fs, process};

use wakeful::net::TcpListener;
use wakeful::time::sleep;

const ROLE: &str = "WAKEFUL_SYSCALLS_ROLE";

/// Not a test: the child processes run it.
#[test]
fn child() {
    match env::var(ROLE).as_deref() {
        Ok("echo") => echo_one_connection(),
        Ok("main") => wakeful::block_on(work_without_the_system()),
        Ok("watched") => work_observed(),
        _ => {}
    }
}

fn echo_one_connection() {
    wakeful::block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("port={}", listener.local_addr().unwrap().port());
        let (stream, _) = listener.accept().await.unwrap();
        let mut buf = [0; 4096];
        loop {
            let n = stream.read(&mut buf).await.unwrap();
            if n == 0 {
                break;
            }
            assert_eq!(stream.write(&buf[..n]).await.unwrap(), n);
        }
    });
}

/// Wakes the main future, joins tasks and arms timers, none of which needs a system call.
async fn work_without_the_system() {
    for _ in 0..20_000 {
        wakeful::spawn(async {}).await.unwrap();
        wakeful::task::yield_now().await;
        let mut timer = Box::pin(sleep(Duration::from_secs(3600)));
        let armed = poll_fn(|cx| Poll::Ready(timer.as_mut().poll(cx).is_pending())).await;
        assert!(armed);
    }
}

/// The same, with all observers.
fn work_observed() {
    let runtime = wakeful::Builder::new()
        .detect_stalls(Duration::from_secs(60))
        .metrics_level(wakeful::MetricsLevel::Times)
        .max_poll(Duration::from_secs(60))
        .build()
        .unwrap();
    runtime.block_on(work_without_the_system());
}

fn has_strace() -> bool {
    let there = Command::new("strace")
        .arg("-V")
        .stdout(Stdio::null())
        .status()
        .is_ok();
    if !there {
        eprintln!("skipped the part that counts system calls: strace is not installed");
    }
    there
}

struct Traced {
    child: Child,
    log: std::path::PathBuf,
}

impl Traced {
    fn start(role: &str, label: &str) -> Traced {
        let log = env::temp_dir().join(format!("wakeful-strace-{}-{label}", process::id()));
        let child = Command::new("strace")
            .args(["-c", "-f", "-o"])
            .arg(&log)
            .arg(env::current_exe().unwrap())
            .args(["child", "--exact", "--nocapture", "--test-threads=1"])
            .env(ROLE, role)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Traced { child, log }
    }

    /// Returns the numbers of calls by name, once the child has ended.
    fn finish(mut self) -> HashMap<String, u64> {
        assert!(self.child.wait().unwrap().success());
        let text = fs::read_to_string(&self.log).unwrap();
        fs::remove_file(&self.log).unwrap();
        let rows = text.lines().filter_map(|line| {
            let fields: Vec<_> = line.split_whitespace().collect();
            let calls = fields.get(3)?.parse().ok()?;
            Some(((*fields.last()?).to_owned(), calls))
        });
        rows.filter(|(name, _)| name != "total").collect()
    }
}

fn calls(counts: &HashMap<String, u64>, names: &[&str]) -> u64 {
    names.iter().filter_map(|name| counts.get(*name)).sum()
}

/// Makes `requests` on one connection to an echo server in a child.
fn echo(requests: usize) -> HashMap<String, u64> {
    let mut server = Traced::start("echo", &requests.to_string());
    let mut lines = BufReader::new(server.child.stdout.take().unwrap()).lines();
    let port = loop {
        // The test harness may have begun the line.
        let line = lines.next().expect("the child prints its port").unwrap();
        if let Some((_, port)) = line.split_once("port=") {
            break port.parse::<u16>().unwrap();
        }
    };
    let mut stream = StdStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut buf = [0; 64];
    for _ in 0..requests {
        stream.write_all(&[7; 64]).unwrap();
        stream.read_exact(&mut buf).unwrap();
    }
    drop(stream);
    lines.for_each(drop);
    server.finish()
}

#[test]
fn a_warm_request_is_one_read_and_one_write() {
    if !has_strace() {
        return;
    }
    let (few, many) = (echo(200), echo(1200));
    let grown = |names: &[&str]| calls(&many, names) - calls(&few, names);
    assert_eq!(
        grown(&["read", "recv", "recvfrom", "recvmsg", "readv"]),
        1000
    );
    assert_eq!(
        grown(&["write", "send", "sendto", "sendmsg", "writev"]),
        1000
    );
    // At most one wait for each request: no other connection could share it.
    let waits = grown(&["epoll_wait", "epoll_pwait", "epoll_pwait2"]);
    assert!(waits <= 1010, "{waits} waits for 1000 requests");
    let total = many.values().sum::<u64>() - few.values().sum::<u64>();
    assert!(
        total <= 3020,
        "{total} syscalls for 1000 requests: {many:?}"
    );
}

#[test]
fn tasks_and_timers_make_no_syscall() {
    if !has_strace() {
        return;
    }
    let counts = Traced::start("main", "main").finish();
    // The start of the process, the test harness and the runtime make some; the 60,000 operations
    // none.
    let waits = calls(&counts, &["epoll_wait", "epoll_pwait", "epoll_pwait2"]);
    assert!(waits < 50, "{waits} waits: {counts:?}");
    assert_eq!(calls(&counts, &["timerfd_settime"]), 0);
    let total: u64 = counts.values().sum();
    assert!(total < 1000, "{total} syscalls: {counts:?}");
}

#[test]
fn observers_make_no_syscall() {
    if !has_strace() {
        return;
    }
    let counts = Traced::start("watched", "watched").finish();
    let total: u64 = counts.values().sum();
    assert!(total < 1000, "{total} syscalls: {counts:?}");
}

#[test]
fn waking_the_main_future_causes_no_reactor_turn() {
    let runtime = wakeful::Runtime::new().unwrap();
    runtime.block_on(async {
        // A descriptor is registered, so the loop has a reason for reactor turns now and then.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let before = runtime.metrics().waits;
        for _ in 0..1_000 {
            wakeful::spawn(async {}).await.unwrap();
        }
        let waits = runtime.metrics().waits - before;
        assert!(
            waits < 500,
            "{waits} waits for 1000 wakes of the main future"
        );
        drop(listener);
    });
}

#[test]
fn ready_connections_share_a_wait() {
    const CONNECTIONS: usize = 50;
    let runtime = wakeful::Runtime::new().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let served = Rc::new(Cell::new(0));
        let mut clients = Vec::new();
        for _ in 0..CONNECTIONS {
            clients.push(StdStream::connect(addr).unwrap());
            let (stream, _) = listener.accept().await.unwrap();
            let served = served.clone();
            wakeful::spawn(async move {
                let mut buf = [0; 256];
                while let Ok(n @ 1..) = stream.read(&mut buf).await {
                    stream.write(&buf[..n]).await.unwrap();
                    served.set(served.get() + 1);
                }
            });
        }
        // The first reads find nothing, and leave the tasks waiting.
        sleep(Duration::from_millis(1)).await;
        for round in 1..=10 {
            // All at once, as no other task runs before the next await.
            for client in &mut clients {
                client.write_all(b"ping").unwrap();
            }
            let before = runtime.metrics();
            while served.get() < round * CONNECTIONS {
                sleep(Duration::ZERO).await;
            }
            let after = runtime.metrics();
            let waits = after.waits - before.waits;
            assert!(
                waits <= 20,
                "{waits} waits for {CONNECTIONS} ready connections"
            );
            for client in &mut clients {
                client.read_exact(&mut [0; 4]).unwrap();
            }
        }
    });
}
