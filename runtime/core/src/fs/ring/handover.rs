//! Handover of the requests that do not complete during shutdown, to a thread that waits for them.

use std::collections::HashMap;
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::AsFd;
use std::time::Duration;

use io_uring::IoUring;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::entry::{came_short, outcome};
use crate::blocking::{self, Blocking, Duty, run_detached};
use crate::fs::request::{Outcome, Request};
use crate::task::oneshot::Sender;
use crate::unwind::catch_panic;

const THREAD: &str = "wakeful-files";

/// Requests by name, and the senders of their results.
#[derive(Default)]
pub(super) struct Unfinished {
    /// Requests that the kernel holds. If they do not complete they are leaked, also on unwinding,
    /// never freed.
    pub(super) in_flight: ManuallyDrop<HashMap<u64, Request>>,
    /// Senders of the results of `in_flight`, and whether the request is detached.
    pub(super) results: HashMap<u64, (Sender<Outcome>, bool)>,
    /// Detached writes that were not submitted.
    pub(super) queued: Vec<(Request, Sender<Outcome>)>,
    /// Whether the kernel refuses `io_uring_enter`, and the submission queue may have entries.
    pub(super) is_retired: bool,
}

/// Waits for the unfinished requests on threads. Without a thread the requests are leaked, and
/// their results are errors.
pub(super) fn hand_over(io: IoUring, unfinished: Unfinished) {
    let Unfinished {
        in_flight,
        results,
        queued,
        is_retired,
    } = unfinished;
    for (request, result) in queued {
        perform(request, result);
    }
    if in_flight.is_empty() {
        return;
    }
    let io = ManuallyDrop::new(io);
    // Without a thread the closure is dropped: the results with it, but not what the kernel holds.
    let _ = run_detached(THREAD, move || serve(io, in_flight, results, is_retired));
}

/// Performs a request with blocking calls, on a new thread.
fn perform(request: Request, result: Sender<Outcome>) {
    // Without a thread the sender is dropped, which its waiter gets as an error.
    let _ = run_detached(THREAD, move || finish(result, request.perform()));
}

/// Performs a request with blocking calls: on the pool of this thread's runtime, or else on a new
/// thread.
pub(super) fn move_to_pool(request: Request, result: Sender<Outcome>) {
    if Blocking::current_pool().is_none() {
        return perform(request, result);
    }
    // Without a thread the sender is dropped, which its waiter gets as an error.
    let _ = blocking::call(Duty::Mandatory, move || finish(result, request.perform()));
}

/// Waits for a completion without `io_uring_enter`. Returns `false` if there was none in time.
pub(super) fn wait_without_entering(io: &IoUring, patience: Option<Duration>) -> bool {
    let timeout = patience.and_then(|patience| Timespec::try_from(patience).ok());
    let mut ring = [PollFd::from_borrowed_fd(io.as_fd(), PollFlags::IN)];
    match poll(&mut ring, timeout.as_ref()) {
        Ok(_) => ring[0].revents().contains(PollFlags::IN),
        Err(error) => error == Errno::INTR,
    }
}

fn finish(result: Sender<Outcome>, outcome: Outcome) {
    // This may wake a foreign waker, and drops the outcome if its receiver is gone.
    catch_panic(|| result.fill(Ok(outcome)));
}

/// Loop of the thread. It submits nothing, as only the thread that made the ring may submit.
fn serve(
    mut io: ManuallyDrop<IoUring>,
    mut in_flight: ManuallyDrop<HashMap<u64, Request>>,
    mut results: HashMap<u64, (Sender<Outcome>, bool)>,
    is_retired: bool,
) {
    while !in_flight.is_empty() {
        if is_retired {
            // The queue may have entries that must not be submitted.
            if !wait_without_entering(&io, None) {
                return;
            }
        } else if let Err(error) = io.submit_and_wait(1)
            && error.kind() != io::ErrorKind::Interrupted
        {
            return;
        }
        while let Some(completion) = io.completion().next() {
            let name = completion.user_data();
            // A cancellation has no request.
            let Some(mut request) = in_flight.remove(&name) else {
                continue;
            };
            let Some((result, detached)) = results.remove(&name) else {
                continue;
            };
            let count = completion.result();
            if detached && goes_on(&mut request, count) {
                perform(request, result);
            } else {
                finish(result, outcome(request, count));
            }
        }
    }
    drop(ManuallyDrop::into_inner(io));
    drop(ManuallyDrop::into_inner(in_flight));
}

/// Whether a part of a detached write has yet to be written: the write was short, or the kernel
/// cancelled it because the thread that submitted it has ended.
fn goes_on(request: &mut Request, result: i32) -> bool {
    if let Ok(count) = usize::try_from(result) {
        return came_short(request, count);
    }
    let is_write = matches!(request, Request::Write { .. });
    let error = io::Error::from_raw_os_error(-result);
    let given_up = [Errno::CANCELED, Errno::INTR, Errno::FAULT];
    is_write && Errno::from_io_error(&error).is_some_and(|error| given_up.contains(&error))
}
