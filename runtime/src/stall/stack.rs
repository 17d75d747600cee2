//! The stack of a stuck thread, which that thread writes down itself, in a signal handler.
//!
//! The handler does as little as it may: it walks the stack into a table that is there already.
//! What the addresses mean is looked up on the watchdog's thread. The walk is that of the
//! `backtrace` crate, without its lock; it allocates nothing. On glibc it may enter the loader's
//! lock, which is one that its holder may take again.

use std::fmt::Write;
use std::sync::Once;
use std::sync::atomic::{AtomicI32, AtomicU8, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::usage::Thread;

/// Ignored by those who do not handle it, so one that comes too late does no harm.
const SIGNAL: i32 = libc::SIGURG;
const FRAMES: usize = 256;
/// How often the answer is looked for, a millisecond apart.
const PATIENCE: u32 = 200;

/// Nobody asks.
const NOTHING: u8 = 0;
/// The watchdog has asked and waits.
const ASKED: u8 = 1;
/// The handler writes.
const WRITING: u8 = 2;
/// The table is for the watchdog to read.
const WRITTEN: u8 = 3;

static STATE: AtomicU8 = AtomicU8::new(NOTHING);
static TARGET: AtomicI32 = AtomicI32::new(0);
static TABLE: [AtomicUsize; FRAMES] = [const { AtomicUsize::new(0) }; FRAMES];
static LENGTH: AtomicUsize = AtomicUsize::new(0);

/// Installs the handler, beside those of others for the same signal.
pub(super) fn prepare() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // The first walk may load what walking needs. Not in the handler.
        backtrace::trace(|_| false);
        // SAFETY: the handler uses atomics, a syscall without side effects and the walk of the
        // stack, see the top of the file; it neither allocates, nor panics, nor takes a lock of
        // this crate's.
        let installed = unsafe { signal_hook_registry::register(SIGNAL, write_down) };
        // Then there are no stacks in the reports.
        drop(installed);
    });
}

/// On the stuck thread, inside the signal.
fn write_down() {
    if TARGET.load(Ordering::Relaxed) != Thread::current().0 {
        return;
    }
    let swap = STATE.compare_exchange(ASKED, WRITING, Ordering::Acquire, Ordering::Relaxed);
    if swap.is_err() {
        return;
    }
    let mut length = 0;
    // SAFETY: the lock that this goes without guards the lookup of symbols, which is not done here;
    // the walk itself touches only this thread's stack and the tables of loaded code.
    unsafe {
        backtrace::trace_unsynchronized(|frame| {
            TABLE[length].store(frame.ip() as usize, Ordering::Relaxed);
            length += 1;
            length < FRAMES
        });
    }
    LENGTH.store(length, Ordering::Relaxed);
    STATE.store(WRITTEN, Ordering::Release);
}

/// Where a thread was, function within function.
pub(super) struct Stack(Vec<usize>);

/// Asks a thread for its stack. Only the watchdog calls this, so nobody else asks meanwhile.
pub(super) fn capture(thread: Thread) -> Option<Stack> {
    TARGET.store(thread.0, Ordering::Relaxed);
    let asks = STATE.compare_exchange(NOTHING, ASKED, Ordering::Release, Ordering::Relaxed);
    if asks.is_err() {
        // A thread that was asked long ago is still at it.
        return None;
    }
    // SAFETY: the arguments are numbers; a thread that has ended is an error and nothing else.
    let sent = unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), thread.0, SIGNAL) };
    for _ in 0..PATIENCE {
        if sent != 0 || STATE.load(Ordering::Acquire) == WRITTEN {
            break;
        }
        thread::park_timeout(Duration::from_millis(1));
    }
    // Not any more, if it has not begun.
    let swap = STATE.compare_exchange(ASKED, NOTHING, Ordering::Relaxed, Ordering::Relaxed);
    if swap.is_ok() || STATE.load(Ordering::Acquire) != WRITTEN {
        return None;
    }
    let length = LENGTH.load(Ordering::Relaxed);
    let frames = TABLE[..length].iter();
    let frames = frames.map(|frame| frame.load(Ordering::Relaxed)).collect();
    STATE.store(NOTHING, Ordering::Release);
    Some(Stack(frames))
}

/// One frame: its function, and where in the source it is.
struct Frame {
    name: String,
    place: Option<String>,
}

fn resolve(frames: &[usize]) -> Vec<Frame> {
    let mut all = Vec::new();
    for &ip in frames {
        let before = all.len();
        // Inlined functions come as frames of their own.
        backtrace::resolve(ip as *mut _, |symbol| {
            let name = symbol.name().map(|name| format!("{name:#}"));
            let place = symbol
                .filename()
                .zip(symbol.lineno())
                .map(|(file, line)| format!("{}:{line}", file.display()));
            all.push(Frame {
                name: name.unwrap_or_else(|| format!("{ip:#x}")),
                place,
            });
        });
        if all.len() == before {
            all.push(Frame {
                name: format!("{ip:#x}"),
                place: None,
            });
        }
    }
    all
}

impl Stack {
    /// The part between the signal handler and the loop. The first time, what is known of the program
    /// is read from its file, which may take longer than the stall.
    pub(super) fn describe(&self) -> String {
        let frames = resolve(&self.0);
        let is_handler = |frame: &Frame| frame.name.contains("signal_hook_registry");
        // The frame after the handler is the one that the kernel put there.
        let first = frames.iter().rposition(is_handler).map_or(0, |at| at + 2);
        let frames = &frames[first.min(frames.len())..];
        let is_loop = |frame: &Frame| {
            let loops = ["wakeful::task::raw::poll", "::run_until_ready"];
            loops.iter().any(|name| frame.name.contains(name))
        };
        let last = frames.iter().position(is_loop).unwrap_or(frames.len());
        let mut text = String::new();
        for (number, Frame { name, place }) in frames[..last].iter().enumerate() {
            // Writing to a string does not fail.
            let _ = match place {
                Some(place) => writeln!(text, "  {number:>3}: {name}\n         at {place}"),
                None => writeln!(text, "  {number:>3}: {name}"),
            };
        }
        text
    }
}
