//! Handover of the requests that do not complete during shutdown, to a thread that waits for them.

use std::collections::HashMap;
use std::io;
use std::mem::ManuallyDrop;

use io_uring::IoUring;
use rustix::io::Errno;

use super::entry::{came_short, outcome};
use crate::blocking::run_detached;
use crate::fs::request::{Outcome, Request};
use crate::task::oneshot::Sender;
use crate::task::runnable::catch_panic;

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
}

/// Waits for the unfinished requests on threads. Without a thread the requests are leaked, and
/// their results are errors.
pub(super) fn hand_over(io: IoUring, unfinished: Unfinished) {
    let Unfinished {
        in_flight,
        results,
        queued,
    } = unfinished;
    for (request, result) in queued {
        perform(request, result);
    }
    if in_flight.is_empty() {
        return;
    }
    let io = ManuallyDrop::new(io);
    // Without a thread the closure is dropped: the results with it, but not what the kernel holds.
    let _ = run_detached(THREAD, move || serve(io, in_flight, results));
}

/// Performs a request with blocking calls, on a new thread.
fn perform(request: Request, result: Sender<Outcome>) {
    // Without a thread the sender is dropped, which its waiter gets as an error.
    let _ = run_detached(THREAD, move || finish(result, request.perform()));
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
) {
    while !in_flight.is_empty() {
        if let Err(error) = io.submit_and_wait(1)
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
