//! The standard streams, with any kind of file. Each case is a process of its own, which reads its
//! standard input and answers on its standard error: the test harness writes to the other stream.

#[path = "support/alone.rs"]
mod alone;
#[path = "support/fifo.rs"]
mod fifo;
#[path = "support/net.rs"]
mod net;
// Linux only: seccomp.
#[cfg(target_os = "linux")]
#[path = "support/seccomp.rs"]
mod seccomp;

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, Read, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::{Child, Stdio};
use std::task::{Context, Wake, Waker};

use alone::{again, role};
use futures_util::future::join;
use futures_util::io::copy;
use futures_util::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::pty::{OpenptFlags, grantpt, openpt, unlockpt};
use wakeful::block_on;
use wakeful::io::{stderr, stdin, stdout};

/// The child process of every case; nothing in the test process.
#[test]
fn child() {
    match role().as_deref() {
        // Everything is returned.
        Some("copy") => block_on(async {
            let mut err = stderr();
            copy(&mut stdin(), &mut err).await.unwrap();
            err.close().await.unwrap();
        }),
        // One line is returned.
        Some("line") => block_on(async {
            let (mut input, mut line) = (stdin(), Vec::new());
            while line.last() != Some(&b'\n') {
                let mut byte = [0];
                input.read_exact(&mut byte).await.unwrap();
                line.push(byte[0]);
            }
            let mut err = stderr();
            err.write_all(&line).await.unwrap();
            err.flush().await.unwrap();
        }),
        // A read is under way and never returns. The process exits nevertheless.
        Some("give up") => block_on(async {
            let reader = wakeful::spawn(async {
                let mut buf = [0; 16];
                stdin().read(&mut buf).await
            });
            net::turn().await;
            assert!(!reader.is_finished());
        }),
        // Empty transfers, while there is nothing to read.
        Some("nothing") => block_on(async {
            let (mut input, mut err) = (stdin(), stderr());
            for pending in [
                net::is_pending(std::pin::pin!(input.read(&mut []))).await,
                net::is_pending(std::pin::pin!(err.write(&[]))).await,
            ] {
                assert!(!pending, "it waits");
            }
            err.write_all(b"at once").await.unwrap();
            err.flush().await.unwrap();
        }),
        // Dropped reads, with a waker that is kept here.
        Some("dropped reads") => block_on(async {
            let kept = std::sync::Arc::new(Silent);
            let waker = Waker::from(kept.clone());
            for _ in 0..10 {
                let mut input = stdin();
                let mut buf = [0; 16];
                let read =
                    Pin::new(&mut input).poll_read(&mut Context::from_waker(&waker), &mut buf);
                assert!(read.is_pending());
            }
            drop(waker);
            assert_eq!(std::sync::Arc::strong_count(&kept), 1, "wakers kept");
            assert_eq!(stdin().read(&mut []).await.unwrap(), 0);
        }),
        // Each write fails.
        Some("full") => block_on(async {
            let mut err = stderr();
            for _ in 0..2 {
                let lost = [&b"a"[..], b"", b"bc"].map(IoSlice::new);
                assert_eq!(err.write_vectored(&lost).await.unwrap(), 3);
                let full = |result: io::Result<()>| result.unwrap_err().kind();
                let refused = err.write(b"refused").await.map(drop);
                assert_eq!(full(refused), io::ErrorKind::StorageFull);
                assert_eq!(full(err.flush().await), io::ErrorKind::StorageFull);
                err.flush().await.unwrap();
            }
        }),
        // Bytes that one runtime requested and did not receive are there for the next.
        Some("two runtimes") => {
            block_on(async {
                let mut buf = [0; 16];
                let mut input = stdin();
                let read = std::pin::pin!(input.read(&mut buf));
                assert!(net::is_pending(read).await);
                stderr().write_all(b"asked\n").await.unwrap();
            });
            block_on(async {
                let mut text = String::new();
                stdin().read_to_string(&mut text).await.unwrap();
                stderr().write_all(text.as_bytes()).await.unwrap();
            });
        }
        // Each number by a handle of its own, without a flush.
        Some("numbers") => block_on(async {
            for number in 0..2000 {
                let line = format!("{number}\n");
                stderr().write_all(line.as_bytes()).await.unwrap();
            }
        }),
        // A report of the runtime can't be printed.
        Some("report") => {
            let runtime = wakeful::Builder::new()
                .blocking_shutdown_timeout(std::time::Duration::from_millis(1))
                .build()
                .unwrap();
            let (_keep, kept) = std::sync::mpsc::channel::<()>();
            let (begin, begun) = std::sync::mpsc::channel();
            drop(runtime.spawn_blocking(move || {
                begin.send(()).unwrap();
                kept.recv()
            }));
            begun.recv().unwrap();
            drop(runtime);
            std::process::exit(0);
        }
        Some(role) if role.starts_with("hello") => hello(role),
        _ => {}
    }
}

