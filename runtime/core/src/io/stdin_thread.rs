//! Thread that reads standard input: one for the process, as there is one standard input. It reads
//! only on request, and shutdown does not wait for it, so a read that never returns delays nothing.

use std::io;
use std::os::fd::AsFd;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use rustix::event::PollFlags;
use rustix::io::Errno;

use super::descriptor::retry_blocking;
use crate::blocking::run_detached;
use crate::task::waiters::{Place, Waiters};

const CHUNK: usize = 64 << 10;

#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    /// Number of bytes that were handed out.
    taken: usize,
    /// End of the input or error of the last read.
    outcome: Option<io::Result<()>>,
    started: bool,
    /// Whether a read was requested and has not returned.
    asked: bool,
}

static STATE: Mutex<State> = Mutex::new(State {
    bytes: Vec::new(),
    taken: 0,
    outcome: None,
    started: false,
    asked: false,
});
/// The last waker of each `Stdin` that waits.
static WAITERS: Waiters = Waiters::new();
static ASKED: Condvar = Condvar::new();

fn lock() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn poll_read(
    place: &mut Place,
    cx: &mut Context<'_>,
    buf: &mut [u8],
) -> Poll<io::Result<usize>> {
    if let Some(read) = lock().take(buf) {
        return Poll::Ready(read);
    }
    WAITERS.store(place, cx.waker());
    let mut state = lock();
    // The read may have returned before the waker was stored.
    if let Some(read) = state.take(buf) {
        return Poll::Ready(read);
    }
    if !state.started {
        run_detached("wakeful-stdin", serve)?;
        state.started = true;
    }
    if !state.asked {
        state.asked = true;
        ASKED.notify_one();
    }
    Poll::Pending
}

impl State {
    /// Copies bytes that were read into `buf`; `None` if there is no result yet.
    fn take(&mut self, buf: &mut [u8]) -> Option<io::Result<usize>> {
        let left = &self.bytes[self.taken..];
        if left.is_empty() {
            return self.outcome.take().map(|outcome| outcome.map(|()| 0));
        }
        let n = left.len().min(buf.len());
        buf[..n].copy_from_slice(&left[..n]);
        self.taken += n;
        Some(Ok(n))
    }
}

/// Removes the waiter with that place from the list.
pub(super) fn give_up(place: &mut Place) {
    WAITERS.remove(place);
}

/// Loop of the thread.
fn serve() {
    let mut chunk = vec![0; CHUNK];
    loop {
        let state = ASKED
            .wait_while(lock(), |state| !state.asked)
            .unwrap_or_else(PoisonError::into_inner);
        drop(state);
        let stdin = io::stdin();
        let read = retry_blocking(stdin.as_fd(), PollFlags::IN, || {
            rustix::io::read(&stdin, &mut chunk)
        });
        let mut state = lock();
        state.bytes.clear();
        state.taken = 0;
        match read {
            // Without a standard input there is nothing to read, as in std.
            Ok(0) | Err(Errno::BADF) => state.outcome = Some(Ok(())),
            Ok(n) => state.bytes.extend_from_slice(&chunk[..n]),
            Err(error) => state.outcome = Some(Err(error.into())),
        }
        state.asked = false;
        drop(state);
        WAITERS.wake_all();
    }
}
