//! What the lessons of the lab share: the visitors of its servers, and how a recording is made,
//! told and written as a page. Nothing here is needed to understand a lesson.

use std::cell::Cell;
use std::fs;
use std::future::{Future, poll_fn};
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use wakeful::time::{pause, resume, sleep};
use wakeful::trace::{Effect, End, Kind, Level, Origin, Snapshot};

/// Two visitors, on a thread of their own. Each is asked for a name and hears a greeting:
///
/// - Ada says `ad`, and then nothing for a while.
/// - Meanwhile Bob comes, says `bob`, hears his greeting, and leaves.
/// - Then Ada says the rest of her name.
///
/// Gives what Ada heard and what Bob heard.
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
        hear(&mut ada)?;
        ada.get_mut().write_all(b"ad")?;

        let mut bob = BufReader::new(TcpStream::connect(server)?);
        hear(&mut bob)?;
        bob.get_mut().write_all(b"bob\n")?;
        let bob_heard = hear(&mut bob)?;
        drop(bob);

        ada.get_mut().write_all(b"a\n")?;
        Ok([hear(&mut ada)?, bob_heard])
    })
}

fn hear(server: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = String::new();
    server.read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

/// Runs a future as the main one of a runtime that records, and gives what was recorded.
///
/// # Panics
/// If the runtime can't be made, and as the future does.
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
        .expect("a runtime can be made");
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
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = here
        .ancestors()
        .nth(2)
        .expect("the lab is in the repository");
    let folder = root.join("target/lab");
    let page = folder.join(format!("{name}.html"));
    println!("\nThe story of the runtime:");
    for line in snapshot.to_string().lines() {
        println!("  {line}");
    }
    fs::create_dir_all(&folder)
        .and_then(|()| snapshot.write_html(&page))
        .unwrap_or_else(|error| panic!("cannot write the page {}: {error}", page.display()));
    println!("\nThe same as a page: target/lab/{name}.html");
}

/// Insists that these lines stand in the story, in this order; others may stand between them.
///
/// # Panics
/// If one is missing; then it prints the whole story.
///
/// # Examples
/// ```
/// use wakeful::trace::Level;
/// use wakeful_lab as lab;
///
/// let snapshot = lab::record(Level::Wakes, async {});
/// let lines = ["main is spawned", "main is polled, for the first time: ready"];
/// lab::assert_told(&snapshot, &lines);
/// ```
#[track_caller]
pub fn assert_told(snapshot: &Snapshot, lines: &[&str]) {
    let story = snapshot.to_string();
    let mut rest = story.lines();
    for line in lines {
        let found = rest.any(|told| told == *line);
        assert!(
            found,
            "the story does not tell, in this place: {line}\n{story}"
        );
    }
}

/// How each poll of a task ended.
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

/// Who woke a task, and what that did.
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

/// The place of a task in [`Snapshot::tasks`], by its name.
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

/// Returns `Pending` once and gives a waker of its task to `take`. Ready at the next poll, whatever
/// caused it; a real future would check whether what it waits for has happened.
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

/// A door that opens once, and counts who looks at it. One future may wait before it.
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
///     assert_eq!(door.looks(), 1);
/// });
/// ```
#[derive(Clone, Default)]
pub struct Door(Rc<DoorState>);

#[derive(Default)]
struct DoorState {
    open: Cell<bool>,
    looks: Cell<u32>,
    waiting: Cell<Option<Waker>>,
}

impl Door {
    /// Opens the door, and wakes who waits.
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

    /// Waits until the door is open. Each poll is a look.
    ///
    /// # Examples
    /// ```
    /// let door = wakeful_lab::Door::default();
    /// door.open();
    /// wakeful::block_on(door.opened());
    /// ```
    pub async fn opened(&self) {
        poll_fn(|cx| {
            self.0.looks.set(self.0.looks.get() + 1);
            if self.0.open.get() {
                return Poll::Ready(());
            }
            self.0.waiting.set(Some(cx.waker().clone()));
            Poll::Pending
        })
        .await;
    }

    /// How often somebody has looked.
    ///
    /// # Examples
    /// ```
    /// assert_eq!(wakeful_lab::Door::default().looks(), 0);
    /// ```
    pub fn looks(&self) -> u32 {
        self.0.looks.get()
    }
}

/// Waits until no task has anything to do. For lessons whose tasks wait for each other, not for the
/// world: a clock that is stopped jumps to the next timer when all is quiet, and not before.
///
/// # Panics
/// Outside a runtime, and if its clock is stopped already.
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