/// Writes one line to each stream and ends without a flush.
fn hello(role: &str) {
    if role.contains("by the pool") {
        // No stream can be opened again, as on other systems.
        // Linux only: seccomp.
        #[cfg(target_os = "linux")]
        seccomp::deny(&[libc::SYS_openat], libc::EACCES);
    }
    let lines = async {
        // Together, as the second write would wait for a thread behind the first one.
        let (out, err) = (&mut stdout(), &mut stderr());
        let (out, err) = join(out.write_all(b"hello out\n"), err.write_all(b"hello err\n")).await;
        out.and(err).unwrap();
    };
    let runtime = wakeful::Builder::new().max_blocking_threads(1).build();
    let runtime = runtime.unwrap();
    if role.contains("after a turn") {
        let task = runtime.spawn(lines);
        while !task.is_finished() {
            runtime.turn().unwrap();
        }
        runtime.shutdown_background();
    } else if role.contains("behind a closure") {
        // The only thread of the pool is busy until the process exits.
        let (_keep, kept) = std::sync::mpsc::channel::<()>();
        drop(runtime.spawn_blocking(move || kept.recv()));
        runtime.block_on(lines);
    } else if role.contains("after block_on") {
        runtime.block_on(lines);
    } else {
        return block_on(lines);
    }
    std::process::exit(0);
}

struct Silent;

impl Wake for Silent {
    fn wake(self: std::sync::Arc<Self>) {}
}

fn start(role: &str, input: impl Into<Stdio>, output: impl Into<Stdio>) -> Child {
    let mut command = again("child", role);
    command.stdin(input).stdout(Stdio::null()).stderr(output);
    command.spawn().unwrap()
}

#[track_caller]
fn ends_well(mut child: Child) {
    assert!(child.wait().unwrap().success());
}

/// Returns the output for that input.
fn answer(role: &str, input: impl Into<Stdio>, send: impl FnOnce()) -> Vec<u8> {
    let mut child = start(role, input, Stdio::piped());
    send();
    let mut answer = Vec::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_end(&mut answer)
        .unwrap();
    ends_well(child);
    answer
}

fn temporary(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("wakeful-streams-{}-{name}", std::process::id()))
}

fn is_nonblocking(fd: impl AsFd) -> bool {
    rustix::fs::fcntl_getfl(fd)
        .unwrap()
        .contains(OFlags::NONBLOCK)
}

#[test]
fn a_pipe_is_read_and_written() {
    let (read, mut write) = std::io::pipe().unwrap();
    let sent = net::pattern(300_000);
    let shared = read.try_clone().unwrap();
    let back = answer("copy", read, || {
        let sent = sent.clone();
        std::thread::spawn(move || write.write_all(&sent).unwrap());
    });
    assert!(back == sent, "other bytes come back");
    assert!(!is_nonblocking(shared));
}

#[test]
fn a_socket_is_read_and_written() {
    let (here, mut there) = UnixStream::pair().unwrap();
    let shared = here.try_clone().unwrap();
    let sent = net::pattern(300_000);
    let back = answer("copy", OwnedFd::from(here), || {
        let sent = sent.clone();
        std::thread::spawn(move || there.write_all(&sent).unwrap());
    });
    assert!(back == sent, "other bytes come back");
    assert!(!is_nonblocking(shared));
}

