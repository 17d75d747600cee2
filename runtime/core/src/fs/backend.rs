//! Choice between the ring and the pool, made once for each runtime.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::Duration;

use super::ring::Ring;
use crate::context::{self, Part, Place};
use crate::task::NO_RUNTIME;

/// Backend of file operations, set by [`Builder::fs_backend`](crate::Builder::fs_backend).
///
/// Both backends behave the same; they differ in cost. Opening, reading, writing and syncing go
/// through the ring. Operations on names and directories always go to the pool.
///
/// ```
/// use wakeful::fs;
///
/// # fn main() -> std::io::Result<()> {
/// let runtime = wakeful::Builder::new().fs_backend(fs::Backend::Pool).build()?;
/// runtime.block_on(async {
///     assert_eq!(fs::backend(), fs::Backend::Pool);
/// });
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Backend {
    /// The ring if the crate was built with the feature `io-uring` and the kernel provides one,
    /// else the pool. The choice is made at the first file operation; [`backend`] returns it. If
    /// the process installs a filter later that refuses the ring's calls, the pool takes over.
    #[default]
    Auto,
    /// A completion ring (`io_uring`): Linux, 5.11 and newer, on x86_64, aarch64, riscv64,
    /// loongarch64 or powerpc64, with the feature `io-uring`. Building the runtime fails if there
    /// is no ring.
    Ring,
    /// The blocking pool, as for [`spawn_blocking`](crate::spawn_blocking).
    Pool,
}

/// File backend of one runtime: the choice, and the ring once it is made.
pub(crate) struct Files {
    choice: Cell<Backend>,
    ring: RefCell<Option<Rc<Ring>>>,
    waker: Waker,
}

// SAFETY: no other type has this `Place`.
unsafe impl Part for Files {
    const PLACE: Place = Place::Files;
}

/// Waker of the ring: the reactor wakes it in a turn of the loop when there are completions.
struct Completions;

impl Wake for Completions {
    fn wake(self: Arc<Self>) {
        context::with(|files: &Files| {
            if let Some(ring) = files.made() {
                ring.reap();
                ring.listen(&files.waker);
            }
        });
    }
}

impl Files {
    pub(crate) fn new(choice: Backend) -> Files {
        Files {
            choice: Cell::new(choice),
            ring: RefCell::new(None),
            waker: Waker::from(Arc::new(Completions)),
        }
    }

    /// Makes the ring if [`Backend::Ring`] was chosen. Must be called inside the runtime.
    ///
    /// # Errors
    ///
    /// Returns an error if a ring was chosen and the system has none.
    pub(crate) fn prepare(&self) -> io::Result<()> {
        match self.choice.get() {
            Backend::Ring => self.make_ring().map(drop),
            Backend::Auto | Backend::Pool => Ok(()),
        }
    }

    fn made(&self) -> Option<Rc<Ring>> {
        self.ring.borrow().clone()
    }

    fn make_ring(&self) -> io::Result<Rc<Ring>> {
        let ring = Rc::new(Ring::new()?);
        ring.listen(&self.waker);
        *self.ring.borrow_mut() = Some(ring.clone());
        Ok(ring)
    }

    /// Returns the ring and makes it at the first use; `None` if the pool is the backend.
    fn ring(&self) -> Option<Rc<Ring>> {
        if let Some(ring) = self.made() {
            return (!ring.is_retired()).then_some(ring);
        }
        if self.choice.get() == Backend::Auto {
            match self.make_ring() {
                Ok(ring) => return Some(ring),
                // The kernel would refuse again, so it is not asked again.
                Err(_) => self.choice.set(Backend::Pool),
            }
        }
        None
    }

    /// Submits queued requests and collects completions. Returns whether a request has completed or
    /// more can be submitted.
    #[inline]
    pub(crate) fn flush(&self) -> bool {
        let Ok(ring) = self.ring.try_borrow() else {
            return false;
        };
        match &*ring {
            Some(ring) if !ring.is_idle() => {
                let ring = ring.clone();
                ring.flush()
            }
            _ => false,
        }
    }

    /// Whether all requests of the ring have completed.
    pub(crate) fn is_idle(&self) -> bool {
        self.ring
            .borrow()
            .as_ref()
            .is_none_or(|ring| ring.is_idle())
    }

    /// Waits at most `patience` for the requests that the ring has in flight. Returns the number of
    /// operations that continue on a thread.
    pub(crate) fn shut_down(&self, patience: Duration) -> usize {
        self.choice.set(Backend::Pool);
        let ring = self.ring.take();
        ring.map_or(0, |ring| ring.shut_down(patience))
    }
}

/// Returns the ring of this thread's runtime; `None` if the pool is the backend.
#[track_caller]
pub(super) fn ring() -> Option<Rc<Ring>> {
    match context::with(Files::ring) {
        Some(ring) => ring,
        None => panic!("{NO_RUNTIME}"),
    }
}

/// Returns the backend of this thread's runtime: [`Backend::Ring`] or [`Backend::Pool`], never
/// `Auto`.
///
/// # Panics
///
/// Outside a runtime.
///
/// ```
/// wakeful::block_on(async {
///     println!("files go through: {:?}", wakeful::fs::backend());
/// });
/// ```
#[track_caller]
pub fn backend() -> Backend {
    match ring() {
        Some(_) => Backend::Ring,
        None => Backend::Pool,
    }
}
