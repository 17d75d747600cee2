//! The trace: recorded events, and the formats of a snapshot.

#[path = "trace/browser.rs"]
mod browser;
#[path = "trace/counts.rs"]
mod counts;
#[path = "trace/cursor.rs"]
mod cursor;
#[path = "trace/devtools.rs"]
mod devtools;
#[path = "trace/environment.rs"]
mod environment;
#[path = "trace/events.rs"]
mod events;
#[path = "trace/formats.rs"]
mod formats;
#[path = "trace/lanes.rs"]
mod lanes;
#[path = "trace/primitives.rs"]
mod primitives;
#[path = "trace/reading.rs"]
mod reading;
#[path = "trace/rings.rs"]
mod rings;
#[path = "trace/story.rs"]
mod story;
mod support;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use support::{my_waker, yield_until};
use wakeful::reactor::Backend;
use wakeful::trace::{self, Event, Kind, Level, Snapshot};

/// Returns the backends that this system supports.
fn backends() -> Vec<Backend> {
    if cfg!(target_os = "linux") {
        vec![Backend::Raw, Backend::Portable]
    } else {
        vec![Backend::Portable]
    }
}

/// Runs a future with all events recorded up to a level, and returns the snapshot.
fn record_on<F: Future>(backend: Backend, level: Level, future: F) -> Snapshot {
    let runtime = wakeful::Builder::new()
        .backend(backend)
        .trace_level(level)
        .build()
        .unwrap();
    runtime.block_on(future);
    runtime.enter(trace::snapshot)
}

fn record<F: Future>(level: Level, future: F) -> Snapshot {
    record_on(Backend::Auto, level, future)
}

fn named<F: Future + 'static>(name: &str, future: F) -> wakeful::task::JoinHandle<F::Output> {
    wakeful::task::Builder::new().name(name).spawn(future)
}

/// Starts threads named `name` and a number, each of which wakes this task `wakes` times, and waits
/// until all have ended.
async fn wakes_of_threads(name: &str, threads: usize, wakes: usize) {
    let woken = Arc::new(AtomicUsize::new(0));
    let waker = my_waker().await;
    let running: Vec<_> = (0..threads)
        .map(|n| {
            let (waker, woken) = (waker.clone(), woken.clone());
            let wake = move || {
                for _ in 0..wakes {
                    waker.wake_by_ref();
                    woken.fetch_add(1, Ordering::SeqCst);
                }
            };
            let name = format!("{name}-{n}");
            thread::Builder::new().name(name).spawn(wake).unwrap()
        })
        .collect();
    yield_until(|| woken.load(Ordering::SeqCst) == threads * wakes).await;
    running.into_iter().for_each(|one| one.join().unwrap());
}

/// Returns the index of the task with this name.
#[track_caller]
fn task(snapshot: &Snapshot, name: &str) -> usize {
    let place = |task: &trace::Task| task.name.as_deref() == Some(name);
    snapshot
        .tasks()
        .iter()
        .position(place)
        .expect("it is there")
}

/// Returns the results of the function for the events for which it returns `Some`.
fn all<'a, T>(
    snapshot: &'a Snapshot,
    find: impl Fn(&Kind) -> Option<T> + 'a,
) -> Vec<(&'a Event, T)> {
    let events = snapshot.events().iter();
    events
        .filter_map(|event| Some((event, find(&event.kind)?)))
        .collect()
}
