//! Signal hub of one runtime: the descriptor that the handlers write to, and the listeners. The hub
//! lives from the first listener of the runtime to its end.
//!
//! A handler, shared through `signal-hook-registry`, adds 1 to the count of its signal and writes
//! to the descriptor of each hub that listens for it: an eventfd, or a pipe where the system
//! has no eventfds or refuses them. The reactor wakes the hub's waker, which compares each count with the count at the
//! last delivery, and wakes the listeners of the signals whose counts differ. There is no global
//! broadcast, and runtimes can't take each other's signals.
//!
//! **Signals are delivered by the reactor, and a listener sees only what was delivered.** It
//! compares the delivered count with its value at the last poll, or when the listener was made. So
//! a listener that is made after a signal arrived, but before the loop delivers it, receives it:
//! `loop { select! { ctrl_c(), .. } }`, which makes a listener in each iteration, loses no signal
//! between two iterations. And a listener that is made after the delivery of a signal does not
//! receive it.
//!
//! **A forked child has its own signals.** It has a copy of the counts, but shares the descriptor
//! and the epoll instance with its parent. So a handler does nothing outside the process that the
//! hub belongs to: the process that last made a listener, or began to wait for one.

use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::OwnedFd;
use std::os::raw::c_int;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use rustix::process::getpid;
use signal_hook_registry::SigId;

use crate::reactor::{Async, Reactor, current};
use crate::shutdown_error::runtime_ended;
use crate::sys::AtomicU64;
use crate::sys::signal_pipe;
use crate::task::waker_set::WakerSet;
use crate::unwind::catch_panic;

thread_local! {
    /// Hubs of this thread's runtimes.
    static HUBS: RefCell<Vec<Rc<Hub>>> = const { RefCell::new(Vec::new()) };
}

/// Hub of one runtime, on the owner thread.
pub(super) struct Hub {
    number: u64,
    reactor: Rc<Reactor>,
    event: Async<Arc<OwnedFd>>,
    /// Registered at the descriptor's source whenever the hub is not delivering.
    waker: Waker,
    handler: Arc<Handler>,
    kinds: RefCell<Vec<Kind>>,
    /// Number of listeners that have a waker. While there is none, no task waits for the hub's
    /// descriptor.
    waiting: Cell<usize>,
}

// Wakers are the only user code; they run with nothing borrowed, and their panics are caught here.
impl UnwindSafe for Hub {}
impl RefUnwindSafe for Hub {}

/// State of one kind of signal, from its first listener to the end of the hub.
struct Kind {
    number: c_int,
    id: SigId,
    /// Number of signals that the handler counted.
    count: Arc<AtomicUsize>,
    /// Value of `count` at the last delivery.
    delivered: usize,
    listeners: WakerSet,
}

/// Part of the hub that the signal handlers use.
struct Handler {
    /// Id of the process that the hub belongs to.
    process: AtomicI32,
    event: Arc<OwnedFd>,
}

impl Handler {
    /// Runs in a signal handler: a syscall without side effects, atomics, and one write to a
    /// nonblocking descriptor. The write can fail only if the descriptor is full, and then it is
    /// readable.
    fn raise(&self, count: &AtomicUsize) {
        if self.process.load(Ordering::Relaxed) != this_process() {
            return;
        }
        count.fetch_add(1, Ordering::Release);
        let _ = rustix::io::write(&self.event, &1_u64.to_ne_bytes());
    }

    /// Makes the hub belong to this process. That changes after a fork: a daemon continues in the
    /// child with the runtime that the parent made.
    fn adopt(&self) {
        self.process.store(this_process(), Ordering::Relaxed);
    }
}

fn this_process() -> i32 {
    getpid().as_raw_nonzero().get()
}

/// Waker of the hub with that number. On any thread but the owner's there is no such hub.
struct Deliver(u64);

impl Wake for Deliver {
    fn wake(self: Arc<Self>) {
        let find = |hubs: &RefCell<Vec<Rc<Hub>>>| {
            let hubs = hubs.borrow();
            hubs.iter().find(|hub| hub.number == self.0).cloned()
        };
        if let Ok(Some(hub)) = HUBS.try_with(find) {
            hub.deliver();
        }
    }
}

