//! Files through a completion ring (io_uring). Requests are queued and submitted once a turn of the
//! loop; the descriptor of the ring is registered with the reactor, which reports completions.
//!
//! Queued requests are submitted before the loop waits, or once in 100 µs while it is busy, with
//! one system call for all of them. Reads from the page cache complete inside that call and save
//! the wait. The waker of the ring collects the other completions, so no task is involved.
//!
//! # Refused calls
//!
//! A sandbox may allow `io_uring_setup` and refuse `io_uring_enter`. A no-op finds that out when
//! the ring is made, and the pool is used then. If the call is refused later, because the process
//! has installed a filter, the requests that the kernel has not received move to the pool
//! (`Ring::retire`). Completions of the others are still collected.
//!
//! # Ownership of the memory
//!
//! The kernel reads and writes the buffers of a request from the moment of its submission to its
//! completion. During that time the request stays in its slot here, even if its future is dropped.
//! A slot is reused only after the completion. If a request does not complete during shutdown, a
//! thread takes over the request and the ring and waits for it (`handover.rs`); without a thread
//! both are leaked, never freed.

mod entry;
mod handover;
mod setup;
mod ticket;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::mem;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::Duration;

use io_uring::types::{SubmitArgs, Timespec};
use io_uring::{IoUring, opcode, squeue};
use rustix::io::Errno;

use super::request::{Outcome, Request};
use crate::reactor::{Async, Interest};
use crate::slab::{Key, KeyedSlab};
use crate::task::oneshot::{Receiver, oneshot};
use crate::unwind::catch_panic;

use entry::{CANCELLATION, GENERATION_BITS, came_short, entry, name_of, outcome, slot_of};
use handover::{Unfinished, hand_over, move_to_pool, wait_without_entering};
pub(super) use ticket::Ticket;

/// Longest timeout passed to the kernel: it does not overflow there, and is 136 years.
const FOR_EVER: Duration = Duration::from_secs(1 << 32);

/// Completion ring of one runtime.
pub(super) struct Ring {
    /// Descriptor of the ring: readable when there are completions.
    source: Async<OwnedFd>,
    inner: RefCell<Inner>,
    /// Requests that have not completed.
    open: Cell<usize>,
    wakers: Cell<Vec<Waker>>,
}

struct Inner {
    /// `None` after shutdown has handed the ring to a thread.
    io: Option<IoUring>,
    slots: KeyedSlab<Slot, GENERATION_BITS>,
    /// Slots that wait for submission, in order.
    queued: VecDeque<Key>,
    /// Slots of submitted requests to cancel.
    unwanted: Vec<Key>,
    /// Names of the entries in the submission queue that the kernel has not received, in order.
    pushed: Vec<u64>,
    /// Whether the kernel has refused a submission: nothing is submitted any more.
    is_retired: bool,
    /// Number of entries submitted and not completed.
    in_flight: usize,
    /// Number of cancellations among them.
    cancelling: usize,
}

#[derive(Default)]
struct Slot {
    /// `Some` while the slot is in use.
    request: Option<Request>,
    /// Whether the request is carried out even if its future is dropped.
    detached: bool,
    stage: Stage,
}

#[derive(Default)]
enum Stage {
    /// Queued for submission.
    Queued(Option<Waker>),
    Submitted(Option<Waker>),
    /// The future was dropped; the buffers stay until the completion.
    #[default]
    Orphan,
    Completed(i32),
    /// A thread performs the request or waits for the completion, because the runtime has ended or
    /// the kernel has refused the request.
    HandedOver(Receiver<Outcome>),
}

impl Slot {
    /// Whether a detached write was short. If so, queues the rest, which has to be written even if
    /// the file is dropped.
    fn goes_on(&mut self, result: i32) -> bool {
        let count = usize::try_from(result).unwrap_or(0);
        let request = self.request.as_mut();
        let goes_on = self.detached && request.is_some_and(|request| came_short(request, count));
        if goes_on {
            self.stage = match mem::replace(&mut self.stage, Stage::Orphan) {
                Stage::Submitted(waker) => Stage::Queued(waker),
                stage => stage,
            };
        }
        goes_on
    }
}

impl Ring {
    /// Makes a ring and registers it with this thread's reactor.
    ///
    /// # Errors
    ///
    /// `Unsupported` if the kernel has no ring or lacks a required feature, or if a sandbox or a
    /// system setting refuses it.
    pub(super) fn new() -> io::Result<Ring> {
        let mut inner = Inner::new(setup::ring()?)?;
        let fd = inner.io().as_fd().try_clone_to_owned()?;
        let source = Async::new_nonblocking(fd)?;
        // The requests that have not completed are counted in `open`.
        source.source().set_background(true);
        Ok(Ring {
            source,
            inner: RefCell::new(inner),
            open: Cell::new(0),
            wakers: Cell::default(),
        })
    }

