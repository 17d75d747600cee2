//! Context of the calling thread: the runtime that it is in, whose parts are found by their types.
//!
//! A thread has a stack of scopes. A scope ends by removing itself from the stack, wherever it is
//! in there: a guard may be dropped out of order or be forgotten, and a stackful coroutine may
//! suspend inside of a scope and end it inside of another one. Readers find the innermost scope
//! that has not ended.
//!
//! **No pointer here can dangle.** The stack holds plain pointers, and for each of them the scope's
//! [`Entered`] holds a count of the context, which is dropped after the pointer was removed. An
//! `Entered` that is forgotten never drops its count. None of the thread-locals has a destructor,
//! so scopes begin and end as usual while a thread ends. A reader that may run user code holds a
//! count of its own meanwhile.
//!
//! The loop that runs on the thread is recorded separately. It is set once at a time, as a second
//! loop is refused even if the first one is suspended. The other values that scopes restore are not
//! pointers: the units of the budget, the task that work is attributed to, and the class of spawns,
//! which is a queue of the executor that the caller holds a count of. Scopes that end out of order
//! may leave a wrong value for a poll, but never a dangling one.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;
use std::ops::ControlFlow;
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;

use crate::task::attribution::attribute_to;

/// Index of a part in a context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Executor,
    Reactor,
    Blocking,
    Files,
}

/// Part of a runtime that is found through the context.
///
/// # Safety
/// No other type has this place.
pub(crate) unsafe trait Part: 'static {
    const PLACE: Place;
}

/// The wakers that a part of a runtime stores.
pub(crate) trait Wakers {
    /// Calls `f` with each waker, until it breaks. `f` runs no user code.
    fn each(&self, f: &mut dyn FnMut(&Waker) -> ControlFlow<()>) -> ControlFlow<()>;

    /// Returns the address of the part, which identifies it.
    fn address(&self) -> *const ();
}

/// A pending part of another runtime on this thread, which a task of this one has polled.
struct Foreign {
    what: String,
    wakers: Box<dyn Wakers>,
}

/// The parts of one runtime.
pub(crate) struct Context {
    /// The parts, by [`Place`]. `_owners` keeps them alive and at their addresses.
    parts: [NonNull<()>; 4],
    _owners: Box<dyn Any>,
    reactor: *const (),
    /// Pending parts of other runtimes, until a check finds that they store no waker of this one.
    foreign: RefCell<Vec<Foreign>>,
}

impl Context {
    pub(crate) fn new<E, R, B, F>(
        executor: Arc<E>,
        reactor: Rc<R>,
        blocking: Rc<B>,
        files: Rc<F>,
    ) -> Rc<Context>
    where
        E: Part + Send + Sync,
        R: 'static,
        Rc<R>: Part,
        B: Part,
        F: Part,
    {
        const {
            assert!(matches!(E::PLACE, Place::Executor));
            assert!(matches!(<Rc<R>>::PLACE, Place::Reactor));
            assert!(matches!(B::PLACE, Place::Blocking));
            assert!(matches!(F::PLACE, Place::Files));
        }
        fn at<T>(part: &T) -> NonNull<()> {
            NonNull::from(part).cast()
        }
        let address = Rc::as_ptr(&reactor).cast();
        // The part is the `Rc`, as most readers clone it.
        let reactor = Box::new(reactor);
        Rc::new(Context {
            reactor: address,
            parts: [at(&*executor), at(&*reactor), at(&*blocking), at(&*files)],
            _owners: Box::new((executor, reactor, blocking, files)),
            foreign: RefCell::default(),
        })
    }

    /// Whether a task has waited for another runtime on this thread.
    #[inline(always)]
    pub(crate) fn has_foreign(&self) -> bool {
        !self.foreign.borrow().is_empty()
    }

