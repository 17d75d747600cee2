//! Where panics of user code end.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Calls `f`, which is user code or calls it. A panic ends here; the panic hook has reported it.
/// `None`: it panicked.
///
/// The payload is the user's as well, so its drop may panic in turn. Every place that catches a
/// panic and has no one to hand the payload to has to go through here.
pub(crate) fn caught<R>(f: impl FnOnce() -> R) -> Option<R> {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(result) => Some(result),
        Err(payload) => {
            if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
                // The drop of what this one carries may panic without end, so it is leaked.
                mem::forget(second);
            }
            None
        }
    }
}

/// The same where there is no result.
pub(crate) fn catch_panic(f: impl FnOnce()) {
    caught(f);
}

/// Calls `step` until it returns `false`. A panic ends one step, and the next one follows.
///
/// A panic is caught once for all steps, not once for each, so a step costs no more than a call.
pub(crate) fn catch_each(mut step: impl FnMut() -> bool) {
    while caught(|| while step() {}).is_none() {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_whose_drop_panics_ends_here() {
        struct Bad;
        impl Drop for Bad {
            fn drop(&mut self) {
                std::panic::panic_any(1);
            }
        }
        assert_eq!(caught(|| std::panic::panic_any(Bad)), None::<()>);
        assert_eq!(caught(|| 7), Some(7));
    }

    #[test]
    fn a_step_that_panics_is_followed_by_the_next() {
        let mut steps = Vec::new();
        catch_each(|| {
            steps.push(steps.len());
            assert!(steps.len() != 2, "the second");
            steps.len() < 4
        });
        assert_eq!(steps, [0, 1, 2, 3]);
    }
}
