//! Children whose owner doesn't wait for them: someone must, or they stay behind as zombies.

use std::future::poll_fn;
use std::panic::Location;
use std::process::Child;
use std::sync::{Mutex, PoisonError};

use super::exit::{Exit, ended};
use crate::executor;

/// Those that no runtime waits for.
static FORSAKEN: Mutex<Vec<Child>> = Mutex::new(Vec::new());

/// Waits for the child, by a task if there is a loop on this thread.
pub(super) fn adopt(mut child: Child) {
    if has_ended(&mut child) {
        return;
    }
    let orphan = Orphan(Some(child));
    // A loop that is ending drops the task at once, and with it the orphan.
    executor::current::try_with(|executor| {
        drop(executor.spawn(Location::caller(), orphan.outlive()))
    });
    sweep();
}

/// Looks after those that no runtime waits for.
pub(super) fn sweep() {
    let mut forsaken = FORSAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    forsaken.retain_mut(|child| !has_ended(child));
}

fn has_ended(child: &mut Child) -> bool {
    // An error is that there is no such child any more.
    !matches!(ended(child), Ok(None))
}

/// A child that a task waits for.
struct Orphan(Option<Child>);

impl Orphan {
    async fn outlive(mut self) {
        // Anew, as the owner may have come from another loop. Without a descriptor it is forsaken.
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
            let mut forsaken = FORSAKEN.lock().unwrap_or_else(PoisonError::into_inner);
            forsaken.push(child);
        }
    }
}
