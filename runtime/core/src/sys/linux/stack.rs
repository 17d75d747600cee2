//! The stack of a blocked thread, which the thread records itself in a signal handler.
//!
//! The handler walks the stack into a static table, with the `backtrace` crate, without its lock
//! and without allocation. The watchdog's thread resolves the addresses.
//!
//! The signal may interrupt an unwind. Before glibc 2.35 and libgcc 12 an unwinder kept a list of
//! the objects that it found last, and changed the list during the unwind, so a walk in a handler
//! could see a list that is half changed. On these systems no handler is installed, see
//! [`unwinder::refusal`].

use std::fmt::Write;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::answers::Answers;
use super::thread::Thread;

/// Ignored by default, so a signal that comes too late does no harm.
const SIGNAL: i32 = libc::SIGURG;
/// The longest wait for an answer, in milliseconds.
const PATIENCE: u32 = 200;

static ANSWERS: Answers = Answers::new();
static IS_INSTALLED: AtomicBool = AtomicBool::new(false);

/// Installs the handler, in addition to other handlers of the same signal.
pub(crate) fn prepare() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if let Some(reason) = unwinder::refusal() {
            crate::report::report!("wakeful: reports of stalls come without stacks: {reason}");
            return;
        }
        // The first walk may load a library, which must not happen in the handler.
        backtrace::trace(|_| false);
        // SAFETY: the handler uses atomics, a system call without side effects and the walk of the
        // stack, see the top of the file. It does not allocate, panic, or take a lock of this
        // crate.
        let installed = unsafe { signal_hook_registry::register(SIGNAL, record_stack) };
        // Without the handler, reports have no stacks.
        IS_INSTALLED.store(installed.is_ok(), Ordering::Relaxed);
    });
}

/// The signal handler, on the blocked thread.
fn record_stack() {
    let Some(mut answer) = ANSWERS.begin(Thread::current().0) else {
        return;
    };
    // SAFETY: the lock that this call omits guards the lookup of symbols, which does not happen
    // here; the walk reads only this thread's stack and the tables of loaded code.
    unsafe { backtrace::trace_unsynchronized(|frame| answer.push(frame.ip() as usize)) };
    answer.finish();
}

/// Stack of a thread, as addresses, innermost first.
pub(crate) struct Stack(Vec<usize>);

/// Captures the stack of a thread. Only the watchdog calls this, one call at a time.
pub(crate) fn capture(thread: Thread) -> Option<Stack> {
    if !IS_INSTALLED.load(Ordering::Relaxed) {
        return None;
    }
    let request = ANSWERS.ask(thread.0)?;
    // SAFETY: the arguments are numbers; for a thread that has ended the call returns an error.
    let sent = unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), thread.0, SIGNAL) };
    for _ in 0..PATIENCE {
        if sent != 0 || request.is_answered() {
            break;
        }
        thread::park_timeout(Duration::from_millis(1));
    }
    request.take().map(Stack)
}

