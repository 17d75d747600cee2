//! What there is to watch: each route waits in another way.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use futures_util::future::poll_fn;
use futures_util::task::AtomicWaker;
use wakeful::task::{self, yield_now};
use wakeful::time::sleep;
use wakeful::{spawn_blocking, trace};

const ROUTES: &[(&str, &str)] = &[
    ("/hello", "answers at once"),
    ("/slow", "waits for a timer: ?ms="),
    ("/fanout", "spawns tasks and waits for all of them: ?n="),
    ("/yields", "wakes itself again and again: ?n="),
    ("/thread", "is woken by another thread: ?ms="),
    ("/blocking", "lets the blocking pool work: ?ms="),
    ("/block", "blocks the loop, as no task should: ?ms="),
    ("/panic", "panics, and the server goes on"),
];

pub(crate) fn exists(path: &str) -> bool {
    ROUTES.iter().any(|(route, _)| *route == path)
}

/// The number after `ms=` or `n=` in a query.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Query {
    ms: Option<u64>,
    n: Option<u64>,
}

impl Query {
    /// What can't be read is left out.
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

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.ms, self.n) {
            (Some(ms), _) => write!(f, "?ms={ms}"),
            (None, Some(n)) => write!(f, "?n={n}"),
            (None, None) => Ok(()),
        }
    }
}

/// The status and the words of an answer.
pub(crate) async fn answer(path: &str, query: Query) -> (&'static str, String) {
    let words = match path {
        "/hello" => "hello\n".to_owned(),
        "/slow" => slow(query.ms(300, 60_000)).await,
        "/fanout" => fanout(query.n(8, 100)).await,
        "/yields" => yields(query.n(20, 1000)).await,
        "/thread" => from_a_thread(query.ms(50, 5000)).await,
        "/blocking" => on_the_pool(query.ms(50, 5000)).await,
        "/block" => block(query.ms(120, 5000)),
        "/panic" => panic!("a request asked for it"),
        _ => {
            let line = |(path, what): &(&str, &str)| format!("{path} {what}\n");
            let list: String = ROUTES.iter().map(line).collect();
            return (
                "404 Not Found",
                format!("404 Not Found: try one of\n{list}"),
            );
        }
    };
    ("200 OK", words)
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
        // None of them panics.
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

/// A flag that another thread sets, and the waker of who waits for it.
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
        return format!("the system starts no thread: {error}\n");
    }
    poll_fn(|cx| {
        // First the waker, then the look: the other way round a wake could be lost.
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
        Ok(()) => "the pool has done it, and the loop went on meanwhile\n".to_owned(),
        Err(error) => format!("the pool has not done it: {error}\n"),
    }
}

/// The mistake that `spawn_blocking` is there for.
fn block(time: Duration) -> String {
    let _span = trace::span("a call that blocks");
    thread::sleep(time);
    format!("no other request was served for {} ms\n", time.as_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_has_numbers_with_limits() {
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
        assert_eq!(query.to_string(), "?ms=70000");
        assert_eq!(Query::of("/slow"), Query::default());
        assert_eq!(Query::of("/slow?ms=-1"), Query::default());
    }

    #[test]
    fn every_route_answers() {
        let runtime = crate::runtime().unwrap();
        for (path, _) in ROUTES.iter().filter(|(path, _)| *path != "/panic") {
            let query = Query {
                ms: Some(1),
                n: Some(2),
            };
            let (status, words) = runtime.block_on(answer(path, query));
            assert_eq!(status, "200 OK", "{path}: {words}");
        }
        let (status, words) = runtime.block_on(answer("/nothing", Query::default()));
        assert!(
            status.starts_with("404") && words.contains("/fanout"),
            "{words}"
        );
    }
}
