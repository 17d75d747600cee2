//! Code that the lessons share: clients for the servers, and helpers that record a runtime, print
//! the recorded events and write them as a page. A lesson can be understood without reading this.

pub mod callback_loop;

use std::cell::Cell;
use std::fs;
use std::future::{Future, poll_fn};
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use wakeful::time::{pause, resume, sleep};
use wakeful::trace::{Effect, End, Kind, Level, Origin, Snapshot};

#[path = "tool/exercise.rs"]
pub mod exercise;
#[path = "tool/figure.rs"]
pub mod figure;

#[path = "tool/chart.rs"]
mod chart;

pub use chart::chart;

/// Runs two clients of the server at `server`, on a thread. The server asks each for a name and
/// answers with a greeting:
///
/// - Ada connects and sends `ad`, the first half of her line.
/// - Meanwhile Bob connects, sends `bob`, receives his greeting, and disconnects.
/// - Then Ada sends the rest of her line.
///
/// The thread returns the greetings that Ada and Bob received.
///
/// # Examples
/// ```no_run
/// let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
/// let visitors = wakeful_lab::visitors(listener.local_addr().unwrap());
/// // serve them, and then:
/// let [ada, bob] = visitors.join().unwrap().unwrap();
/// ```
pub fn visitors(server: SocketAddr) -> JoinHandle<io::Result<[String; 2]>> {
    thread::spawn(move || {
        let mut ada = BufReader::new(TcpStream::connect(server)?);
        receive_line(&mut ada)?;
        ada.get_mut().write_all(b"ad")?;

        let mut bob = BufReader::new(TcpStream::connect(server)?);
        receive_line(&mut bob)?;
        bob.get_mut().write_all(b"bob\n")?;
        let bob_received = receive_line(&mut bob)?;
        drop(bob);

        ada.get_mut().write_all(b"a\n")?;
        Ok([receive_line(&mut ada)?, bob_received])
    })
}

fn receive_line(server: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = String::new();
    server.read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

/// Runs a future in `block_on` of a new runtime that records, and returns the recorded events.
///
/// # Panics
/// If the runtime can't be created, or if the future panics.
///
/// # Examples
/// ```
/// use wakeful::trace::Level;
///
/// let snapshot = wakeful_lab::record(Level::Wakes, async {});
/// assert!(snapshot.to_string().contains("main is polled, for the first time: ready"));
/// ```
pub fn record(level: Level, main: impl Future<Output = ()>) -> Snapshot {
    let runtime = wakeful::Builder::new()
        .trace_level(level)
        .build()
        .expect("a runtime can be created");
    runtime.block_on(main);
    runtime.enter(wakeful::trace::snapshot)
}

/// Prints the story of a recording and writes its page, `target/lab/NAME.html`.
///
/// # Panics
/// If the page can't be written.
///
/// # Examples
/// ```no_run
/// use wakeful::trace::Level;
/// use wakeful_lab as lab;
///
/// lab::show("00_nothing", &lab::record(Level::Wakes, async {}));
/// ```
pub fn show(name: &str, snapshot: &Snapshot) {
    let folder = folder();
    let page = folder.join(format!("{name}.html"));
    println!("\nThe story of the runtime:");
    for line in snapshot.to_string().lines() {
        println!("  {line}");
    }
    fs::create_dir_all(&folder)
        .and_then(|()| snapshot.write_html(&page))
        .unwrap_or_else(|error| panic!("cannot write the page {}: {error}", page.display()));
    // For the web book.
    let steps = folder.join(format!("{name}.svg"));
    fs::write(&steps, figure::svg(snapshot))
        .unwrap_or_else(|error| panic!("cannot write the figure {}: {error}", steps.display()));
    println!("\nThe same as a page: target/lab/{name}.html");
}

/// Returns the directory for what lessons write.
fn folder() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = here.ancestors().nth(2);
    root.expect("the lab is in the repository")
        .join("target/lab")
}

/// Asserts that the story has these lines, in this order. Other lines may be between them.
///
/// # Panics
/// If a line is missing. The panic message has the whole story.
///
/// # Examples
/// ```
/// use wakeful::trace::Level;
/// use wakeful_lab as lab;
///
/// let snapshot = lab::record(Level::Wakes, async {});
/// let lines = ["main is spawned", "main is polled, for the first time: ready"];
/// lab::assert_story(&snapshot, &lines);
/// ```
#[track_caller]
pub fn assert_story(snapshot: &Snapshot, lines: &[&str]) {
    let story = snapshot.to_string();
    let mut rest = story.lines();
    for line in lines {
        let found = rest.any(|printed| printed == *line);
        assert!(
            found,
            "the story does not have this line, or not in this order: {line}\n{story}"
        );
    }
}

/// Returns the results of all polls of a task, in order.
///
/// # Panics
/// If there is no task of that name.
///
/// # Examples
/// ```
/// use wakeful::trace::{End, Level};
/// use wakeful_lab as lab;
///
/// let snapshot = lab::record(Level::Wakes, async {});
/// assert_eq!(lab::polls(&snapshot, "main"), [End::Ready]);
/// ```
#[track_caller]
pub fn polls(snapshot: &Snapshot, name: &str) -> Vec<End> {
    let polled = task(snapshot, name);
    let kinds = snapshot.events().iter().map(|event| &event.kind);
    kinds
        .filter_map(|kind| match *kind {
            Kind::Poll { task, result, .. } => (task == polled).then_some(result),
            _ => None,
        })
        .collect()
}

