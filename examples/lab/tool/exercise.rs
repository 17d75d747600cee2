//! What the checks of the exercises share. A check runs the student's program and says in words
//! why it is not right. `tool/main.rs` builds the checks and runs each in a process of its own.

use std::any::Any;
use std::fmt::Write as _;
use std::io::BufReader;
use std::net::{SocketAddr, TcpStream};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Duration;
use std::{env, fs, process, thread};

use wakeful::trace::{End, Kind, Snapshot};

/// The result of a check. `Err` has the reason for which the program is not right, as sentences.
pub type Verdict = Result<(), String>;

/// The time that a program may take before its check gives up.
const LIMIT: Duration = Duration::from_secs(5);

/// The variable that names the file for the report. The report is the only sign that the check has
/// come to its end, so a program that ends the process does not pass.
pub const REPORT: &str = "LAB_REPORT";

/// An exercise: its question, and the check of its program.
pub struct Exercise {
    /// The letter of the right answer.
    pub answer: char,
    /// For each letter what to say to a student who has chosen it.
    pub replies: &'static [(char, &'static str)],
    /// A part of the reason for which the program as it is shipped is not right.
    pub shipped: &'static str,
    /// Runs the program.
    pub check: fn() -> Verdict,
}

impl Exercise {
    /// The `main` of a check: runs `program`, or with the argument `check` the check.
    ///
    /// # Examples
    /// ```no_run
    /// use wakeful_lab::exercise::Exercise;
    ///
    /// let exercise = Exercise {
    ///     answer: 'b',
    ///     replies: &[('a', "It is queued only once."), ('b', "A wake is not counted.")],
    ///     shipped: "was not polled",
    ///     check: || Ok(()),
    /// };
    /// exercise.main(|| println!("hello"), 'b');
    /// ```
    pub fn main(&self, program: fn(), answer: char) -> ExitCode {
        if env::args().nth(1).as_deref() != Some("check") {
            program();
            return ExitCode::SUCCESS;
        }
        let report = |reason: Option<String>| {
            let text = self.report(reason, answer);
            match env::var_os(REPORT) {
                Some(path) => fs::write(path, text).expect("the report can be written"),
                None => print!("{text}"),
            }
        };
        let reason = thread::scope(|scope| {
            // The check has a thread of its own, so that it may block without end.
            let (ended, end) = std::sync::mpsc::channel();
            thread::Builder::new()
                .name("main".to_owned())
                .spawn_scoped(scope, move || ended.send(self.run()))
                .expect("a thread can be started");
            end.recv_timeout(LIMIT).unwrap_or_else(|_| {
                report(Some(endless()));
                process::exit(1)
            })
        });
        let right = reason.is_none();
        report(reason);
        ExitCode::from(u8::from(!right))
    }

    /// Runs the check. Returns the reason for which the program is not right.
    fn run(&self) -> Option<String> {
        panic::set_hook(Box::new(note_panic)); // the report has the messages
        let verdict = panic::catch_unwind(AssertUnwindSafe(self.check));
        let panics = PANICS.lock().unwrap().join("\n");
        match verdict {
            Ok(Ok(())) if panics.is_empty() => None,
            Ok(Ok(())) | Err(_) => Some(panics),
            Ok(Err(reason)) if panics.is_empty() => Some(reason),
            Ok(Err(reason)) => Some(format!("{panics}\n{reason}")),
        }
    }

    /// Returns the report, in the form that [`Report::parse`] reads.
    fn report(&self, reason: Option<String>, answer: char) -> String {
        let reply = self.replies.iter().find(|(letter, _)| *letter == answer);
        let question = match reply {
            _ if answer == '?' => "open",
            Some(_) if answer == self.answer => "right",
            Some(_) => "wrong",
            None => "unknown",
        };
        let letters: Vec<_> = self.replies.iter().map(|(letter, _)| *letter).collect();
        let mut text = String::new();
        let mut line = |key: &str, value: &str| {
            let value = value.replace('\n', "\u{b}");
            writeln!(text, "{key}={value}").expect("a string can be written to");
        };
        line("program", if reason.is_none() { "right" } else { "wrong" });
        line("reason", &reason.unwrap_or_default());
        line("question", question);
        line("answer", &answer.to_string());
        line("reply", reply.map_or("", |(_, reply)| reply));
        line("letters", &letters.iter().collect::<String>());
        line("shipped", self.shipped);
        text
    }
}

