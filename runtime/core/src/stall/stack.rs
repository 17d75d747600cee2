//! The stack of a stuck thread, which that thread writes down itself, in a signal handler.
//!
//! The handler does as little as it may: it walks the stack into a table that is there already.
//! What the addresses mean is looked up on the watchdog's thread. The walk is that of the
//! `backtrace` crate, without its lock; it allocates nothing.
//!
//! The signal may come in the middle of an unwind. Before glibc 2.35 and libgcc 12 an unwinder kept
//! a list of the objects that it found last, and changed it as it went; a walk from within would
//! see it half changed. There no handler is installed, see [`refusal`].

use std::fmt::Write;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::answers::Answers;
use super::usage::Thread;

/// Ignored by those who do not handle it, so one that comes too late does no harm.
const SIGNAL: i32 = libc::SIGURG;
/// How often the answer is looked for, a millisecond apart.
const PATIENCE: u32 = 200;

static ANSWERS: Answers = Answers::new();
static IS_INSTALLED: AtomicBool = AtomicBool::new(false);

/// Installs the handler, beside those of others for the same signal.
pub(super) fn prepare() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if let Some(reason) = unwinder::refusal() {
            eprintln!("wakeful: reports of stalls come without stacks: {reason}");
            return;
        }
        // The first walk may load what walking needs. Not in the handler.
        backtrace::trace(|_| false);
        // SAFETY: the handler uses atomics, a syscall without side effects and the walk of the
        // stack, see the top of the file; it neither allocates, nor panics, nor takes a lock of
        // this crate's.
        let installed = unsafe { signal_hook_registry::register(SIGNAL, write_down) };
        // If it is not, there are no stacks in the reports.
        IS_INSTALLED.store(installed.is_ok(), Ordering::Relaxed);
    });
}

/// On the stuck thread, inside the signal.
fn write_down() {
    let Some(mut answer) = ANSWERS.begin(Thread::current().0) else {
        return;
    };
    // SAFETY: the lock that this goes without guards the lookup of symbols, which is not done here;
    // the walk itself touches only this thread's stack and the tables of loaded code.
    unsafe { backtrace::trace_unsynchronized(|frame| answer.push(frame.ip() as usize)) };
    answer.finish();
}

/// Where a thread was, function within function.
pub(super) struct Stack(Vec<usize>);

/// Asks a thread for its stack. Only the watchdog calls this, one call at a time.
pub(super) fn capture(thread: Thread) -> Option<Stack> {
    if !IS_INSTALLED.load(Ordering::Relaxed) {
        return None;
    }
    let request = ANSWERS.ask(thread.0)?;
    // SAFETY: the arguments are numbers; a thread that has ended is an error and nothing else.
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
    /// Why it can't be, as far as it can be known.
    #[cfg(target_env = "gnu")]
    pub(super) fn refusal() -> Option<&'static str> {
        judge(!symbol(c"_dl_find_object").is_null(), libgcc().as_deref())
    }

    /// Other systems' unwinders come with the program.
    #[cfg(not(target_env = "gnu"))]
    pub(super) fn refusal() -> Option<&'static str> {
        None
    }

    /// glibc has to have the lookup without a list, and libgcc to name it. Of a libgcc that is a
    /// part of the program, or of another unwinder, nothing is known: it is taken to be as new as
    /// glibc.
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
        // SAFETY: the name ends in a zero byte; the result is not called, only compared and looked
        // up.
        unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) }
    }

    /// The file of the libgcc that is loaded.
    #[cfg(target_env = "gnu")]
    fn libgcc() -> Option<Vec<u8>> {
        use std::ffi::{CStr, OsStr};
        use std::os::unix::ffi::OsStrExt;
        let unwinder = symbol(c"_Unwind_Backtrace");
        let mut info = std::mem::MaybeUninit::<libc::Dl_info>::uninit();
        // SAFETY: the address is only compared with those of loaded objects; there is room for the
        // answer.
        if unwinder.is_null() || unsafe { libc::dladdr(unwinder, info.as_mut_ptr()) } == 0 {
            return None;
        }
        // SAFETY: `dladdr` has found it and filled the answer in.
        let file = unsafe { info.assume_init() }.dli_fname;
        // SAFETY: the name of a loaded object, which ends in a zero byte; libgcc is not unloaded.
        let file = unsafe { CStr::from_ptr(file) }.to_bytes();
        let path = std::path::Path::new(OsStr::from_bytes(file));
        let name = path.file_name()?.as_bytes();
        name.starts_with(b"libgcc_s")
            .then(|| std::fs::read(path).ok())?
    }
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
        // SAFETY: it has no preconditions, and gives a text that lasts.
        let version = unsafe { std::ffi::CStr::from_ptr(libc::gnu_get_libc_version()) };
        let version = version.to_str().unwrap();
        let (major, minor) = version.split_once('.').unwrap();
        let has_it = (major.parse::<u32>().unwrap(), minor.parse::<u32>().unwrap()) >= (2, 35);
        let too_old = unwinder::refusal().is_some_and(|reason| reason.contains("glibc"));
        assert_eq!(too_old, !has_it, "glibc {version}");
    }
}