    /// Counts the wakers in parts of other runtimes for which `is_ours` is true. Also describes
    /// what is waited for, including parts with wakers for which `is_ours` is unknown.
    pub(crate) fn waits_for_foreign(
        &self,
        is_ours: impl Fn(&Waker) -> Option<bool>,
    ) -> (u64, String) {
        let mut all = 0;
        let mut what = String::new();
        self.foreign.borrow_mut().retain(|foreign| {
            let mut found = 0;
            let mut known = true;
            let _ = foreign.wakers.each(&mut |waker| {
                let ours = is_ours(waker);
                found += u64::from(ours == Some(true));
                known &= ours.is_some();
                ControlFlow::Continue(())
            });
            let waits = found > 0 || !known;
            if waits {
                what.push_str(if what.is_empty() { "" } else { ", and for " });
                what.push_str(&foreign.what);
            }
            all += found;
            waits
        });
        (all, what)
    }

    /// Returns a part of the runtime.
    #[inline(always)]
    pub(crate) fn part<T: Part>(&self) -> &T {
        // SAFETY: `new` has stored a pointer to a `T` there, as no other type has this place;
        // `_owners` keeps it valid, and it is only ever shared.
        unsafe { self.parts[T::PLACE as usize].cast::<T>().as_ref() }
    }
}

/// A scope. The number distinguishes it from others of the same context.
#[derive(Clone, Copy)]
struct Scope {
    number: u64,
    context: NonNull<Context>,
}

/// The scopes of a thread. A single scope needs no allocation.
struct Scopes {
    entered: u64,
    innermost: Option<Scope>,
    // The scopes around the innermost one. It has no destructor, and is freed when the last scope
    // ends.
    around: ManuallyDrop<Vec<Scope>>,
}

thread_local! {
    /// Context of the innermost scope.
    static CURRENT: Cell<Option<NonNull<Context>>> = const { Cell::new(None) };
    static SCOPES: RefCell<Scopes> = const {
        RefCell::new(Scopes {
            entered: 0,
            innermost: None,
            around: ManuallyDrop::new(Vec::new()),
        })
    };
    /// Context of the loop that runs on this thread. The `Running` of `run` holds a count of it.
    static RUNNING: Cell<Option<NonNull<Context>>> = const { Cell::new(None) };
    /// Address of the reactor of that loop, for comparisons; null if no loop runs.
    static REACTOR: Cell<*const ()> = const { Cell::new(std::ptr::null()) };
}

/// Guard of a scope.
#[must_use = "the scope ends when this is dropped"]
pub(crate) struct Entered {
    number: u64,
    // Dropped after the scope was removed from the stack: fields are dropped after `Entered::drop`.
    _context: Rc<Context>,
}

/// Begins a scope.
pub(crate) fn enter(context: Rc<Context>) -> Entered {
    let pointer = pointer(&context);
    let number = SCOPES.with_borrow_mut(|scopes| {
        scopes.entered += 1;
        let scope = Scope {
            number: scopes.entered,
            context: pointer,
        };
        if let Some(outer) = scopes.innermost.replace(scope) {
            scopes.around.push(outer);
        }
        scopes.entered
    });
    CURRENT.set(Some(pointer));
    Entered {
        number,
        _context: context,
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        SCOPES.with_borrow_mut(|scopes| {
            if scopes.innermost.is_some_and(|it| it.number == self.number) {
                scopes.innermost = scopes.around.pop();
                CURRENT.set(scopes.innermost.map(|it| it.context));
            } else {
                // The scope ends out of order.
                scopes.around.retain(|it| it.number != self.number);
            }
            if scopes.around.is_empty() && scopes.around.capacity() > 0 {
                drop(ManuallyDrop::into_inner(std::mem::take(&mut scopes.around)));
            }
        });
    }
}

/// Returns the pointer of the `Rc` itself, for counting.
fn pointer(context: &Rc<Context>) -> NonNull<Context> {
    NonNull::new(Rc::as_ptr(context).cast_mut()).expect("an Rc is not null")
}

/// Returns the context of the innermost scope.
#[inline(always)]
pub(crate) fn current() -> Option<Rc<Context>> {
    let context = CURRENT.get()?.as_ptr();
    // SAFETY: the pointer is that of an `Rc`. The scope's `Entered` holds a count of it for as long
    // as the scope is in the stack, and the count is raised for the new one.
    Some(unsafe {
        Rc::increment_strong_count(context);
        Rc::from_raw(context)
    })
}

