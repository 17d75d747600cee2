//! The caller's end of one request.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use super::entry::outcome;
use super::{Ring, Stage};
use crate::fs::error::lost;
use crate::fs::request::{Ended, Outcome};
use crate::slab::Key;
use crate::task::oneshot::Receiver;

/// Handle to the result of one request.
pub(in crate::fs) struct Ticket {
    pub(super) ring: Rc<Ring>,
    pub(super) slot: Key,
    pub(super) taken: bool,
    /// Set once a thread delivers the result.
    pub(super) handed_over: Option<Receiver<Outcome>>,
}

impl Ticket {
    pub(in crate::fs) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Ended> {
        assert!(!self.taken, "a file operation was polled after it ended");
        if self.handed_over.is_none() {
            let mut inner = self.ring.inner.borrow_mut();
            let stage = &mut inner.slots[self.slot].stage;
            if let Stage::Completed(result) = stage {
                let result = *result;
                let request = inner.vacate(self.slot).expect("the slot is in use");
                self.taken = true;
                let (result, request) = outcome(request, result);
                return Poll::Ready((result, Some(request)));
            }
            if matches!(stage, Stage::HandedOver(_))
                && let Stage::HandedOver(receiver) = mem::replace(stage, Stage::Orphan)
            {
                self.handed_over = Some(receiver);
            }
        }
        if let Some(receiver) = &mut self.handed_over {
            let ended = ready!(Pin::new(receiver).poll(cx));
            self.taken = true;
            return Poll::Ready(match ended {
                Ok((result, request)) => (result, Some(request)),
                Err(missing) => (Err(lost(missing)), None),
            });
        }
        let waits_for_this = match &self.ring.inner.borrow().slots[self.slot].stage {
            Stage::Queued(Some(known)) | Stage::Submitted(Some(known)) => {
                known.will_wake(cx.waker())
            }
            _ => false,
        };
        if waits_for_this {
            return Poll::Pending;
        }
        // Cloning a foreign waker runs user code, so nothing of the ring is borrowed here.
        let new = cx.waker().clone();
        let mut inner = self.ring.inner.borrow_mut();
        let place = &mut inner.slots[self.slot];
        let old = match &mut place.stage {
            Stage::Queued(waker) | Stage::Submitted(waker) => waker.replace(new),
            // Cloning the waker has run the loop, or ended the runtime. The clone is dropped before
            // the result is taken out: if its drop panics, the result stays.
            Stage::Completed(_) | Stage::HandedOver(_) => {
                drop(inner);
                drop(new);
                return self.poll(cx);
            }
            Stage::Orphan => unreachable!("an operation with a ticket is not an orphan"),
        };
        drop(inner);
        // Dropping a foreign waker runs user code, so nothing is borrowed here.
        drop(old);
        Poll::Pending
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.taken || self.handed_over.is_some() {
            return;
        }
        let mut inner = self.ring.inner.borrow_mut();
        let place = &mut inner.slots[self.slot];
        let detached = place.detached;
        let stage = mem::replace(&mut place.stage, Stage::Orphan);
        let mut request = None;
        match &stage {
            Stage::Queued(_) if detached => {}
            Stage::Queued(_) => {
                inner.queued.retain(|slot| *slot != self.slot);
                request = inner.vacate(self.slot);
                self.ring.open.set(self.ring.open.get() - 1);
            }
            Stage::Submitted(_) if detached => {}
            Stage::Submitted(_) => {
                inner.unwanted.push(self.slot);
                self.ring.source.source().notify_host();
            }
            Stage::Completed(result) => {
                let result = *result;
                let done = inner.vacate(self.slot);
                drop(done.map(|request| outcome(request, result)));
            }
            Stage::HandedOver(_) => {}
            Stage::Orphan => unreachable!("an operation with a ticket is not an orphan"),
        }
        drop(inner);
        drop((stage, request));
    }
}
