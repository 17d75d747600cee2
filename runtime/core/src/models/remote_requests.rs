//! Model of the requests to one task: no request is lost, and the owner sees what a sender did
//! before its request.

use loom::sync::Arc;
use loom::sync::atomic::AtomicUsize;
use loom::thread;

use super::model;
use crate::primitives::Queue;
use crate::primitives::atomic::{AtomicU8, Ordering};
use crate::task::remote_requests::{ABORT, RemoteRequests, WAKE};

pub(super) trait Requests: Send + Sync + 'static {
    fn set(&self, request: u8) -> bool;
    fn take(&self) -> u8;
}

impl Requests for RemoteRequests {
    fn set(&self, request: u8) -> bool {
        self.set(request)
    }
    fn take(&self) -> u8 {
        self.take()
    }
}

/// Clears the requests in two steps, a load and a store.
pub(super) struct TakesInTwoSteps(pub(super) AtomicU8);

impl Requests for TakesInTwoSteps {
    fn set(&self, request: u8) -> bool {
        self.0.fetch_or(request, Ordering::AcqRel) == 0
    }
    fn take(&self) -> u8 {
        let requests = self.0.load(Ordering::Acquire);
        self.0.store(0, Ordering::Release);
        requests
    }
}

/// Does not order what the sender did before its request.
struct SetsRelaxed(AtomicU8);

impl Requests for SetsRelaxed {
    fn set(&self, request: u8) -> bool {
        self.0.fetch_or(request, Ordering::Relaxed) == 0
    }
    fn take(&self) -> u8 {
        self.0.swap(0, Ordering::AcqRel)
    }
}

struct World<M> {
    remote_requests: M,
    sent: Queue<()>,
    done: [AtomicUsize; 2],
}

/// Takes the requests once for each message in the queue.
fn receive<M: Requests>(world: &World<M>) -> u8 {
    let mut requests = 0;
    while world.sent.pop().is_some() {
        requests |= world.remote_requests.take();
        for (bit, done) in [WAKE, ABORT].iter().zip(&world.done) {
            let seen = requests & bit == 0 || done.load(Ordering::Relaxed) == 1;
            assert!(
                seen,
                "a request was seen before the writes that preceded it"
            );
        }
    }
    requests
}

fn two_senders<M: Requests>(remote_requests: M) {
    let world = Arc::new(World {
        remote_requests,
        sent: Queue::new(),
        done: [AtomicUsize::new(0), AtomicUsize::new(0)],
    });
    let senders = [(WAKE, 0), (ABORT, 1)].map(|(bit, place)| {
        let world = world.clone();
        thread::spawn(move || {
            world.done[place].store(1, Ordering::Relaxed);
            if world.remote_requests.set(bit) {
                world.sent.push(());
            }
        })
    });
    let mut requests = receive(&world);
    requests |= receive(&world);
    for sender in senders {
        sender.join().unwrap();
    }
    requests |= receive(&world);
    assert_eq!(requests, WAKE | ABORT, "a request was lost");
}

#[test]
fn no_request_is_lost() {
    model(|| two_senders(RemoteRequests::new()));
}

#[test]
#[should_panic(expected = "a request was lost")]
fn without_one_step_for_the_take() {
    model(|| two_senders(TakesInTwoSteps(AtomicU8::new(0))));
}

#[test]
#[cfg_attr(shuttle, ignore = "fails only in a weaker memory model than shuttle's")]
#[should_panic(expected = "a request was seen before the writes that preceded it")]
fn without_the_order_of_requests() {
    model(|| two_senders(SetsRelaxed(AtomicU8::new(0))));
}
