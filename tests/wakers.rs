//! Wakers on every thread, in every order, after the end of the runtime, and in any number.
#![allow(
    clippy::waker_clone_wake,
    reason = "the reference that a wake by value releases is tested"
)]

#[path = "wakers/after.rs"]
mod after;
#[path = "wakers/identity.rs"]
mod identity;
#[path = "wakers/locals.rs"]
mod locals;
#[path = "wakers/many.rs"]
mod many;
#[path = "wakers/reentry.rs"]
mod reentry;
#[path = "support/mod.rs"]
mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicIsize, AtomicPtr, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use support::{Counting, Ledger, OnDrop, my_waker, poll_once, spin_until, until, yield_until};
use wakeful::task::yield_now;
use wakeful::{Runtime, block_on, spawn};

/// Counts the live allocations of each number of KiB, so that a test can see its task's memory.
struct ByKib;

static LIVING: [AtomicIsize; 32] = [const { AtomicIsize::new(0) }; 32];

fn note(size: usize, change: isize) {
    if let Some(count) = LIVING.get(size / 1024) {
        count.fetch_add(change, Ordering::SeqCst);
    }
}

// SAFETY: passes all calls to the system's allocator, and counts them.
unsafe impl GlobalAlloc for ByKib {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size(), 1);
        // SAFETY: the caller's contract is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        note(layout.size(), -1);
        // SAFETY: the caller's contract is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: ByKib = ByKib;

/// Returns the number of tasks whose memory has that many KiB, a size that no other allocation has.
fn living<const KIB: usize>() -> isize {
    LIVING[KIB].load(Ordering::SeqCst)
}

/// Spawns a task of a certain size that waits forever, and returns a waker of it.
fn waker_of_large<const KIB: usize>(runtime: &Runtime, ledger: &Ledger) -> Waker {
    struct Large<const KIB: usize>(
        #[allow(dead_code, reason = "only its size matters")] [[u8; 1024]; KIB],
    );
    let (send, wakers) = channel();
    let guard = ledger.guard();
    let body = Large([[1; 1024]; KIB]);
    runtime.spawn(poll_fn(move |cx| -> Poll<()> {
        let _keep = (&guard, &body);
        // From the second poll on, the receiver may be dropped.
        let _ = send.send(cx.waker().clone());
        Poll::Pending
    }));
    runtime.block_on(yield_now());
    wakers.recv().unwrap()
}

#[test]
fn a_future_that_overwrites_its_context_gets_a_new_one_at_the_next_poll() {
    let poll = || {
        let mut mine: Option<Waker> = None;
        poll_fn(move |cx: &mut Context<'_>| match &mine {
            None => {
                mine = Some(cx.waker().clone());
                cx.waker().wake_by_ref();
                *cx = Context::from_waker(Waker::noop());
                Poll::Pending
            }
            Some(mine) => Poll::Ready(cx.waker().will_wake(mine)),
        })
    };
    block_on(async {
        assert!(spawn(poll()).await.unwrap());
    });
    assert!(block_on(poll()));
}