/// What a check has reported to the tool.
#[derive(Default)]
pub struct Report {
    /// Whether the program is right.
    pub right: bool,
    /// The reason for which it is not.
    pub reason: String,
    /// `right`, `wrong`, `open` (not answered) or `unknown` (not one of the letters).
    pub question: String,
    /// The student's answer.
    pub answer: String,
    /// What to say to it.
    pub reply: String,
    /// The letters of all answers.
    pub letters: String,
    /// A part of the reason for which the program as it is shipped is not right.
    pub shipped: String,
}

impl Report {
    /// Reads the report of a check. `None`: it is not complete.
    ///
    /// # Examples
    /// ```
    /// assert!(wakeful_lab::exercise::Report::parse("program=right\n").is_none());
    /// ```
    pub fn parse(text: &str) -> Option<Report> {
        let value = |key: &str| {
            let mut lines = text.lines();
            let found = lines.find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            found.map(|value| value.replace('\u{b}', "\n"))
        };
        Some(Report {
            right: value("program")? == "right",
            reason: value("reason")?,
            question: value("question")?,
            answer: value("answer")?,
            reply: value("reply")?,
            letters: value("letters")?,
            shipped: value("shipped")?,
        })
    }
}

/// Returns from the check with a reason, unless the condition holds.
///
/// # Examples
/// ```
/// fn check() -> wakeful_lab::exercise::Verdict {
///     wakeful_lab::ensure!(1 + 1 == 3, "The sum is {}.", 1 + 1);
///     Ok(())
/// }
/// assert_eq!(check(), Err("The sum is 2.".to_owned()));
/// ```
#[macro_export]
macro_rules! ensure {
    ($holds:expr, $($reason:tt)+) => {
        if !$holds {
            return Err(format!($($reason)+));
        }
    };
}

static STEP: Mutex<String> = Mutex::new(String::new());
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Says what the check does now. If the program does not return within the limit, the reason names
/// this step.
///
/// # Examples
/// ```
/// wakeful_lab::exercise::step("while the guest was polled");
/// ```
pub fn step(text: &str) {
    text.clone_into(&mut STEP.lock().unwrap());
}

/// Says why a check has not come to its end.
fn endless() -> String {
    let mut reason = format!("It did not end within {} s", LIMIT.as_secs());
    let step = STEP.lock().unwrap();
    if !step.is_empty() {
        let _ = write!(reason, ", {step}");
    }
    reason.push('.');
    if let Some(used) = processor_time() {
        let seconds = used.as_secs_f32();
        let _ = if used > LIMIT / 10 {
            write!(
                reason,
                " It used {seconds:.1} s of processor time: it runs in a circle."
            )
        } else {
            write!(
                reason,
                " It used {seconds:.1} s of processor time: its thread sleeps or is blocked, \
                 and nothing wakes it."
            )
        };
    }
    for panic in PANICS.lock().unwrap().iter() {
        let _ = write!(reason, "\n{panic}");
    }
    reason
}

/// Returns the processor time that this process has used, where the kernel says it.
///
/// # Examples
/// ```
/// let used = wakeful_lab::exercise::processor_time();
/// assert_eq!(used.is_some(), cfg!(target_os = "linux"));
/// ```
pub fn processor_time() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program, in parentheses, may contain anything. After it come the fields from
    // the third on; the 14th and the 15th are the ticks in user and in kernel mode.
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks = |n: usize| fields.split_whitespace().nth(n - 3)?.parse::<u64>().ok();
    Some(Duration::from_millis((ticks(14)? + ticks(15)?) * 10))
}

fn note_panic(info: &PanicHookInfo<'_>) {
    let place = info.location().map_or_else(String::new, |location| {
        // The check includes the program by a path relative to its own.
        let file = location.file().replace("checks/../", "");
        format!(" at {file}:{}", location.line())
    });
    let text = text_of(info.payload());
    let mut panics = PANICS.lock().unwrap_or_else(|error| error.into_inner());
    panics.push(format!("It panicked{place}: {text}"));
}

fn text_of(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("(no text)")
}