    /// Registers `waker` for the next completions.
    pub(super) fn listen(&self, waker: &Waker) {
        let source = self.source.source();
        // All earlier completions have been reaped; the next one is a new edge.
        let would_block = || Err::<(), _>(io::ErrorKind::WouldBlock.into());
        let _ = source.try_io(Interest::READABLE, would_block);
        // It cannot be ready, and an error means that the runtime has ended.
        let _ = source.poll_ready(&mut Context::from_waker(waker), Interest::READABLE);
    }

    pub(super) fn start(self: &Rc<Self>, request: Request, detached: bool) -> Ticket {
        let slot = self.inner.borrow_mut().queue(request, detached);
        self.open.set(self.open.get() + 1);
        self.source.source().notify_host();
        Ticket {
            ring: self.clone(),
            slot,
            taken: false,
            handed_over: None,
        }
    }

    /// Whether every request has completed.
    pub(super) fn is_idle(&self) -> bool {
        self.open.get() == 0
    }

    /// Submits queued requests and collects completions. Returns whether a request has completed,
    /// or the kernel did not accept all that fits into the queue. Requests that do not fit wait for
    /// a completion.
    pub(super) fn flush(&self) -> bool {
        let mut completed = false;
        loop {
            let submit = self.inner.borrow_mut().submit();
            let submitted = match submit {
                Submit::All => true,
                Submit::Full => false,
                Submit::Refused => {
                    self.retire();
                    completed = true;
                    true
                }
            };
            let (reaped, goes_on) = self.take_in();
            completed |= reaped;
            // If the ring was full, completions have freed capacity for queued requests.
            let more = self.inner.borrow_mut().has_more();
            if !((reaped || goes_on) && submitted && more) {
                return completed || more;
            }
        }
    }

    /// Whether the kernel accepts no requests any more.
    pub(super) fn is_retired(&self) -> bool {
        self.inner.borrow().is_retired
    }

    /// Moves the requests that the kernel has not received to the pool, and wakes their waiters,
    /// which then wait for the pool.
    #[cold]
    fn retire(&self) {
        let (mut moved, mut wakers) = (Vec::new(), Vec::new());
        let mut inner = self.inner.borrow_mut();
        for slot in inner.take_unsubmitted() {
            self.open.set(self.open.get() - 1);
            let place = &mut inner.slots[slot];
            let Some(request) = place.request.take() else {
                continue;
            };
            let (sender, receiver) = oneshot();
            match mem::replace(&mut place.stage, Stage::HandedOver(receiver)) {
                Stage::Queued(waker) | Stage::Submitted(waker) => wakers.extend(waker),
                // It was given up before it began, so it never begins.
                _ if !place.detached => {
                    inner.vacate(slot);
                    continue;
                }
                _ => drop(inner.vacate(slot)),
            }
            moved.push((request, sender));
        }
        drop(inner);
        for (request, sender) in moved {
            move_to_pool(request, sender);
        }
        for waker in wakers {
            catch_panic(|| waker.wake());
        }
    }

    /// Collects completions and wakes their waiters.
    pub(super) fn reap(&self) -> bool {
        self.take_in().0
    }

    /// Collects completions. Returns whether a request has completed, and whether the rest of a
    /// short write was queued.
    fn take_in(&self) -> (bool, bool) {
        let mut wakers = self.wakers.take();
        let (completed, goes_on) = self.inner.borrow_mut().reap(&mut wakers);
        self.open.set(self.open.get() - completed);
        for waker in wakers.drain(..) {
            // A foreign waker may panic; the others must still be woken.
            catch_panic(|| waker.wake());
        }
        self.wakers.set(wakers);
        (completed > 0, goes_on)
    }

    /// Waits until no request is in flight, as long as one completes within each `patience`. Hands
    /// the remaining requests and the ring to a thread. Returns the number of those requests.
    pub(super) fn shut_down(&self, patience: Duration) -> usize {
        self.inner.borrow_mut().give_up_reads();
        self.flush();
        while !self.is_idle() {
            let waited = self.inner.borrow_mut().wait(patience);
            let progress = self.flush();
            if !progress && !waited {
                break;
            }
        }
        let left = self.open.get();
        if left > 0 {
            self.hand_over();
        }
        left
    }

