//! Children whose owner does not wait for them. They must be reaped, or they stay as zombies.

use std::future::poll_fn;
use std::panic::Location;
use std::process::Child;
use std::sync::{Mutex, PoisonError};

use super::exit::{Exit, ended};
use crate::executor;

/// Children that no runtime waits for.
static UNWATCHED: Mutex<Vec<Child>> = Mutex::new(Vec::new());

/// Takes over a child: a task waits for it if there is a loop on this thread.
pub(super) fn adopt(mut child: Child) {
    if has_ended(&mut child) {
        return;
    }
    let orphan = Orphan(Some(child));
    // During shutdown the loop drops the task at once, and the orphan with it.
    executor::current::try_with(|executor| drop(executor.spawn(Location::caller(), orphan.reap())));
    reap_unwatched();
}

/// Reaps the children that have ended and that no runtime waits for.
pub(super) fn reap_unwatched() {
    let mut unwatched = UNWATCHED.lock().unwrap_or_else(PoisonError::into_inner);
    unwatched.retain_mut(|child| !has_ended(child));
}

fn has_ended(child: &mut Child) -> bool {
    // An error means that the child was reaped already.
    !matches!(ended(child), Ok(None))
}

/// Child that a task waits for.
struct Orphan(Option<Child>);

impl Orphan {
    async fn reap(mut self) {
        // Registered again, as the owner may belong to another loop. Without a descriptor the child
        // goes to the list.
        let Some(child) = &mut self.0 else { return };
        let Ok(mut exit) = Exit::of(child) else {
            return;
        };
        let gone = poll_fn(|cx| exit.poll(cx, child)).await;
        if gone.is_ok() {
            self.0 = None;
        }
    }
}

impl Drop for Orphan {
    fn drop(&mut self) {
        let Some(mut child) = self.0.take() else {
            return;
        };
        if !has_ended(&mut child) {
            let mut unwatched = UNWATCHED.lock().unwrap_or_else(PoisonError::into_inner);
            unwatched.push(child);
        }
    }
}
