//! In which order the ready tasks of a class run.

use std::fmt;
use std::ptr::NonNull;

use crate::executor::lane::Lane;
use crate::task::Id;
use crate::task::header::TaskPtr;
use crate::task::runnable::Runnable;
use crate::task::state::QUEUED;
use crate::task::waker;

/// Decides which of the ready tasks of a class runs next. Without one it is first come, first
/// served.
///
/// Set it with [`Builder::order`](super::Builder::order) for a class, or with
/// [`wakeful::Builder::order`](crate::Builder::order) for the default class. Both calls come from
/// the loop, between two polls. A panic in them goes through `block_on`.
///
/// Earliest deadline first, for tasks whose deadlines are kept in a table:
///
/// ```
/// use std::cell::RefCell;
/// use std::collections::HashMap;
/// use std::rc::Rc;
/// use wakeful::class::{Class, Order, Ready};
/// use wakeful::task::Id;
///
/// #[derive(Clone, Default)]
/// struct Deadlines(Rc<RefCell<HashMap<Id, u32>>>);
///
/// struct EarliestFirst(Deadlines, Vec<Ready>);
///
/// impl Order for EarliestFirst {
///     fn push(&mut self, task: Ready) {
///         self.1.push(task);
///     }
///     fn pop(&mut self) -> Option<Ready> {
///         let deadlines = self.0.0.borrow();
///         let deadline = |task: &Ready| deadlines.get(&task.id()).copied().unwrap_or(u32::MAX);
///         let (at, _) = self.1.iter().enumerate().min_by_key(|(_, task)| deadline(task))?;
///         Some(self.1.remove(at))
///     }
/// }
///
/// wakeful::block_on(async {
///     let deadlines = Deadlines::default();
///     let class = Class::builder("by deadline")
///         .order(EarliestFirst(deadlines.clone(), Vec::new()))
///         .build()
///         .unwrap();
///     let ran = Rc::new(RefCell::new(Vec::new()));
///     let tasks: Vec<_> = [30, 10, 20]
///         .into_iter()
///         .map(|deadline| {
///             let ran = ran.clone();
///             let task = wakeful::spawn_in(&class, async move { ran.borrow_mut().push(deadline) });
///             deadlines.0.borrow_mut().insert(task.id(), deadline);
///             task
///         })
///         .collect();
///     for task in tasks {
///         task.await.unwrap();
///     }
///     assert_eq!(*ran.borrow(), [10, 20, 30]);
/// });
/// ```
pub trait Order: 'static {
    /// A task has become ready.
    fn push(&mut self, task: Ready);

    /// The one to run next. It may only be `None` when there is none left.
    fn pop(&mut self) -> Option<Ready>;
}

/// A task that is ready to run, in the hands of an [`Order`]. One that is dropped is not lost: it
/// runs after those that became ready before.
pub struct Ready {
    /// Counted. Queued, or the runtime has ended.
    task: TaskPtr,
    lane: NonNull<Lane>,
}

impl Ready {
    /// From the queue of this lane: the task's own, or one that took it over.
    pub(in crate::executor) fn new(task: Runnable, lane: &Lane) -> Ready {
        task.header().refs.clone_here();
        lane.in_order.set(lane.in_order.get() + 1);
        Ready {
            task: task.into_task(),
            lane: NonNull::from(lane),
        }
    }

    /// The task itself, to be run in this lane. `None`: it belongs elsewhere, and has gone there.
    pub(in crate::executor) fn take(self, lane: &Lane) -> Option<Runnable> {
        if self.lane != NonNull::from(lane) {
            return None;
        }
        let this = std::mem::ManuallyDrop::new(self);
        lane.in_order.set(lane.in_order.get() - 1);
        // SAFETY: the reference was counted for this `Ready`; being queued, the task has another. It was
        // a `Runnable`, and the loop takes tasks only while the runtime lives.
        unsafe {
            waker::drop_here(this.task);
            Some(Runnable::new(this.task))
        }
    }

    /// The number of the task; that of the future of `block_on` belongs to no handle.
    pub fn id(&self) -> Id {
        // SAFETY: the reference keeps it.
        unsafe { self.task.as_ref() }.id
    }
}

impl Drop for Ready {
    fn drop(&mut self) {
        // SAFETY: the reference keeps it.
        let header = unsafe { self.task.as_ref() };
        // Once the runtime has ended, nobody runs it any more, and the lane may be gone.
        if !header.refs.is_merged_here() && header.state.is(QUEUED) {
            // SAFETY: not merged, so the executor lives, and its lanes with it.
            let lane = unsafe { self.lane.as_ref() };
            lane.in_order.set(lane.in_order.get() - 1);
            // SAFETY: queued and in no list, as it was popped for this `Ready`.
            lane.queue.push(unsafe { Runnable::new(self.task) });
        }
        // SAFETY: the reference was counted for this. A `Ready` can't leave its thread.
        unsafe { waker::drop_here(self.task) };
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ready").field(&self.id()).finish()
    }
}

/// The newest first. What comes in while the loop is busy may keep older tasks waiting for ever.
#[derive(Debug, Default)]
pub struct LastIn(Vec<Ready>);

impl LastIn {
    /// An empty one.
    pub fn new() -> LastIn {
        LastIn::default()
    }
}

impl Order for LastIn {
    fn push(&mut self, task: Ready) {
        self.0.push(task);
    }

    fn pop(&mut self) -> Option<Ready> {
        self.0.pop()
    }
}

/// Any of those that are ready, by a generator that gives the same for the same seed: for tests
/// that must not depend on the order.
#[derive(Debug)]
pub struct Random {
    ready: Vec<Ready>,
    state: u64,
}

impl Random {
    /// The seed may be any number.
    pub fn new(seed: u64) -> Random {
        Random {
            ready: Vec::new(),
            state: seed,
        }
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }
}

impl Order for Random {
    fn push(&mut self, task: Ready) {
        self.ready.push(task);
    }

    fn pop(&mut self) -> Option<Ready> {
        if self.ready.is_empty() {
            return None;
        }
        let at = self.next() as usize % self.ready.len();
        Some(self.ready.swap_remove(at))
    }
}
