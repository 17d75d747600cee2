//! `AsyncFd`: the same tests with Wakeful's and with tokio's, and what holds for Wakeful's alone.

#[allow(clippy::duplicate_mod, reason = "the same tests for two runtimes")]
#[path = "async_fd"]
mod on_wakeful {
    use wakeful::io::unix::{AsyncFd, AsyncFdReadyGuard, AsyncFdReadyMutGuard};
    use wakeful::io::{Interest, Ready};

    use super::run;

    mod same;
    // Linux only: kqueue has no priority events, and reports these errors as a closed side.
    #[cfg(target_os = "linux")]
    mod same_on_linux;
}

#[allow(clippy::duplicate_mod, reason = "the same tests for two runtimes")]
#[allow(deprecated, reason = "the constructors that need no unsafe code")]
#[path = "async_fd"]
mod on_tokio {
    use tokio::io::unix::{AsyncFd, AsyncFdReadyGuard, AsyncFdReadyMutGuard};
    use tokio::io::{Interest, Ready};

    fn run(test: impl AsyncFn()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(test());
    }

    mod same;
    // Linux only: kqueue has no priority events, and reports these errors as a closed side.
    #[cfg(target_os = "linux")]
    mod same_on_linux;
}

use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};

use futures_util::FutureExt;
use rustix::io::fcntl_dupfd_cloexec;
use wakeful::Runtime;
use wakeful::reactor::{Async, AsyncFd, Backend, Interest, Ready};

/// Runs a test on each backend.
fn run(test: impl AsyncFn()) {
    for backend in [Backend::Raw, Backend::Portable] {
        match Runtime::builder().backend(backend).build() {
            Ok(runtime) => runtime.block_on(test()),
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                println!("{backend:?} skipped: {error}");
            }
            Err(error) => panic!("{backend:?}: {error}"),
        }
    }
}

fn pair() -> (UnixStream, UnixStream) {
    let (here, there) = UnixStream::pair().unwrap();
    here.set_nonblocking(true).unwrap();
    there.set_nonblocking(true).unwrap();
    (here, there)
}

/// Returns after a turn of the reactor that found all events so far.
async fn turn() {
    let (here, mut there) = pair();
    let here = AsyncFd::new(here).unwrap();
    there.write_all(b"x").unwrap();
    here.readable().await.unwrap().retain_ready();
}

/// A copy of a descriptor, with a high number that no other test takes.
fn numbered(fd: impl AsFd, least: i32) -> OwnedFd {
    fcntl_dupfd_cloexec(fd, least).unwrap()
}

#[test]
fn a_replaced_value_does_not_deregister_the_next_owner_of_its_number() {
    run(async || {
        let (old, _peer) = pair();
        let mut first = AsyncFd::new(numbered(&old, 700)).unwrap();
        let number = first.as_raw_fd();
        *first.get_mut() = OwnedFd::from(old);
        let (other, mut peer) = pair();
        let second = Async::new(numbered(&other, number)).unwrap();
        assert_eq!(second.as_raw_fd(), number);
        drop(first);
        peer.write_all(b"x").unwrap();
        turn().await;
        assert!(second.readable().now_or_never().is_some());
    });
}

#[test]
fn into_inner_of_a_replaced_value_leaves_the_next_owner_of_its_number_registered() {
    run(async || {
        let (old, _peer) = pair();
        let mut first = AsyncFd::new(numbered(&old, 800)).unwrap();
        let number = first.as_raw_fd();
        *first.get_mut() = OwnedFd::from(old);
        let (other, mut peer) = pair();
        let second = Async::new(numbered(&other, number)).unwrap();
        assert_eq!(second.as_raw_fd(), number);
        drop(first.into_inner());
        peer.write_all(b"x").unwrap();
        turn().await;
        assert!(second.readable().now_or_never().is_some());
    });
}

/// A descriptor whose `as_fd` panics, once a flag is set.
struct Moody(UnixStream, std::cell::Cell<bool>);

impl AsFd for Moody {
    fn as_fd(&self) -> BorrowedFd<'_> {
        assert!(!self.1.get(), "moody");
        self.0.as_fd()
    }
}

#[cfg(panic = "unwind")]
#[test]
fn a_panic_of_as_fd_in_a_drop_reaches_the_caller_and_the_reactor_goes_on() {
    run(async || {
        let (here, _there) = pair();
        let fd = AsyncFd::new(Moody(here, std::cell::Cell::new(false))).unwrap();
        fd.get_ref().1.set(true);
        assert!(catch_unwind(AssertUnwindSafe(|| drop(fd))).is_err());
        turn().await;
    });
}

#[test]
fn a_failed_registration_returns_the_value_and_says_why() {
    run(async || {
        let (here, _there) = pair();
        let first = AsyncFd::try_new(here.as_fd()).unwrap();
        let error = AsyncFd::try_new(&here).unwrap_err();
        assert!(error.to_string().contains("registered"), "{error}");
        let (back, cause) = error.into_parts();
        assert_eq!(cause.kind(), ErrorKind::AlreadyExists);
        drop(first);
        assert!(AsyncFd::register(back).is_ok());
        let file = std::fs::File::open("/").unwrap();
        let error = AsyncFd::try_with_interest(file, Interest::READABLE).unwrap_err();
        assert_eq!(error.into_parts().1.kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn try_io_takes_a_closure_that_can_be_called_once() {
    run(async || {
        let (here, mut there) = pair();
        let mut here = AsyncFd::new(here).unwrap();
        there.write_all(b"x").unwrap();
        turn().await;
        let token = vec![7];
        let read = here.try_io(Interest::READABLE, |mut io| {
            io.read(&mut [0; 8]).map(|_| token)
        });
        assert_eq!(read.unwrap(), [7]);
        let none = here.try_io_mut(Interest::READABLE, |io| io.read(&mut [0; 8]));
        assert_eq!(none.unwrap_err().kind(), ErrorKind::WouldBlock);
        // The `WouldBlock` has cleared the readiness, so the closure is not called.
        let none = here.try_io(Interest::READABLE, |_| -> std::io::Result<()> {
            panic!("not readable")
        });
        assert_eq!(none.unwrap_err().kind(), ErrorKind::WouldBlock);
    });
}

#[test]
fn an_ended_runtime_fails_the_waits() {
    let (here, _there) = pair();
    let runtime = Runtime::new().unwrap();
    let here = runtime.enter(|| AsyncFd::new(here)).unwrap();
    drop(runtime);
    wakeful::block_on(async {
        assert!(here.readable().await.is_err());
        let ready = std::future::poll_fn(|cx| here.poll_write_ready(cx).map(|r| r.is_err()));
        assert!(ready.await);
    });
}

#[test]
fn ready_says_which_states_it_holds() {
    assert_eq!(format!("{:?}", Ready::EMPTY), "EMPTY");
    let states = Ready::READABLE | Ready::ERROR;
    assert_eq!(format!("{states:?}"), "READABLE | ERROR");
    let interest = Interest::PRIORITY | Interest::READABLE;
    assert_eq!(format!("{interest:?}"), "READABLE | PRIORITY");
}
