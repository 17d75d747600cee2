//! Which runtime the calling thread is inside of: its parts, each found by its type.
//!
//! A thread has a stack of scopes. A scope ends by taking itself out of the stack, wherever it is by then: a
//! guard may be dropped out of order or be forgotten, and a stackful coroutine may suspend inside of a scope
//! and end it inside of another one. What readers find is the innermost scope that has not ended.
//!
//! **Nothing here can dangle.** The stack holds plain pointers, and for each of them the scope's [`Entered`]
//! holds a count of the context, which is given up after the pointer is gone. An `Entered` that is forgotten
//! never gives it up. None of the thread-locals has a destructor, so scopes begin and end on a thread that
//! winds down as they do before. A reader that may run user code holds a count of its own meanwhile.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;
use std::ops::ControlFlow;
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;

use crate::task::attribution::attribute_to;

/// The places of a context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Executor,
    Reactor,
    Blocking,
    Files,
}

/// A part of a runtime that its thread finds through the context.
///
/// # Safety
/// No other type has this place.
pub(crate) unsafe trait Part: 'static {
    const PLACE: Place;
}

/// Wakers that are kept by a part of a runtime.
pub(crate) trait Wakers {
    /// Calls `f` with each, until it breaks. `f` runs no user code.
    fn each(&self, f: &mut dyn FnMut(&Waker) -> ControlFlow<()>) -> ControlFlow<()>;

    /// Where that part is.
    fn address(&self) -> *const ();
}

/// Something of another runtime of this thread that the loop of this one has polled, and that was pending.
struct Foreign {
    what: String,
    wakers: Box<dyn Wakers>,
}

/// The parts of one runtime.
pub(crate) struct Context {
    /// By their places. They stay where they are for as long as `_owners` keeps them.
    parts: [NonNull<()>; 4],
    _owners: Box<dyn Any>,
    reactor: *const (),
    /// One for each part of another runtime, until a look finds that it keeps no waker of this one.
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
        // Its part is the `Rc`, as most readers want one of their own.
        let reactor = Box::new(reactor);
        Rc::new(Context {
            reactor: address,
            parts: [at(&*executor), at(&*reactor), at(&*blocking), at(&*files)],
            _owners: Box::new((executor, reactor, blocking, files)),
            foreign: RefCell::default(),
        })
    }

    /// Whether the loop has waited for something of another runtime of this thread.
    #[inline(always)]
    pub(crate) fn has_foreign(&self) -> bool {
        !self.foreign.borrow().is_empty()
    }

    /// Counts the wakers that are kept there and that `is_ours`. Says as well what was waited for, also where
    /// there is no telling whose wakers there are.
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

    #[inline(always)]
    pub(crate) fn part<T: Part>(&self) -> &T {
        // SAFETY: `new` has put a pointer to a `T` there, as no other type has this place; `_owners`
        // keeps what it points to, which is only ever shared.
        unsafe { self.parts[T::PLACE as usize].cast::<T>().as_ref() }
    }
}

/// A scope: the number tells it from others of the same context.
#[derive(Clone, Copy)]
struct Scope {
    number: u64,
    context: NonNull<Context>,
}

/// The scopes of a thread, the innermost last. The first one needs no allocation.
struct Scopes {
    entered: u64,
    innermost: Option<Scope>,
    // Without a destructor; it is freed when the last scope ends.
    around: ManuallyDrop<Vec<Scope>>,
}

thread_local! {
    /// That of the innermost scope.
    static CURRENT: Cell<Option<NonNull<Context>>> = const { Cell::new(None) };
    static SCOPES: RefCell<Scopes> = const {
        RefCell::new(Scopes {
            entered: 0,
            innermost: None,
            around: ManuallyDrop::new(Vec::new()),
        })
    };
    /// The one whose loop runs on this thread. It is kept by the `Running` that has set it.
    static RUNNING: Cell<Option<NonNull<Context>>> = const { Cell::new(None) };
    /// The address of its reactor, for a comparison; null: no loop runs.
    static REACTOR: Cell<*const ()> = const { Cell::new(std::ptr::null()) };
}

/// The thread is inside of a context until this is dropped.
#[must_use = "the scope ends when this is dropped"]
pub(crate) struct Entered {
    number: u64,
    // Given up after the scope is gone from the stack: fields are dropped after the drop of the whole.
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
                // Out of order.
                scopes.around.retain(|it| it.number != self.number);
            }
            if scopes.around.is_empty() && scopes.around.capacity() > 0 {
                drop(ManuallyDrop::into_inner(std::mem::take(&mut scopes.around)));
            }
        });
    }
}

/// Made for counting: the pointer of the `Rc` itself.
fn pointer(context: &Rc<Context>) -> NonNull<Context> {
    NonNull::new(Rc::as_ptr(context).cast_mut()).expect("an Rc is not null")
}

/// The context of the innermost scope.
#[inline(always)]
pub(crate) fn current() -> Option<Rc<Context>> {
    let context = CURRENT.get()?.as_ptr();
    // SAFETY: the pointer is that of an `Rc`. The scope's `Entered` holds a count of it for as long as the
    // scope is in the stack, and the count is raised for the new one.
    Some(unsafe {
        Rc::increment_strong_count(context);
        Rc::from_raw(context)
    })
}

/// Calls `f` with a part of this thread's runtime, if there is one. `f` may run user code.
#[inline(always)]
pub(crate) fn with<T: Part, R>(f: impl FnOnce(&T) -> R) -> Option<R> {
    Some(f(current()?.part()))
}

/// The same without a count.
///
/// # Safety
/// `f` runs no user code for as long as it uses the part, unless it keeps the part by other means.
#[inline(always)]
pub(crate) unsafe fn peek<T: Part, R>(f: impl FnOnce(&T) -> R) -> Option<R> {
    // SAFETY: as in `current`; only user code could end the scope meanwhile.
    Some(f(unsafe { CURRENT.get()?.as_ref() }.part()))
}

/// Calls `f`, which is called `what` by the user, as the one loop that runs on this thread.
///
/// A loop that is suspended, by a coroutine that is, still is the one that runs: the thread is in the middle of
/// its turn, and none of the others' may begin. So this is never set twice, and the order in which
/// coroutines go on does not matter.
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
    // What the thread did for another task waits for this loop to return.
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

/// The context of the loop that runs on this thread.
#[inline(always)]
fn running<R>(f: impl FnOnce(&Context) -> R) -> Option<R> {
    // SAFETY: the `Running` that has set the pointer keeps what it points to until it has taken it away, and
    // the callers in this file run no user code, so that does not come in between.
    Some(f(unsafe { RUNNING.get()?.as_ref() }))
}

/// Whether a loop runs on this thread, and the part is not of its runtime.
#[inline(always)]
pub(crate) fn is_foreign<T: Part>(part: &T) -> bool {
    running(|context| !std::ptr::eq(context.part::<T>(), part)).unwrap_or(false)
}

/// Whether this is the reactor of the loop that runs on this thread.
#[inline(always)]
pub(crate) fn is_running_reactor<R>(reactor: &Rc<R>) -> bool
where
    Rc<R>: Part,
{
    REACTOR.get() == Rc::as_ptr(reactor).cast()
}

/// The loop that runs on this thread, if one does, waits for something of another runtime, which `what` names.
#[cold]
pub(crate) fn note_foreign(what: String, wakers: Box<dyn Wakers>) {
    running(|context| {
        let mut all = context.foreign.borrow_mut();
        all.retain(|before| before.wakers.address() != wakers.address());
        all.push(Foreign { what, wakers });
    });
}