/// Whether a stack can be walked in a signal handler.
mod unwinder {
    /// Returns the reason why a stack cannot be walked, as far as it can be known.
    #[cfg(target_env = "gnu")]
    pub(super) fn refusal() -> Option<&'static str> {
        judge(!symbol(c"_dl_find_object").is_null(), libgcc().as_deref())
    }

    /// Returns `None`: on other systems the unwinder is part of the program.
    #[cfg(not(target_env = "gnu"))]
    pub(super) fn refusal() -> Option<&'static str> {
        None
    }

    /// Checks that glibc has the lookup without a list, and that libgcc uses it. Nothing is known
    /// of a libgcc that is linked into the program, or of another unwinder; it is assumed to be as
    /// new as glibc.
    #[cfg(any(target_env = "gnu", test))]
    pub(super) fn judge(glibc_has_it: bool, libgcc: Option<&[u8]>) -> Option<&'static str> {
        const NAME: &[u8] = b"_dl_find_object\0";
        if !glibc_has_it {
            return Some(
                "this system's glibc is older than 2.35, so a stack can't be walked safely in a signal handler",
            );
        }
        let uses_it = |libgcc: &[u8]| libgcc.windows(NAME.len()).any(|part| part == NAME);
        if libgcc.is_some_and(|libgcc| !uses_it(libgcc)) {
            return Some(
                "this system's libgcc is older than 12, so a stack can't be walked safely in a signal handler",
            );
        }
        None
    }

    #[cfg(target_env = "gnu")]
    fn symbol(name: &std::ffi::CStr) -> *mut libc::c_void {
        // SAFETY: the name ends in a zero byte; the result is only compared and looked up, not
        // called.
        unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) }
    }

    /// Returns the contents of the file of the loaded libgcc.
    #[cfg(target_env = "gnu")]
    fn libgcc() -> Option<Vec<u8>> {
        use std::ffi::{CStr, OsStr};
        use std::os::unix::ffi::OsStrExt;
        let unwinder = symbol(c"_Unwind_Backtrace");
        let mut info = std::mem::MaybeUninit::<libc::Dl_info>::uninit();
        // SAFETY: the address is only compared with those of loaded objects; `info` has the size of
        // the answer.
        if unwinder.is_null() || unsafe { libc::dladdr(unwinder, info.as_mut_ptr()) } == 0 {
            return None;
        }
        // SAFETY: `dladdr` has succeeded, so `info` is initialized.
        let file = unsafe { info.assume_init() }.dli_fname;
        // SAFETY: the name of a loaded object ends in a zero byte; libgcc is not unloaded.
        let file = unsafe { CStr::from_ptr(file) }.to_bytes();
        let path = std::path::Path::new(OsStr::from_bytes(file));
        let name = path.file_name()?.as_bytes();
        name.starts_with(b"libgcc_s")
            .then(|| std::fs::read(path).ok())?
    }
}

/// A frame of a stack, resolved.
struct Frame {
    name: String,
    /// File and line.
    place: Option<String>,
}

/// Resolves addresses into functions and lines.
fn resolve(frames: &[usize]) -> Vec<Frame> {
    let mut all = Vec::new();
    for &ip in frames {
        let before = all.len();
        // Inlined functions are frames of their own.
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
    /// Returns the frames between the signal handler and the loop, as text. The first call reads
    /// the debug information of the program from its file, which may take longer than the stall.
    pub(crate) fn describe(&self) -> String {
        let frames = resolve(&self.0);
        let is_handler = |frame: &Frame| frame.name.contains("signal_hook_registry");
        // The kernel adds a frame after the handler.
        let first = frames.iter().rposition(is_handler).map_or(0, |at| at + 2);
        let frames = &frames[first.min(frames.len())..];
        let is_loop = |frame: &Frame| {
            let loops = ["wakeful_core::task::raw::poll", "::run_until_ready"];
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

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn old_unwinders_are_refused() {
        let new = b"\0_dl_find_object\0".as_slice();
        let old = b"\0dl_iterate_phdr\0_dl_find_objects\0".as_slice();
        assert!(unwinder::judge(true, Some(new)).is_none());
        assert!(unwinder::judge(true, None).is_none());
        assert!(unwinder::judge(true, Some(old)).unwrap().contains("libgcc"));
        assert!(unwinder::judge(false, Some(new)).unwrap().contains("glibc"));
    }

    #[test]
    #[cfg(target_env = "gnu")]
    fn the_unwinder_of_this_system_is_judged_by_its_version() {
        // SAFETY: the function has no preconditions, and returns a static string.
        let version = unsafe { std::ffi::CStr::from_ptr(libc::gnu_get_libc_version()) };
        let version = version.to_str().unwrap();
        let (major, minor) = version.split_once('.').unwrap();
        let has_it = (major.parse::<u32>().unwrap(), minor.parse::<u32>().unwrap()) >= (2, 35);
        let too_old = unwinder::refusal().is_some_and(|reason| reason.contains("glibc"));
        assert_eq!(too_old, !has_it, "glibc {version}");
    }
}