#[test]
fn a_nonblocking_socket_stays_nonblocking() {
    let (here, mut there) = UnixStream::pair().unwrap();
    here.set_nonblocking(true).unwrap();
    let child = start(
        "copy",
        OwnedFd::from(here.try_clone().unwrap()),
        Stdio::piped(),
    );
    let mut child = child;
    let mut byte = [0];
    let mut err = child.stderr.take().unwrap();
    for sent in *b"abc" {
        there.write_all(&[sent]).unwrap();
        err.read_exact(&mut byte).unwrap();
        assert_eq!(byte, [sent]);
    }
    drop(there);
    assert_eq!(err.read(&mut byte).unwrap(), 0);
    ends_well(child);
    assert!(is_nonblocking(here), "it stays nonblocking");
}

#[test]
fn a_file_is_read_and_written() {
    let (from, to) = (temporary("from"), temporary("to"));
    let sent = net::pattern(300_000);
    std::fs::write(&from, &sent).unwrap();
    std::fs::write(&to, b"before").unwrap();
    let output = OpenOptions::new().append(true).open(&to).unwrap();
    ends_well(start("copy", File::open(&from).unwrap(), output));
    let back = std::fs::read(&to).unwrap();
    assert!(back[..6] == *b"before" && back[6..] == sent);

    // The file offset is shared by all duplicates of the descriptor.
    let mut file = File::open(&from).unwrap();
    file.seek(std::io::SeekFrom::Start(299_990)).unwrap();
    let back = answer("copy", file.try_clone().unwrap(), || ());
    assert_eq!(back, sent[299_990..]);
    assert_eq!(file.stream_position().unwrap(), 300_000);
    std::fs::remove_file(from).unwrap();
    std::fs::remove_file(to).unwrap();
}

#[test]
fn closed_streams_are_at_their_end() {
    assert_eq!(answer("copy", Stdio::null(), || ()), b"");
    ends_well(start("copy", Stdio::null(), Stdio::null()));
    // No descriptor at all: a shell has closed it.
    let me = again("child", "copy");
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", "exec \"$0\" \"$@\" <&- 2>&-"]);
    shell.arg(me.get_program()).args(me.get_args());
    shell.envs(me.get_envs().filter_map(|(key, value)| Some((key, value?))));
    assert!(shell.stdout(Stdio::null()).status().unwrap().success());
}

#[test]
fn a_flush_reports_a_failed_write_that_a_write_has_reported() {
    let Ok(full) = OpenOptions::new().write(true).open("/dev/full") else {
        return println!("skipped: no /dev/full");
    };
    ends_well(start("full", Stdio::null(), full));
}

#[test]
fn a_report_that_cannot_be_printed_does_not_panic() {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    ends_well(start("report", Stdio::null(), full));
}

#[test]
fn a_dropped_reader_leaves_no_waker() {
    let (here, there) = UnixStream::pair().unwrap();
    ends_well(start("dropped reads", OwnedFd::from(here), Stdio::null()));
    drop(there);
}

#[test]
fn a_directory_is_an_error() {
    let mut child = start("copy", File::open("/").unwrap(), Stdio::piped());
    let mut printed = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut printed)
        .unwrap();
    assert!(!child.wait().unwrap().success());
    assert!(printed.contains("IsADirectory"), "{printed}");
}

/// A terminal: our end, and the end of the program in it.
fn terminal() -> (File, File) {
    // Apple's systems have no flag that closes it in children from the beginning.
    #[cfg(not(target_vendor = "apple"))]
    let close = OpenptFlags::from_bits_retain(libc::O_CLOEXEC as u32);
    #[cfg(target_vendor = "apple")]
    let close = OpenptFlags::empty();
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | close).unwrap();
    rustix::io::fcntl_setfd(&ours, rustix::io::FdFlags::CLOEXEC).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    // Not by rustix, which does not have the call on NetBSD.
    static NAME: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let one_at_a_time = NAME.lock().unwrap();
    // SAFETY: the descriptor is open.
    let name = unsafe { libc::ptsname(std::os::fd::AsRawFd::as_raw_fd(&ours)) };
    assert!(!name.is_null(), "{}", std::io::Error::last_os_error());
    // SAFETY: `ptsname` returned a string, and the lock keeps other threads from replacing it.
    let name = unsafe { std::ffi::CStr::from_ptr(name) }.to_owned();
    drop(one_at_a_time);
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let theirs = rustix::fs::open(name, flags, Mode::empty()).unwrap();
    (File::from(ours), File::from(theirs))
}

