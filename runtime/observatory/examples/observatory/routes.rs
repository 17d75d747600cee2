//! The handlers. Each route waits in another way.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use futures_util::future::poll_fn;
use futures_util::task::AtomicWaker;
use wakeful::sync::Mutex;
use wakeful::task::{self, yield_now};
use wakeful::time::{Instant, sleep};
use wakeful::{spawn_blocking, trace};

/// The buttons of the page. A handler accepts other numbers as well.
pub(crate) const TARGETS: &[&str] = &[
    "/hello",
    "/slow?ms=500",
    "/fanout?n=8",
    "/yields?n=20",
    "/spin?ms=2000",
    "/thread?ms=100",
    "/blocking?ms=200",
    "/block?ms=150",
    "/pile?n=33",
    "/lose",
    "/cycle",
    "/crowd?n=200",
    "/panic",
];

/// The number after `ms=` or `n=` in a query.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Query {
    ms: Option<u64>,
    n: Option<u64>,
}

impl Query {
    /// Parses a query. Invalid parts are ignored.
    pub(crate) fn of(target: &str) -> Query {
        let (_, query) = target.split_once('?').unwrap_or_default();
        let mut found = Query::default();
        for part in query.split('&') {
            match part.split_once('=') {
                Some(("ms", value)) => found.ms = value.parse().ok(),
                Some(("n", value)) => found.n = value.parse().ok(),
                _ => {}
            }
        }
        found
    }

    fn ms(self, usual: u64, most: u64) -> Duration {
        Duration::from_millis(self.ms.unwrap_or(usual).min(most))
    }

    fn n(self, usual: u64, most: u64) -> u64 {
        self.n.unwrap_or(usual).min(most)
    }
}

/// Returns the text of an answer.
pub(crate) async fn answer(target: String) -> Option<String> {
    let query = Query::of(&target);
    let path = target.split('?').next().unwrap_or_default();
    Some(match path {
        "/hello" => "hello\n".to_owned(),
        "/slow" => slow(query.ms(300, 60_000)).await,
        "/fanout" => fanout(query.n(8, 100)).await,
        "/yields" => yields(query.n(20, 1000)).await,
        "/spin" => spin(query.ms(2000, 60_000)),
        "/thread" => from_a_thread(query.ms(50, 5000)).await,
        "/blocking" => on_the_pool(query.ms(50, 5000)).await,
        "/block" => block(query.ms(120, 5000)),
        "/pile" => pile(query.n(33, 100)),
        "/lose" => lose(),
        "/cycle" => cycle().await,
        "/crowd" => crowd(query.n(200, 1000), query.ms(20_000, 60_000)),
        "/panic" => panic!("the request /panic panics on purpose"),
        _ => return None,
    })
}

async fn slow(time: Duration) -> String {
    sleep(time).await;
    format!("a timer woke this task after {} ms\n", time.as_millis())
}

async fn fanout(n: u64) -> String {
    let worker = |i: u64| {
        let name = format!("worker {i}");
        task::Builder::new().name(&name).spawn(async move {
            yield_now().await;
            sleep(Duration::from_millis(5 * i)).await;
        })
    };
    let workers: Vec<_> = (1..=n).map(worker).collect();
    for worker in workers {
        // None of the tasks panics.
        let _ = worker.await;
    }
    format!("{n} tasks have ended\n")
}

async fn yields(n: u64) -> String {
    for _ in 0..n {
        yield_now().await;
    }
    format!("this task woke itself {n} times\n")
}

/// The number of yields of all tasks that spin.
pub(crate) static SPINS: AtomicU64 = AtomicU64::new(0);

/// Spawns a task that always wakes itself: a busy loop.
fn spin(time: Duration) -> String {
    let spinner = task::Builder::new().name("spinner");
    spinner.spawn(async move {
        let end = Instant::now() + time;
        while Instant::now() < end {
            SPINS.fetch_add(1, Ordering::Relaxed);
            yield_now().await;
        }
    });
    format!("a task spins for {} ms\n", time.as_millis())
}

