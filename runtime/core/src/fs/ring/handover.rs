//! What a ring has in flight when the patience of its ending runtime is over, on a thread of its own.

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

/// Requests by their names, and who gets their results.
#[derive(Default)]
pub(super) struct Unfinished {
    /// Those that the kernel has. They are leaked rather than freed if it keeps them, on unwinding too.
    pub(super) in_flight: ManuallyDrop<HashMap<u64, Request>>,
    /// Those of `in_flight`, and whether each is carried out in any case.
    pub(super) results: HashMap<u64, (Sender<Outcome>, bool)>,
    /// Writes that were taken over and that the kernel has not been told of.
    pub(super) queued: Vec<(Request, Sender<Outcome>)>,
}

/// Waits for what is left. Without a thread the requests are leaked, and their results are an error.
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
    // Without a thread this is dropped: the results are, and what the kernel has is not.
    let _ = run_detached(THREAD, move || serve(io, in_flight, results));
}

/// Does a request by a call that may block, on a thread of its own.
fn perform(request: Request, result: Sender<Outcome>) {
    // Without a thread the result is dropped, which is an error for its waiter.
    let _ = run_detached(THREAD, move || finish(result, request.perform()));
}

fn finish(result: Sender<Outcome>, outcome: Outcome) {
    // It may wake a foreign waker, and drops the outcome if it is not wanted.
    catch_panic(|| result.fill(Ok(outcome)));
}

/// The life of the thread. It submits nothing: only the thread that made the ring may do so.
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

/// Whether some of a write that was taken over has yet to be written: it came short, or the kernel gave
/// it up as the thread that submitted it has ended.
fn goes_on(request: &mut Request, result: i32) -> bool {
    if let Ok(count) = usize::try_from(result) {
        return came_short(request, count);
    }
    let is_write = matches!(request, Request::Write { .. });
    let error = io::Error::from_raw_os_error(-result);
    let given_up = [Errno::CANCELED, Errno::INTR, Errno::FAULT];
    is_write && Errno::from_io_error(&error).is_some_and(|error| given_up.contains(&error))
}