#[test]
fn a_terminal_is_read_and_written_and_stays_blocking() {
    let (mut ours, theirs) = terminal();
    let back = answer("line", theirs.try_clone().unwrap(), || {
        ours.write_all(b"hello\n").unwrap();
    });
    assert_eq!(back, b"hello\n");
    assert!(
        !is_nonblocking(&theirs),
        "the terminal of the shell became nonblocking"
    );

    // The output, too.
    let child = start(
        "line",
        theirs.try_clone().unwrap(),
        theirs.try_clone().unwrap(),
    );
    let mut printed = Vec::new();
    ours.write_all(b"again\n").unwrap();
    // "hello" and "again" as the terminal echoes them, then "again" as the answer.
    while printed.len() < "hello\r\nagain\r\nagain\r\n".len() {
        let mut byte = [0];
        ours.read_exact(&mut byte).unwrap();
        printed.push(byte[0]);
    }
    assert_eq!(printed, b"hello\r\nagain\r\nagain\r\n");
    ends_well(child);
    assert!(!is_nonblocking(&theirs));
}

/// If it were opened again, it would be the master of another pair.
#[test]
fn the_master_of_a_pseudoterminal_is_read_and_written() {
    let (ours, mut theirs) = terminal();
    let mut raw = rustix::termios::tcgetattr(&theirs).unwrap();
    raw.make_raw();
    rustix::termios::tcsetattr(&theirs, rustix::termios::OptionalActions::Now, &raw).unwrap();
    let master = || ours.try_clone().unwrap();
    theirs.write_all(b"hello\n").unwrap();
    ends_well(start("line", master(), master()));
    let mut answer = [0; 6];
    let limit = rustix::time::Timespec {
        tv_sec: 60,
        tv_nsec: 0,
    };
    let mut readable = [PollFd::new(&theirs, PollFlags::IN)];
    assert_eq!(poll(&mut readable, Some(&limit)), Ok(1), "the answer came");
    theirs.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"hello\n");
    assert!(!is_nonblocking(ours));
}

/// If it were opened again for reading, the write end of a pipe would wait for itself.
#[test]
fn an_input_that_is_not_open_for_reading_is_at_its_end() {
    let (read, write) = std::io::pipe().unwrap();
    assert_eq!(answer("copy", write, || ()), b"");
    drop(read);
}

#[test]
fn an_open_input_does_not_keep_the_process_from_exiting() {
    let gives_up = |input: OwnedFd| {
        // The shutdown of the runtime does not wait for a thread, which it would report.
        let complaints = answer("give up", input, || ());
        assert_eq!(String::from_utf8(complaints).unwrap(), "");
    };
    let (read, write) = std::io::pipe().unwrap();
    gives_up(read.into());
    let (here, there) = UnixStream::pair().unwrap();
    gives_up(here.into());
    let (ours, theirs) = terminal();
    gives_up(theirs.into());
    drop((write, there, ours));
}

#[test]
fn an_empty_transfer_is_ready_at_once() {
    let (read, _write) = std::io::pipe().unwrap();
    assert_eq!(answer("nothing", OwnedFd::from(read), || {}), b"at once");
    // With a terminal as well.
    let (_controller, terminal) = terminal();
    assert_eq!(answer("nothing", terminal, || {}), b"at once");
}

#[test]
fn bytes_that_one_runtime_did_not_receive_go_to_the_next() {
    for socket in [false, true] {
        let (input, mut write): (OwnedFd, Box<dyn Write>) = if socket {
            let (here, there) = UnixStream::pair().unwrap();
            (here.into(), Box::new(there))
        } else {
            let (read, write) = std::io::pipe().unwrap();
            (read.into(), Box::new(write))
        };
        let mut child = start("two runtimes", input, Stdio::piped());
        let mut err = child.stderr.take().unwrap();
        let mut asked = [0; 6];
        err.read_exact(&mut asked).unwrap();
        write.write_all(b"all of it").unwrap();
        drop(write);
        let mut back = String::new();
        err.read_to_string(&mut back).unwrap();
        assert_eq!(back, "all of it");
        ends_well(child);
    }
}