/// Calls `f` with a part of this thread's runtime, if there is a runtime. `f` may run user code.
#[inline(always)]
pub(crate) fn with<T: Part, R>(f: impl FnOnce(&T) -> R) -> Option<R> {
    Some(f(current()?.part()))
}

/// Calls `f` with a part of this thread's runtime, without a count.
///
/// # Safety
/// `f` runs no user code for as long as it uses the part, unless it keeps the part alive by other
/// means.
#[inline(always)]
pub(crate) unsafe fn peek<T: Part, R>(f: impl FnOnce(&T) -> R) -> Option<R> {
    // SAFETY: as in `current`; only user code could end the scope meanwhile.
    Some(f(unsafe { CURRENT.get()?.as_ref() }.part()))
}

/// Calls `f` as the loop that runs on this thread. `what` is the public function that runs it.
///
/// A loop that a coroutine has suspended still counts as running: it is in the middle of its turn,
/// and no other loop may begin one. So the running loop is never set twice, and the order in which
/// coroutines resume does not matter.
///
/// # Panics
///
/// If a loop runs on this thread already.
#[track_caller]
pub(crate) fn run<R>(what: &str, context: &Rc<Context>, f: impl FnOnce() -> R) -> R {
    struct Running(#[expect(dead_code, reason = "keeps what `RUNNING` points to")] Rc<Context>);
    impl Drop for Running {
        fn drop(&mut self) {
            RUNNING.set(None);
            REACTOR.set(std::ptr::null());
        }
    }
    assert!(
        RUNNING.get().is_none(),
        "`{what}` was called inside a Wakeful runtime: the loop of this thread can't wait for \
         another one. Use `.await`, or `wakeful::spawn` the future, or move the call into \
         `wakeful::spawn_blocking`"
    );
    // Work inside of the loop is not attributed to the task that has called it.
    let _attribution = attribute_to(None);
    let _running = Running(context.clone());
    RUNNING.set(Some(pointer(context)));
    REACTOR.set(context.reactor);
    f()
}

/// Whether the loop of this context runs, which it does on this thread if it does at all.
pub(crate) fn is_running_in(context: &Rc<Context>) -> bool {
    RUNNING.get() == Some(pointer(context))
}

/// Whether a loop runs on this thread.
pub(crate) fn is_running() -> bool {
    RUNNING.get().is_some()
}

/// Calls `f` with the context of the loop that runs on this thread. `f` runs no user code.
#[inline(always)]
fn running<R>(f: impl FnOnce(&Context) -> R) -> Option<R> {
    // SAFETY: `run` holds a count of the context until it has cleared the pointer. The callers in
    // this file run no user code, so `run` does not return meanwhile.
    Some(f(unsafe { RUNNING.get()?.as_ref() }))
}

/// Whether a loop runs on this thread, and the part belongs to another runtime.
#[inline(always)]
pub(crate) fn is_foreign<T: Part>(part: &T) -> bool {
    running(|context| !std::ptr::eq(context.part::<T>(), part)).unwrap_or(false)
}

/// Whether the loop that runs on this thread is that of the part's runtime.
pub(crate) fn is_running_part<T: Part>(part: &T) -> bool {
    running(|context| std::ptr::eq(context.part::<T>(), part)).unwrap_or(false)
}

/// Whether this is the reactor of the loop that runs on this thread.
#[inline(always)]
pub(crate) fn is_running_reactor<R>(reactor: &Rc<R>) -> bool
where
    Rc<R>: Part,
{
    REACTOR.get() == Rc::as_ptr(reactor).cast()
}

/// Records that the loop that runs on this thread, if there is one, waits for a part of another
/// runtime. `what` describes it.
#[cold]
pub(crate) fn note_foreign(what: String, wakers: Box<dyn Wakers>) {
    running(|context| {
        let mut all = context.foreign.borrow_mut();
        all.retain(|before| before.wakers.address() != wakers.address());
        all.push(Foreign { what, wakers });
    });
}