impl Hub {
    fn new(reactor: Rc<Reactor>) -> io::Result<Hub> {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        let (read, write) = signal_pipe()?;
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let event = Async::new_nonblocking(read)?;
        event.source().set_background(true);
        Ok(Hub {
            number,
            reactor,
            event,
            waker: Arc::new(Deliver(number)).into(),
            handler: Arc::new(Handler {
                process: AtomicI32::new(this_process()),
                event: write,
            }),
            kinds: RefCell::default(),
            waiting: Cell::new(0),
        })
    }

    /// Returns the hub of that reactor.
    fn find(reactor: &Rc<Reactor>) -> io::Result<Option<Rc<Hub>>> {
        let find = |hubs: &RefCell<Vec<Rc<Hub>>>| {
            let hubs = hubs.borrow();
            let is_of_reactor = |hub: &&Rc<Hub>| Rc::ptr_eq(&hub.reactor, reactor);
            hubs.iter().find(is_of_reactor).cloned()
        };
        HUBS.try_with(find)
            .map_err(|_| io::Error::other("can't listen for a signal on a thread that is ending"))
    }

    /// Makes a listener in the runtime of this thread.
    #[track_caller]
    pub(super) fn listen(number: c_int) -> io::Result<Listener> {
        let reactor = current::with(Rc::clone);
        if reactor.is_shut_down() {
            return Err(runtime_ended(
                "can't listen for a signal: the runtime has ended",
            ));
        }
        if let Some(hub) = Hub::find(&reactor)? {
            return hub.listener(number);
        }
        let hub = Rc::new(Hub::new(reactor)?);
        // With the feature `console` a subscriber was called, which may have made a listener and
        // its hub.
        if let Some(hub) = Hub::find(&hub.reactor)? {
            return hub.listener(number);
        }
        // The hub is kept only if registering the signal succeeds.
        let listener = hub.clone().listener(number)?;
        HUBS.with_borrow_mut(|hubs| hubs.push(listener.hub.clone()));
        hub.arm();
        Ok(listener)
    }

    fn listener(self: Rc<Hub>, number: c_int) -> io::Result<Listener> {
        self.handler.adopt();
        let mut kinds = self.kinds.borrow_mut();
        let kind = match kinds.iter().position(|kind| kind.number == number) {
            Some(kind) => kind,
            None => {
                kinds.push(self.register(number)?);
                kinds.len() - 1
            }
        };
        let place = kinds[kind].listeners.insert();
        let seen = kinds[kind].delivered;
        drop(kinds);
        Ok(Listener {
            hub: self,
            kind,
            place,
            seen,
        })
    }

    fn register(&self, number: c_int) -> io::Result<Kind> {
        let count = Arc::new(AtomicUsize::new(0));
        let (handler, counted) = (self.handler.clone(), count.clone());
        let action = move || handler.raise(&counted);
        // SAFETY: the handler runs `Handler::raise`, which is async-signal-safe: no lock, no
        // allocation, no panic. The closure owns all that it uses. The registry restores `errno`.
        let id = unsafe { signal_hook_registry::register(number, action) };
        let id = id.map_err(|error| {
            let text = format!("can't listen for signal {number}: {error}");
            io::Error::new(error.kind(), text)
        })?;
        Ok(Kind {
            number,
            id,
            count,
            delivered: 0,
            listeners: WakerSet::default(),
        })
    }

    /// Sets the number of listeners that have a waker.
    fn set_waiting(&self, waiting: usize) {
        self.waiting.set(waiting);
        self.event.source().set_background(waiting == 0);
    }

    /// Sets the waker of a listener. Returns the former one, to be dropped with nothing borrowed.
    fn replace_waker(&self, kind: &mut Kind, place: usize, waker: Option<Waker>) -> Option<Waker> {
        let more = usize::from(waker.is_some());
        let old = kind.listeners.set(place, waker);
        self.set_waiting(self.waiting.get() + more - usize::from(old.is_some()));
        old
    }