/// Returns the wakes of a task, in order: the caller of each, and its effect.
///
/// # Panics
/// If there is no task of that name.
///
/// # Examples
/// ```
/// use wakeful::trace::{Effect, Level, Origin};
/// use wakeful_lab as lab;
///
/// let snapshot = lab::record(Level::Wakes, wakeful::task::yield_now());
/// let main = lab::task(&snapshot, "main");
/// assert_eq!(lab::wakes(&snapshot, "main"), [(Origin::Task(main), Effect::DuringPoll)]);
/// ```
#[track_caller]
pub fn wakes(snapshot: &Snapshot, name: &str) -> Vec<(Origin, Effect)> {
    let woken = task(snapshot, name);
    let kinds = snapshot.events().iter().map(|event| &event.kind);
    kinds
        .filter_map(|kind| match *kind {
            Kind::Wake {
                task,
                origin,
                effect,
                ..
            } => (task == woken).then_some((origin, effect)),
            _ => None,
        })
        .collect()
}

/// Returns the index in [`Snapshot::tasks`] of the task with a name.
///
/// # Panics
/// If there is no task of that name.
///
/// # Examples
/// ```
/// use wakeful::trace::Level;
/// use wakeful_lab as lab;
///
/// let snapshot = lab::record(Level::Wakes, async {});
/// assert!(snapshot.tasks()[lab::task(&snapshot, "main")].size < 100);
/// ```
#[track_caller]
pub fn task(snapshot: &Snapshot, name: &str) -> usize {
    let named = |task: &wakeful::trace::Task| task.name.as_deref() == Some(name);
    let found = snapshot.tasks().iter().position(named);
    found.unwrap_or_else(|| panic!("no task is named {name:?}:\n{snapshot}"))
}

/// Spawns a task with a name.
///
/// # Panics
/// Outside a runtime.
///
/// # Examples
/// ```
/// wakeful::block_on(async {
///     wakeful_lab::spawn("worker", async {}).await.unwrap();
/// });
/// ```
#[track_caller]
pub fn spawn<F>(name: &str, future: F) -> wakeful::task::JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    wakeful::task::Builder::new().name(name).spawn(future)
}

/// Passes a waker of its task to `take` and returns `Pending` once. It is ready at the next poll,
/// whatever caused that poll; a real future would check whether its event has happened.
///
/// # Examples
/// ```
/// wakeful::block_on(wakeful_lab::leave_waker(|waker| waker.wake()));
/// ```
pub async fn leave_waker(take: impl FnOnce(Waker)) {
    let mut take = Some(take);
    poll_fn(|cx| match take.take() {
        Some(take) => {
            take(cx.waker().clone());
            Poll::Pending
        }
        None => Poll::Ready(()),
    })
    .await;
}

/// Stands for an event that happens once, and counts how often it is checked. One future can wait
/// for it.
///
/// # Examples
/// ```
/// use wakeful_lab::Door;
///
/// let door = Door::default();
/// let task = door.clone();
/// wakeful::block_on(async move {
///     let guest = wakeful::spawn(async move { task.opened().await });
///     door.open();
///     guest.await.unwrap();
///     assert_eq!(door.checks(), 1);
/// });
/// ```
#[derive(Clone, Default)]
pub struct Door(Rc<DoorState>);

#[derive(Default)]
struct DoorState {
    open: Cell<bool>,
    checks: Cell<u32>,
    waiting: Cell<Option<Waker>>,
}

impl Door {
    /// Opens the door, and wakes the waiting task.
    ///
    /// # Examples
    /// ```
    /// wakeful_lab::Door::default().open();
    /// ```
    pub fn open(&self) {
        self.0.open.set(true);
        if let Some(waker) = self.0.waiting.take() {
            waker.wake();
        }
    }

    /// Waits until the door is open. Each poll checks it once.
    ///
    /// # Examples
    /// ```
    /// let door = wakeful_lab::Door::default();
    /// door.open();
    /// wakeful::block_on(door.opened());
    /// ```
    pub async fn opened(&self) {
        poll_fn(|cx| {
            self.0.checks.set(self.0.checks.get() + 1);
            if self.0.open.get() {
                return Poll::Ready(());
            }
            self.0.waiting.set(Some(cx.waker().clone()));
            Poll::Pending
        })
        .await;
    }

    /// Returns how often the door was checked.
    ///
    /// # Examples
    /// ```
    /// assert_eq!(wakeful_lab::Door::default().checks(), 0);
    /// ```
    pub fn checks(&self) -> u32 {
        self.0.checks.get()
    }
}

/// Waits until no other task is ready. For lessons whose tasks wait only for each other: it pauses
/// the clock and sleeps. A paused clock jumps to the next timer when no task is ready, not before.
///
/// # Panics
/// Outside a runtime, and if its clock is paused already.
///
/// # Examples
/// ```
/// wakeful::block_on(wakeful_lab::settle());
/// ```
pub async fn settle() {
    pause();
    sleep(Duration::from_millis(1)).await;
    resume();
}
