//! The handlers. Each route waits in another way.

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
    ("/yields", "wakes itself n times: ?n="),
    ("/thread", "is woken by another thread: ?ms="),
    (
        "/blocking",
        "waits for a closure on the blocking pool: ?ms=",
    ),
    ("/block", "blocks the loop, which no task should do: ?ms="),
    ("/panic", "panics, and the server continues"),
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

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.ms, self.n) {
            (Some(ms), _) => write!(f, "?ms={ms}"),
            (None, Some(n)) => write!(f, "?n={n}"),
            (None, None) => Ok(()),
        }
    }
}

/// Returns the status and the text of an answer.
pub(crate) async fn answer(path: &str, query: Query) -> (&'static str, String) {
    let words = match path {
        "/hello" => "hello\n".to_owned(),
        "/slow" => slow(query.ms(300, 60_000)).await,
        "/fanout" => fanout(query.n(8, 100)).await,
        "/yields" => yields(query.n(20, 1000)).await,
        "/thread" => from_a_thread(query.ms(50, 5000)).await,
        "/blocking" => on_the_pool(query.ms(50, 5000)).await,
        "/block" => block(query.ms(120, 5000)),
        "/panic" => panic!("the request /panic panics on purpose"),
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