    /// Empties the descriptor, and registers the waker for the next write to it.
    fn arm(&self) {
        let mut cx = Context::from_waker(&self.waker);
        while let Poll::Ready(Ok(())) = self.event.poll_readable(&mut cx) {
            match self.event.try_read_with(empty) {
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return,
                _ => {}
            }
        }
    }

    /// Wakes the listeners of signals that arrived since the last delivery, or all listeners at
    /// shutdown.
    fn deliver(self: &Rc<Hub>) {
        let over = self.reactor.is_shut_down();
        if over {
            let forget = |hubs: &RefCell<Vec<Rc<Hub>>>| {
                hubs.borrow_mut().retain(|hub| !Rc::ptr_eq(hub, self));
            };
            // A thread that is ending has no list.
            let _ = HUBS.try_with(forget);
        } else {
            // Armed before the counts are read, so that a later write wakes the hub again.
            self.arm();
        }
        let mut wakers = Vec::new();
        for kind in self.kinds.borrow_mut().iter_mut() {
            let count = kind.count.load(Ordering::Acquire);
            if over || count != kind.delivered {
                kind.delivered = count;
                wakers.extend(kind.listeners.take_all());
            }
        }
        self.set_waiting(self.waiting.get() - wakers.len());
        for waker in wakers {
            catch_panic(|| waker.wake());
        }
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        for kind in self.kinds.get_mut() {
            signal_hook_registry::unregister(kind.id);
        }
    }
}

/// Listener for one kind of signal.
pub(super) struct Listener {
    hub: Rc<Hub>,
    kind: usize,
    place: usize,
    /// Delivered count at the last poll.
    seen: usize,
}

impl Listener {
    /// Whether a signal was delivered since the last call.
    fn take_delivered(&mut self, kind: &Kind) -> bool {
        let before = self.seen;
        self.seen = kind.delivered;
        self.seen != before
    }

    /// Polls for a signal: `None` if the runtime has ended.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<()>> {
        let hub = self.hub.clone();
        let known = {
            let kind = &hub.kinds.borrow()[self.kind];
            if self.take_delivered(kind) {
                return Poll::Ready(Some(()));
            }
            kind.listeners.knows(self.place, cx.waker())
        };
        if hub.reactor.is_shut_down() {
            return Poll::Ready(None);
        }
        if known {
            return Poll::Pending;
        }
        hub.handler.adopt();
        // Cloning a waker may run user code, even a turn of the loop, so check again afterwards.
        let waker = cx.waker().clone();
        let mut kinds = hub.kinds.borrow_mut();
        let kind = &mut kinds[self.kind];
        if kind.delivered != self.seen || hub.reactor.is_shut_down() {
            drop(kinds);
            // Dropped before the signal counts as seen: if this panics, the next poll returns it.
            drop(waker);
            let received = self.take_delivered(&hub.kinds.borrow()[self.kind]);
            return Poll::Ready(received.then_some(()));
        }
        let old = hub.replace_waker(kind, self.place, Some(waker));
        drop(kinds);
        drop(old);
        Poll::Pending
    }

    /// Removes the waker.
    pub(super) fn forget(&mut self) {
        let waker = {
            let mut kinds = self.hub.kinds.borrow_mut();
            self.hub
                .replace_waker(&mut kinds[self.kind], self.place, None)
        };
        drop(waker);
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let waker = {
            let mut kinds = self.hub.kinds.borrow_mut();
            let kind = &mut kinds[self.kind];
            let waker = self.hub.replace_waker(kind, self.place, None);
            kind.listeners.remove(self.place);
            waker
        };
        drop(waker);
    }
}

/// Reads what the handlers wrote. A pipe may hold more than one read takes, so `arm` repeats this
/// until it is empty.
fn empty(event: &Arc<OwnedFd>) -> io::Result<()> {
    let mut bytes = [0; 64];
    rustix::io::read(event, &mut bytes)?;
    Ok(())
}
