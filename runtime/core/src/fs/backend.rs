//! Which way file operations go: chosen once for each runtime, here.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::Duration;

use super::ring::Ring;
use crate::context::{self, Part, Place};
use crate::task::NO_RUNTIME;

/// How file operations are carried out. Set by [`Builder::fs_backend`](crate::Builder::fs_backend).
///
/// Both ways give the same behaviour; they differ in cost. Opening, reading, writing and syncing go
/// through the ring; what concerns names and directories goes to the pool in any case.
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
    /// The ring if the crate was built with the feature `io-uring` and the kernel gives one, else
    /// the pool. Which it is shows at the first use; see [`backend`].
    #[default]
    Auto,
    /// A completion ring (`io_uring`): Linux, 5.11 and newer, with the feature `io-uring`. Making
    /// the runtime fails if there is none.
    Ring,
    /// The blocking pool, as for [`spawn_blocking`](crate::spawn_blocking).
    Pool,
}

/// The file operations of one runtime.
pub(crate) struct Files {
    choice: Cell<Backend>,
    ring: RefCell<Option<Rc<Ring>>>,
    waker: Waker,
}

// SAFETY: no other type has this place.
unsafe impl Part for Files {
    const PLACE: Place = Place::Files;
}

/// Completions have come. The reactor wakes this one, in a turn of the loop.
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

    /// Makes what was asked for explicitly. Inside the runtime.
    ///
    /// # Errors
    ///
    /// If there is to be a ring, and the system has none.
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

    /// The ring, made at the first use; `None`: the pool is to be used.
    fn ring(&self) -> Option<Rc<Ring>> {
        if let Some(ring) = self.made() {
            return Some(ring);
        }
        if self.choice.get() == Backend::Auto {
            match self.make_ring() {
                Ok(ring) => return Some(ring),
                // Not asked again: what refused once will do so each time.
                Err(_) => self.choice.set(Backend::Pool),
            }
        }
        None
    }

    /// Submits what was asked for and takes in what has completed. `true`: something has, or there
    /// is more to submit.
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

    /// Whether a waker is the one for the completions.
    pub(crate) fn is_own(&self, waker: &Waker) -> bool {
        self.waker.will_wake(waker)
    }

    /// Has everything that was asked of the ring completed?
    pub(crate) fn is_idle(&self) -> bool {
        self.ring
            .borrow()
            .as_ref()
            .is_none_or(|ring| ring.is_idle())
    }

    /// Waits for what the ring has in flight, at most for `patience`. Returns how many operations
    /// go on by themselves.
    pub(crate) fn shut_down(&self, patience: Duration) -> usize {
        self.choice.set(Backend::Pool);
        let ring = self.ring.take();
        ring.map_or(0, |ring| ring.shut_down(patience))
    }
}

/// The ring of this thread's runtime; `None`: the pool is to be used.
#[track_caller]
pub(super) fn ring() -> Option<Rc<Ring>> {
    match context::with(Files::ring) {
        Some(ring) => ring,
        None => panic!("{NO_RUNTIME}"),
    }
}

/// The way that file operations of this thread's runtime go: [`Backend::Ring`] or
/// [`Backend::Pool`], never `Auto`.
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
