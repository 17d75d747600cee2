//! An `Async` around a descriptor that it borrows.

use std::cell::Cell;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use wakeful::reactor::Async;

use super::run;

#[test]
fn a_descriptor_cannot_be_closed_before_the_async_that_borrows_it() {
    trybuild::TestCases::new().compile_fail("ui/reactor/*.rs");
}

#[test]
fn a_borrow_that_ends_in_time_frees_the_number_for_the_next_descriptor() {
    run(async |_| {
        let (socket, _other) = UnixStream::pair().unwrap();
        drop(Async::new(socket.as_fd()).unwrap());
        // Also by `into_inner`.
        let _: BorrowedFd<'_> = Async::new(socket.as_fd()).unwrap().into_inner().unwrap();
        let number = socket.as_raw_fd();
        // The new socket gets the number of the old one, as `dup2` closes that.
        let (next, mut peer) = UnixStream::pair().unwrap();
        let mut socket = std::os::fd::OwnedFd::from(socket);
        rustix::io::dup2(&next, &mut socket).unwrap();
        drop(next);
        assert_eq!(socket.as_raw_fd(), number);
        let next = Async::new(UnixStream::from(socket)).unwrap();
        peer.write_all(b"x").unwrap();
        next.readable().await.unwrap();
    });
}

/// Returns the two descriptors in turn.
struct ByTurns([UnixStream; 2], Cell<usize>);

impl AsFd for ByTurns {
    fn as_fd(&self) -> BorrowedFd<'_> {
        let turn = self.1.replace(self.1.get() + 1);
        self.0[turn % 2].as_fd()
    }
}

#[test]
fn the_same_descriptor_is_made_nonblocking_and_registered() {
    run(async |_| {
        let ((one, mut peer), (two, _other)) =
            (UnixStream::pair().unwrap(), UnixStream::pair().unwrap());
        let both = Async::new(ByTurns([one, two], Cell::new(0))).unwrap();
        let flags = |socket| rustix::fs::fcntl_getfl(socket).unwrap();
        let [one, two] = &both.get_ref().0;
        assert!(flags(one).contains(rustix::fs::OFlags::NONBLOCK));
        assert!(!flags(two).contains(rustix::fs::OFlags::NONBLOCK));
        peer.write_all(b"x").unwrap();
        both.readable().await.unwrap();
        // The same one is deregistered, so it can be registered again.
        let ByTurns([one, _two], _) = both.into_inner().unwrap();
        Async::new(one).unwrap();
    });
}