#[test]
fn a_named_pipe_without_a_writer_is_at_its_end() {
    let path = temporary("fifo");
    fifo::make_fifo(&path).unwrap();
    // Both ends, so that neither open waits; then the writer is closed.
    let both = OpenOptions::new()
        .read(true)
        .write(true)
        .open(&path)
        .unwrap();
    let read = File::open(&path).unwrap();
    drop(both);
    assert_eq!(answer("copy", read, || ()), b"");
    std::fs::remove_file(path).unwrap();
}

/// An output of the child, and what reads it after the child has exited.
type Output = (Stdio, Box<dyn FnOnce() -> Vec<u8>>);

fn to_file(name: &str) -> Output {
    let path = temporary(name);
    let file = File::create(&path).unwrap();
    let read = move || {
        let printed = std::fs::read(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        printed
    };
    (file.into(), Box::new(read))
}

fn to_pipe(_: &str) -> Output {
    let (mut read, write) = std::io::pipe().unwrap();
    (write.into(), Box::new(move || read_all(&mut read)))
}

fn to_socket(_: &str) -> Output {
    let (mut here, there) = UnixStream::pair().unwrap();
    let read = move || read_all(&mut here);
    (OwnedFd::from(there).into(), Box::new(read))
}

fn to_terminal(_: &str) -> Output {
    let (mut ours, theirs) = terminal();
    (theirs.into(), Box::new(move || read_all(&mut ours)))
}

fn read_all(from: &mut impl Read) -> Vec<u8> {
    let mut printed = Vec::new();
    match from.read_to_end(&mut printed) {
        // A terminal whose other end is closed.
        Err(error) if Errno::from_io_error(&error) == Some(Errno::IO) => {}
        read => drop(read.unwrap()),
    }
    printed
}

/// Runs a child 200 times for each way to end, and counts those whose output is not complete.
#[track_caller]
fn nothing_is_lost(output: fn(&str) -> Output) {
    let ways = [
        "hello, return",
        "hello, exit after block_on",
        "hello by the pool, return",
        "hello by the pool, exit after block_on",
        "hello by the pool, exit after a turn",
        "hello by the pool, exit behind a closure",
    ];
    let mut lost = Vec::new();
    for way in ways {
        let runs = 0..if way.contains("behind") || way.contains("turn") {
            20
        } else {
            200
        };
        let incomplete = runs.filter(|_| {
            let name = format!("{:?}", std::thread::current().id());
            let (out, read_out) = output(&format!("{name}-out"));
            let (err, read_err) = output(&format!("{name}-err"));
            let mut command = again("child", way);
            let mut child = command.stdout(out).stderr(err).spawn().unwrap();
            drop(command);
            assert!(child.wait().unwrap().success(), "{way}");
            let has =
                |printed: Vec<u8>, line: &str| String::from_utf8(printed).unwrap().contains(line);
            !has(read_out(), "hello out") | !has(read_err(), "hello err")
        });
        lost.push((way, incomplete.count()));
    }
    assert!(
        lost.iter().all(|(_, lost)| *lost == 0),
        "lost lines: {lost:#?}"
    );
}

#[test]
fn writes_of_several_handles_keep_their_order() {
    let (file, read) = to_file("numbers");
    ends_well(start("numbers", Stdio::null(), file));
    let numbers: String = (0..2000).map(|number| format!("{number}\n")).collect();
    assert!(read() == numbers.as_bytes(), "another order");
}

#[test]
fn no_output_to_a_file_is_lost_at_the_end() {
    nothing_is_lost(to_file);
}

#[test]
fn no_output_to_a_pipe_is_lost_at_the_end() {
    nothing_is_lost(to_pipe);
}

#[test]
fn no_output_to_a_socket_is_lost_at_the_end() {
    nothing_is_lost(to_socket);
}

#[test]
fn no_output_to_a_terminal_is_lost_at_the_end() {
    nothing_is_lost(to_terminal);
}