    /// Hands the requests that have not completed to threads, and wakes their waiters, which then
    /// wait for the threads.
    fn hand_over(&self) {
        let mut inner = self.inner.borrow_mut();
        let Some(io) = inner.io.take() else {
            return;
        };
        inner.in_flight = 0;
        let queued = mem::take(&mut inner.queued);
        let (mut unfinished, mut wakers) = (Unfinished::default(), Vec::new());
        let slots: Vec<Key> = inner.slots.iter().map(|(slot, _)| slot).collect();
        for slot in slots {
            let place = &mut inner.slots[slot];
            if matches!(place.stage, Stage::Completed(_)) {
                continue;
            }
            let Some(request) = place.request.take() else {
                continue;
            };
            let (sender, receiver) = oneshot();
            match mem::replace(&mut place.stage, Stage::HandedOver(receiver)) {
                Stage::Queued(waker) | Stage::Submitted(waker) => wakers.extend(waker),
                _ => {}
            }
            if !queued.contains(&slot) {
                unfinished.in_flight.insert(name_of(slot), request);
                unfinished
                    .results
                    .insert(name_of(slot), (sender, place.detached));
            } else if place.detached {
                unfinished.queued.push((request, sender));
            }
        }
        unfinished.is_retired = inner.is_retired;
        drop(inner);
        hand_over(io, unfinished);
        for waker in wakers {
            catch_panic(|| waker.wake());
        }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        let inner = self.inner.get_mut();
        if inner.in_flight > 0 {
            // The kernel still holds addresses of these buffers.
            mem::forget(mem::take(&mut inner.slots));
            mem::forget(inner.io.take());
        }
    }
}

/// Result of a submission.
enum Submit {
    All,
    /// The kernel accepts no more for now.
    Full,
    /// The kernel refuses the call, so the requests that it has not received have to be moved.
    Refused,
}

