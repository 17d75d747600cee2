//! Tests that hold with tokio's `AsyncFd` too. The parent module has the names, and `run`.

use std::future::{Future, poll_fn};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::pin::pin;

use futures_util::FutureExt;

use super::*;

fn pair() -> (UnixStream, UnixStream) {
    let (here, there) = UnixStream::pair().unwrap();
    here.set_nonblocking(true).unwrap();
    there.set_nonblocking(true).unwrap();
    (here, there)
}

/// Returns after a turn of the reactor that found all events so far.
pub(super) async fn turn() {
    let (here, mut there) = pair();
    let here = AsyncFd::new(here).unwrap();
    there.write_all(b"x").unwrap();
    here.readable().await.unwrap().retain_ready();
}

/// Whether a future waits.
pub(super) fn waits<T>(future: impl Future<Output = T>) -> bool {
    pin!(future).now_or_never().is_none()
}

fn drain(mut socket: &UnixStream) {
    while socket.read(&mut [0; 64]).is_ok() {}
}

#[test]
fn a_fresh_pair_is_writable_and_not_readable() {
    run(async || {
        let (here, _there) = pair();
        let here = AsyncFd::new(here).unwrap();
        let guard = here.ready(Interest::READABLE | Interest::WRITABLE).await;
        assert_eq!(guard.unwrap().ready(), Ready::WRITABLE);
        assert!(waits(here.readable()));
    });
}

#[test]
fn a_cleared_guard_waits_for_the_next_event() {
    run(async || {
        let (here, mut there) = pair();
        let here = AsyncFd::new(here).unwrap();
        there.write_all(b"one").unwrap();
        let mut guard = here.readable().await.unwrap();
        let mut buf = [0; 8];
        assert_eq!(
            guard
                .try_io(|fd| fd.get_ref().read(&mut buf))
                .unwrap()
                .unwrap(),
            3
        );
        assert!(
            guard.ready().is_readable(),
            "a read that succeeded clears nothing"
        );
        assert!(guard.try_io(|fd| fd.get_ref().read(&mut buf)).is_err());
        assert!(guard.ready().is_empty());
        drop(guard);
        assert!(waits(here.readable()));
        there.write_all(b"two").unwrap();
        here.readable().await.unwrap().retain_ready();
        assert!(!waits(here.readable()), "a kept readiness stays");
    });
}

#[test]
fn a_guard_does_not_clear_an_event_that_came_after_it() {
    run(async || {
        let (here, mut there) = pair();
        let here = AsyncFd::new(here).unwrap();
        there.write_all(b"one").unwrap();
        let mut old = here.readable().await.unwrap();
        drain(here.get_ref());
        there.write_all(b"two").unwrap();
        turn().await;
        old.clear_ready();
        assert!(!waits(here.readable()), "the second event was lost");
        let mut new = here.readable().await.unwrap();
        new.clear_ready();
        assert!(waits(here.readable()));
    });
}

#[test]
fn a_guard_does_not_clear_an_event_of_the_other_direction_that_came_after_it() {
    run(async || {
        let (here, mut there) = pair();
        let here = AsyncFd::new(here).unwrap();
        let mut writable = here.writable().await.unwrap();
        there.write_all(b"one").unwrap();
        turn().await;
        writable.clear_ready_matching(Ready::READABLE);
        assert!(!waits(here.readable()));
    });
}

#[test]
fn clear_ready_matching_clears_these_states_only() {
    run(async || {
        let (here, mut there) = pair();
        let here = AsyncFd::new(here).unwrap();
        there.write_all(b"x").unwrap();
        turn().await;
        let both = Interest::READABLE | Interest::WRITABLE;
        let mut guard = here.ready(both).await.unwrap();
        assert_eq!(guard.ready(), Ready::READABLE | Ready::WRITABLE);
        guard.clear_ready_matching(Ready::WRITABLE);
        assert_eq!(guard.ready(), Ready::READABLE);
        assert!(waits(here.writable()));
        assert!(!waits(here.readable()));
        guard.clear_ready();
        assert!(waits(here.readable()));
    });
}

#[test]
fn the_end_of_the_stream_stays_reported() {
    run(async || {
        let (here, there) = pair();
        let here = AsyncFd::new(here).unwrap();
        drop(there);
        let mut guard = here.readable().await.unwrap();
        assert!(guard.ready().is_read_closed());
        guard.clear_ready();
        assert!(!waits(here.readable()));
    });
}