/// Says in a sentence why a task has not ended: its polls, its wakes, and the wakers that are left.
/// The recording must have the level `Clones`.
///
/// # Panics
/// If there is no task of that name.
///
/// # Examples
/// ```
/// use std::future::pending;
/// use wakeful::trace::Level;
/// use wakeful_lab as lab;
///
/// let snapshot = lab::record(Level::Clones, async {
///     lab::spawn("guest", pending::<()>());
///     lab::settle().await;
/// });
/// assert_eq!(
///     lab::exercise::state_of(&snapshot, "guest"),
///     "Task `guest` was polled once, and the poll returned `Pending`. It was not woken. \
///      No waker of it is left, so nothing can wake it."
/// );
/// ```
#[track_caller]
pub fn state_of(snapshot: &Snapshot, name: &str) -> String {
    let polls = crate::polls(snapshot, name);
    let result = match polls.last() {
        None => return format!("Task `{name}` was never polled."),
        Some(End::Pending) => "returned `Pending`",
        Some(End::Ready) => "returned `Ready`",
        Some(End::Panicked) => "panicked",
        Some(_) => "was cancelled",
    };
    let which = if polls.len() == 1 { "the" } else { "the last" };
    let polled = times(polls.len());
    let mut text = format!("Task `{name}` was polled {polled}, and {which} poll {result}.");
    match crate::wakes(snapshot, name).len() {
        0 => text.push_str(" It was not woken."),
        n => {
            let _ = write!(text, " It was woken {}.", times(n));
        }
    }
    if polls.last() == Some(&End::Pending) {
        match wakers_left(snapshot, name) {
            0 => text.push_str(" No waker of it is left, so nothing can wake it."),
            1 => text.push_str(" One waker of it is left, and was not called."),
            n => {
                let _ = write!(text, " {n} wakers of it are left, and were not called.");
            }
        }
    }
    text
}

/// Returns the number of wakers of a task that exist at the end of the recording, which must have
/// the level `Clones`.
///
/// # Panics
/// If there is no task of that name.
///
/// # Examples
/// ```
/// use wakeful::trace::Level;
/// use wakeful_lab as lab;
///
/// let snapshot = lab::record(Level::Clones, lab::leave_waker(|waker| waker.wake()));
/// assert_eq!(lab::exercise::wakers_left(&snapshot, "main"), 0);
/// ```
#[track_caller]
pub fn wakers_left(snapshot: &Snapshot, name: &str) -> usize {
    let wanted = crate::task(snapshot, name);
    let change = |kind: &Kind| match *kind {
        Kind::Clone { task, .. } if task == wanted => 1_isize,
        Kind::Drop { task, .. } if task == wanted => -1,
        Kind::Wake {
            task,
            by_ref: false,
            ..
        } if task == wanted => -1,
        _ => 0,
    };
    let wakers: isize = snapshot.events().iter().map(|e| change(&e.kind)).sum();
    wakers.try_into().unwrap_or(0)
}

/// Lets the other tasks run: yields 50 times. Tasks that wait for no event from outside come to
/// rest meanwhile; a task that wakes itself in each poll is polled about 50 times.
///
/// # Examples
/// ```
/// wakeful::block_on(wakeful_lab::exercise::let_run());
/// ```
pub async fn let_run() {
    for _ in 0..50 {
        wakeful::task::yield_now().await;
    }
}

/// Connects to a server of this program. A read that waits for 3 s is an error.
///
/// ```
/// use std::io::Write;
///
/// let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
/// let mut client = wakeful_lab::exercise::connect(listener.local_addr().unwrap());
/// client.get_mut().write_all(b"ada\n").unwrap();
/// ```
pub fn connect(address: SocketAddr) -> BufReader<TcpStream> {
    let stream = TcpStream::connect(address).expect("the listener is bound");
    let limit = Some(Duration::from_secs(3));
    stream.set_read_timeout(limit).expect("it is not zero");
    BufReader::new(stream)
}

/// Returns "once", "twice", "3 times" and so on.
///
/// # Examples
/// ```
/// assert_eq!(wakeful_lab::exercise::times(1), "once");
/// ```
pub fn times(n: usize) -> String {
    match n {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        n => format!("{n} times"),
    }
}