impl Inner {
    /// Returns the state of a ring after it was tried out.
    fn new(io: IoUring) -> io::Result<Inner> {
        let mut inner = Inner {
            io: Some(io),
            slots: KeyedSlab::default(),
            queued: VecDeque::new(),
            unwanted: Vec::new(),
            pushed: Vec::new(),
            in_flight: 0,
            cancelling: 0,
            is_retired: false,
        };
        // Completions with this name are counted as cancellations.
        inner.push(&opcode::Nop::new().build().user_data(CANCELLATION));
        inner.cancelling += 1;
        loop {
            match inner.io().submit_and_wait(1) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(setup::described("io_uring_enter", error)),
                Ok(_) => break,
            }
        }
        inner.reap(&mut Vec::new());
        inner.pushed.clear();
        Ok(inner)
    }

    fn io(&mut self) -> &mut IoUring {
        self.io.as_mut().expect("the runtime has not ended")
    }

    fn queue(&mut self, request: Request, detached: bool) -> Key {
        let slot = self.slots.allocate();
        let place = &mut self.slots[slot];
        place.request = Some(request);
        place.detached = detached;
        place.stage = Stage::Queued(None);
        self.queued.push_back(slot);
        slot
    }

    /// Whether an entry can be submitted now.
    fn has_more(&mut self) -> bool {
        if self.is_retired {
            return !self.queued.is_empty();
        }
        let cancellations = !self.unwanted.is_empty() && !self.is_full_of_cancellations();
        let requests = !self.queued.is_empty() && !self.is_full();
        cancellations || requests || !self.io().submission().is_empty()
    }

    /// Frees a slot, whose request has completed or was never submitted, and returns the request.
    fn vacate(&mut self, slot: Key) -> Option<Request> {
        let place = &mut self.slots[slot];
        place.stage = Stage::Orphan;
        let request = place.request.take();
        self.slots.release(slot);
        request
    }

    /// Submits as many entries as fit.
    fn submit(&mut self) -> Submit {
        if self.is_retired {
            return match self.queued.is_empty() {
                true => Submit::All,
                false => Submit::Refused,
            };
        }
        loop {
            self.fill();
            if self.io().submission().is_empty() {
                self.pushed.clear();
                return Submit::All;
            }
            match self.io().submit() {
                Ok(_) => {}
                Err(error) => match Errno::from_io_error(&error) {
                    Some(Errno::INTR) => {}
                    Some(Errno::AGAIN | Errno::BUSY) => return Submit::Full,
                    // A filter of system calls that was installed after the ring was made.
                    _ => {
                        self.is_retired = true;
                        return Submit::Refused;
                    }
                },
            }
        }
    }

    /// Returns the slots of the requests that the kernel has not received. From here on, nothing
    /// may be submitted: the queue still has entries that point to the buffers of these requests.
    fn take_unsubmitted(&mut self) -> Vec<Key> {
        let left = self.io().submission().len();
        let received = self.pushed.len().saturating_sub(left);
        let mut slots = Vec::new();
        for name in self.pushed.drain(..).skip(received) {
            self.in_flight -= 1;
            if name == CANCELLATION {
                self.cancelling -= 1;
            } else {
                slots.push(slot_of(name));
            }
        }
        slots.extend(self.queued.drain(..));
        self.unwanted.clear();
        slots
    }

    /// Waits for a completion, at most `patience`. Returns `false` if there was none.
    fn wait(&mut self, patience: Duration) -> bool {
        if self.is_retired {
            return wait_without_entering(self.io(), Some(patience));
        }
        let timeout = Timespec::from(patience.min(FOR_EVER));
        let args = SubmitArgs::new().timespec(&timeout);
        let waited = self.io().submitter().submit_with_args(1, &args);
        match waited.map_err(|error| Errno::from_io_error(&error)) {
            Ok(_) | Err(Some(Errno::INTR)) => true,
            Err(Some(Errno::TIME | Errno::AGAIN | Errno::BUSY)) => false,
            Err(_) => {
                self.is_retired = true;
                true
            }
        }
    }

    /// Returns the maximum number of requests in flight: half of the completion queue. The other
    /// half is for their cancellations, so a cancellation never waits for a request.
    fn room(&mut self) -> usize {
        self.io().params().cq_entries() as usize / 2
    }

    fn is_full(&mut self) -> bool {
        self.in_flight - self.cancelling >= self.room()
    }

    fn is_full_of_cancellations(&mut self) -> bool {
        self.cancelling >= self.room()
    }

    fn fill(&mut self) {
        loop {
            if !self.is_full_of_cancellations()
                && let Some(&slot) = self.unwanted.last()
            {
                let place = self.slots.get(slot);
                let still = place.is_some_and(|place| place.request.is_some());
                let cancel = opcode::AsyncCancel::new(name_of(slot)).build();
                if still {
                    if !self.push(&cancel.user_data(CANCELLATION)) {
                        return;
                    }
                    self.cancelling += 1;
                }
                self.unwanted.pop();
            } else if !self.is_full()
                && let Some(&slot) = self.queued.front()
            {
                let place = &mut self.slots[slot];
                let request = place.request.as_mut().expect("a queued slot is in use");
                let entry = entry(request).user_data(name_of(slot));
                if !self.push(&entry) {
                    return;
                }
                self.queued.pop_front();
                let place = &mut self.slots[slot];
                place.stage = match mem::replace(&mut place.stage, Stage::Orphan) {
                    Stage::Queued(waker) => Stage::Submitted(waker),
                    stage => stage,
                };
            } else {
                return;
            }
        }
    }

    /// Pushes an entry. Returns `false` if the submission queue is full.
    fn push(&mut self, entry: &squeue::Entry) -> bool {
        // SAFETY: the request in the slot owns all that the entry points to. It stays in the slot,
        // or with the thread that takes it over, until the completion comes, or is leaked; and
        // moving a request does not move what it points to.
        let pushed = unsafe { self.io().submission().push(entry) }.is_ok();
        if pushed {
            self.in_flight += 1;
            self.pushed.push(entry.get_user_data());
        }
        pushed
    }

    /// Collects completions and the wakers to wake. Returns the number of completed requests, and
    /// whether the rest of a short write was queued.
    fn reap(&mut self, wakers: &mut Vec<Waker>) -> (usize, bool) {
        let (mut completed, mut goes_on) = (0, false);
        if self.in_flight == 0 {
            return (completed, goes_on);
        }
        loop {
            let next = self.io().completion().next();
            let Some(completion) = next else {
                return (completed, goes_on);
            };
            self.in_flight -= 1;
            let name = completion.user_data();
            if name == CANCELLATION {
                self.cancelling -= 1;
                continue;
            }
            let slot = slot_of(name);
            let result = completion.result();
            let place = &mut self.slots[slot];
            if place.goes_on(result) {
                self.queued.push_back(slot);
                goes_on = true;
                continue;
            }
            completed += 1;
            match mem::replace(&mut place.stage, Stage::Completed(result)) {
                Stage::Submitted(waker) => wakers.extend(waker),
                _ => {
                    // This also closes a file whose open was given up.
                    let request = self.vacate(slot);
                    drop(request.map(|request| outcome(request, result)));
                }
            }
        }
    }

    /// Cancels reads and opens at shutdown, as no future is left to take their results.
    fn give_up_reads(&mut self) {
        for (slot, place) in self.slots.iter() {
            if matches!(
                place.request,
                Some(Request::Read { .. } | Request::Open { .. })
            ) && matches!(place.stage, Stage::Submitted(_) | Stage::Orphan)
            {
                self.unwanted.push(slot);
            }
        }
    }
}