#[test]
fn a_mutable_guard_reads_through_a_mutable_reference() {
    run(async || {
        let (here, mut there) = pair();
        let mut here = AsyncFd::new(here).unwrap();
        there.write_all(b"one").unwrap();
        let mut guard: AsyncFdReadyMutGuard<'_, _> = here.readable_mut().await.unwrap();
        let mut buf = [0; 8];
        assert_eq!(guard.get_inner_mut().read(&mut buf).unwrap(), 3);
        assert!(guard.try_io(|fd| fd.get_mut().read(&mut buf)).is_err());
        assert!(guard.get_ref().get_ref().peer_addr().is_ok());
        assert!(guard.get_inner().peer_addr().is_ok());
        drop(guard);
        assert!(waits(here.readable()));
        there.write_all(b"two").unwrap();
        let read = here.async_io_mut(Interest::READABLE, |io| io.read(&mut buf));
        assert_eq!(read.await.unwrap(), 3);
        let mut guard = here.writable_mut().await.unwrap();
        guard.retain_ready();
        assert_eq!(
            guard
                .try_io(|fd| fd.get_mut().write(b"x"))
                .unwrap()
                .unwrap(),
            1
        );
    });
}

#[test]
fn poll_ready_returns_guards() {
    run(async || {
        let (here, mut there) = pair();
        let mut here = AsyncFd::new(here).unwrap();
        let guard: AsyncFdReadyGuard<'_, _> =
            poll_fn(|cx| here.poll_write_ready(cx)).await.unwrap();
        assert!(guard.get_inner().peer_addr().is_ok());
        there.write_all(b"x").unwrap();
        let mut guard = poll_fn(|cx| here.poll_read_ready(cx)).await.unwrap();
        guard.clear_ready();
        assert!(waits(poll_fn(|cx| here.poll_read_ready(cx).map(|_| ()))));
        let write = poll_fn(|cx| here.poll_write_ready_mut(cx).map(|guard| guard.is_ok()));
        assert!(write.await);
        assert!(waits(poll_fn(|cx| here
            .poll_read_ready_mut(cx)
            .map(|_| ()))));
    });
}

#[test]
fn async_io_calls_until_it_does_not_block() {
    run(async || {
        let (here, mut there) = pair();
        let here = AsyncFd::new(here).unwrap();
        let mut calls = 0;
        let mut buf = [0; 8];
        let read = here.async_io(Interest::READABLE, |mut io| {
            calls += 1;
            io.read(&mut buf)
        });
        let write = async {
            turn().await;
            there.write_all(b"x").unwrap();
        };
        let (read, ()) = futures_util::future::join(read, write).await;
        assert_eq!(read.unwrap(), 1);
        assert!(calls > 0);
    });
}

#[test]
fn a_descriptor_is_registered_for_its_interest_only() {
    run(async || {
        let (here, mut there) = pair();
        let here = AsyncFd::with_interest(here, Interest::READABLE).unwrap();
        turn().await;
        assert!(waits(here.writable()));
        there.write_all(b"x").unwrap();
        assert!(here.readable().await.unwrap().ready().is_readable());
        let sender = here.into_inner();
        let sender = AsyncFd::with_interest(sender, Interest::WRITABLE).unwrap();
        assert!(sender.writable().await.unwrap().ready().is_writable());
        assert!(
            waits(sender.readable()),
            "data is there, but it was not asked for"
        );
    });
}

#[test]
fn into_inner_deregisters() {
    run(async || {
        let (here, mut there) = pair();
        let here = AsyncFd::new(here).unwrap().into_inner();
        there.write_all(b"x").unwrap();
        let again = AsyncFd::new(here).unwrap();
        again.readable().await.unwrap().retain_ready();
    });
}

// Linux only: tokio has priority events on no other system.
#[cfg(target_os = "linux")]
#[test]
fn the_sets_of_states_have_their_operations() {
    let mut states = Ready::READABLE | Ready::WRITABLE;
    states |= Ready::ERROR;
    assert_eq!(states - Ready::ERROR, Ready::READABLE | Ready::WRITABLE);
    assert_eq!(states & Ready::READ_CLOSED, Ready::EMPTY);
    assert!(Ready::READ_CLOSED.is_readable() && Ready::WRITE_CLOSED.is_writable());
    assert!(Ready::ALL.is_error() && Ready::EMPTY.is_empty());
    assert!(Ready::ALL.is_read_closed() && Ready::ALL.is_write_closed());

    let both = Interest::READABLE.add(Interest::WRITABLE);
    assert_eq!(both, Interest::READABLE | Interest::WRITABLE);
    assert_eq!(both.remove(Interest::READABLE), Some(Interest::WRITABLE));
    assert_eq!(Interest::READABLE.remove(both), None);
    let mut more = Interest::ERROR;
    more |= Interest::WRITABLE;
    assert!(more.is_error() && more.is_writable() && !more.is_readable());
}
