//! Standard input, read by a thread: one for the process, as there is one standard input. It reads
//! when asked and nobody waits for it, so a read that never returns holds nothing up.

use std::io;
use std::os::fd::AsFd;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use rustix::event::PollFlags;
use rustix::io::Errno;

use super::patiently;
use crate::blocking::run_detached;
use crate::task::runnable::quietly;

const CHUNK: usize = 64 << 10;

#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    /// How many of them have gone out.
    taken: usize,
    /// What came instead of bytes: the end, or an error.
    outcome: Option<io::Result<()>>,
    started: bool,
    /// A read was asked for and has not returned.
    asked: bool,
    waiting: Vec<Waker>,
}

static STATE: Mutex<State> = Mutex::new(State {
    bytes: Vec::new(),
    taken: 0,
    outcome: None,
    started: false,
    asked: false,
    waiting: Vec::new(),
});
static ASKED: Condvar = Condvar::new();

fn lock() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn poll_read(cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
    // Cloned before the lock: it may be anyone's code.
    let waker = cx.waker().clone();
    let mut state = lock();
    let left = &state.bytes[state.taken..];
    if !left.is_empty() || buf.is_empty() {
        let n = left.len().min(buf.len());
        buf[..n].copy_from_slice(&left[..n]);
        state.taken += n;
        return Poll::Ready(Ok(n));
    }
    if let Some(outcome) = state.outcome.take() {
        return Poll::Ready(outcome.map(|()| 0));
    }
    if !state.started {
        run_detached("wakeful-stdin", serve)?;
        state.started = true;
    }
    if !state.asked {
        state.asked = true;
        ASKED.notify_one();
    }
    if !state.waiting.iter().any(|other| other.will_wake(&waker)) {
        state.waiting.push(waker);
    }
    Poll::Pending
}

/// The life of the thread.
fn serve() {
    let mut chunk = vec![0; CHUNK];
    loop {
        let state = ASKED
            .wait_while(lock(), |state| !state.asked)
            .unwrap_or_else(PoisonError::into_inner);
        drop(state);
        let stdin = io::stdin();
        let read = patiently(stdin.as_fd(), PollFlags::IN, || {
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
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting
            .into_iter()
            .for_each(|waker| quietly(|| waker.wake()));
    }
}