/// Makes tasks ready, and holds the loop before they can run.
fn pile(n: u64) -> String {
    for i in 1..=n {
        let ready = task::Builder::new().name(format!("ready {i}"));
        ready.spawn(async {});
    }
    thread::sleep(Duration::from_millis(34));
    format!("{n} tasks had to wait for 34 ms\n")
}

/// Spawns a task that keeps no waker, so nothing can wake it.
fn lose() -> String {
    let forgetful = task::Builder::new().name("forgetful");
    forgetful.spawn(poll_fn(|_| Poll::<()>::Pending));
    "a task waits, and nothing has its waker\n".to_owned()
}

/// Spawns two tasks that lock two mutexes in opposite order.
async fn cycle() -> String {
    let locks = Rc::new((Mutex::new(()), Mutex::new(())));
    for swap in [false, true] {
        let locks = locks.clone();
        let name = if swap { "back" } else { "there" };
        task::Builder::new().name(name).spawn(async move {
            let (first, second) = if swap {
                (&locks.1, &locks.0)
            } else {
                (&locks.0, &locks.1)
            };
            let _first = first.lock().await;
            yield_now().await;
            let _second = second.lock().await;
        });
    }
    yield_now().await;
    "two tasks wait for each other's mutex\n".to_owned()
}

/// Spawns many tasks at one place.
fn crowd(n: u64, time: Duration) -> String {
    for i in 1..=n {
        let member = task::Builder::new().name(format!("member {i}"));
        member.spawn(async move {
            let end = Instant::now() + time;
            while Instant::now() < end {
                sleep(Duration::from_millis(20 + i * 7 % 400)).await;
            }
        });
    }
    format!("{n} tasks sleep and wake\n")
}

/// A flag that another thread sets, and the waker of the task that waits for it.
#[derive(Default)]
struct Signal {
    set: AtomicBool,
    waker: AtomicWaker,
}

async fn from_a_thread(time: Duration) -> String {
    let signal = Arc::new(Signal::default());
    let there = signal.clone();
    let started = thread::Builder::new()
        .name("visitor".to_owned())
        .spawn(move || {
            thread::sleep(time);
            there.set.store(true, Ordering::Release);
            there.waker.wake();
        });
    if let Err(error) = started {
        return format!("the system cannot start a thread: {error}\n");
    }
    poll_fn(|cx| {
        // Registers the waker before it checks: otherwise a wake could be lost.
        signal.waker.register(cx.waker());
        match signal.set.load(Ordering::Acquire) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
    "a thread woke this task\n".to_owned()
}

async fn on_the_pool(time: Duration) -> String {
    match spawn_blocking(move || thread::sleep(time)).await {
        Ok(()) => "the blocking pool ran it, and the loop ran other tasks meanwhile\n".to_owned(),
        Err(error) => format!("the blocking pool did not run it: {error}\n"),
    }
}

/// Blocks the loop, a mistake that `spawn_blocking` avoids.
fn block(time: Duration) -> String {
    let _span = trace::span("a call that blocks");
    thread::sleep(time);
    format!(
        "the loop was blocked and served no other request for {} ms\n",
        time.as_millis()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_a_query_are_limited() {
        let query = Query::of("/slow?a=b&ms=70000&n=x");
        assert_eq!(
            query,
            Query {
                ms: Some(70_000),
                n: None
            }
        );
        assert_eq!(query.ms(300, 60_000), Duration::from_secs(60));
        assert_eq!(query.n(8, 100), 8);
        assert_eq!(Query::of("/slow"), Query::default());
        assert_eq!(Query::of("/slow?ms=-1"), Query::default());
    }

    #[test]
    fn every_target_answers() {
        let runtime = wakeful::Runtime::new().unwrap();
        for target in TARGETS.iter().filter(|target| **target != "/panic") {
            let target = target.split('?').next().unwrap();
            let small = runtime.block_on(answer(format!("{target}?ms=1")));
            assert!(small.is_some(), "{target}");
        }
        assert_eq!(runtime.block_on(answer("/nothing".to_owned())), None);
    }
}
