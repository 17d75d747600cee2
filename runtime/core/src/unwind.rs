//! Catching panics of user code.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Calls `f`, which is or calls user code, and catches its panic. `None`: it panicked. The panic
/// hook has reported the panic.
///
/// The drop of the payload is user code as well, and may panic in turn. So every panic is caught
/// here whose payload is not passed on.
pub(crate) fn caught<R>(f: impl FnOnce() -> R) -> Option<R> {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(result) => Some(result),
        Err(payload) => {
            if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
                // The drop of the second payload may panic, and so on, so it is leaked.
                mem::forget(second);
            }
            None
        }
    }
}

/// Calls `f`, which has no result, and catches its panic.
pub(crate) fn catch_panic(f: impl FnOnce()) {
    caught(f);
}

/// Calls `step` until it returns `false`. If a step panics, the panic is caught, and the next step
/// follows.
///
/// There is one `catch_unwind` for all steps up to a panic, so a step costs no more than a call.
pub(crate) fn catch_each(mut step: impl FnMut() -> bool) {
    while caught(|| while step() {}).is_none() {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_whose_drop_panics_is_caught() {
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
