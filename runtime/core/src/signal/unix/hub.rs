//! The signals of one runtime: one descriptor that the handlers write to, and the listeners.
//!
//! A handler adds 1 to the count of its signal and writes to the descriptor, an eventfd, or a pipe
//! where there is none. The reactor wakes the hub's own waker, which compares each count with the
//! one that was delivered before, and wakes the listeners of the signals whose counts differ.
//!
//! **Signals are delivered by the reactor, and a listener sees only what was delivered.** It
//! compares that with what had been delivered when it last looked, or when it was made. So a
//! listener that is made after a signal came, but before the loop delivers it, hears it: `loop {
//! select! { ctrl_c(), .. } }`, which makes a listener a round, loses no signal that comes between
//! two rounds. And one that is made after another listener has heard a signal does not hear it
//! again.
//!
//! **A forked child has its own signals.** It has a copy of the counts, but shares the descriptor
//! with its parent, as well as the epoll. So a handler does nothing in another process than the one
//! that the hub belongs to: the one that last made a listener, or began to wait for one.

use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;
use std::os::raw::c_int;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use rustix::process::getpid;
use signal_hook_registry::SigId;

use crate::reactor::{Async, Reactor, current};
use crate::task::waker_set::WakerSet;
use crate::unwind::catch_panic;

thread_local! {
    /// The hubs of this thread's runtimes: from the first listener of a runtime to the runtime's
    /// end.
    static HUBS: RefCell<Vec<Rc<Hub>>> = const { RefCell::new(Vec::new()) };
}

/// The part that the owner thread has.
pub(super) struct Hub {
    number: u64,
    reactor: Rc<Reactor>,
    event: Async<Arc<OwnedFd>>,
    /// Stored at the descriptor's source whenever the hub is not delivering.
    waker: Waker,
    handler: Arc<Handler>,
    kinds: RefCell<Vec<Kind>>,
}

// Wakers, the only user code, run with nothing borrowed, and their panics end in here.
impl UnwindSafe for Hub {}
impl RefUnwindSafe for Hub {}

/// One kind of signal: from its first listener to the end of the hub.
struct Kind {
    number: c_int,
    id: SigId,
    /// How many came.
    count: Arc<AtomicUsize>,
    /// What `count` was when the loop last looked at it.
    delivered: usize,
    listeners: WakerSet,
}

/// The part that the signal handlers have.
struct Handler {
    /// The process that the hub belongs to.
    process: AtomicI32,
    event: Arc<OwnedFd>,
}

impl Handler {
    /// Runs in a signal handler: a syscall without side effects, atomics, and one write to a
    /// nonblocking descriptor. The write can only fail when the descriptor is full, that is
    /// readable.
    fn raise(&self, count: &AtomicUsize) {
        if self.process.load(Ordering::Relaxed) != this_process() {
            return;
        }
        count.fetch_add(1, Ordering::Release);
        let _ = rustix::io::write(&self.event, &1_u64.to_ne_bytes());
    }

    /// Makes this process the one that the hub belongs to. After a fork it may be another one: a
    /// daemon goes on in the child with the runtime that the parent made.
    fn adopt(&self) {
        self.process.store(this_process(), Ordering::Relaxed);
    }
}

fn this_process() -> i32 {
    getpid().as_raw_nonzero().get()
}

/// What the reactor wakes: the hub of that number, on its own thread. On any other there is none.
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
        let (read, write) = ends()?;
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        Ok(Hub {
            number,
            reactor,
            event: Async::new_nonblocking(read)?,
            waker: Arc::new(Deliver(number)).into(),
            handler: Arc::new(Handler {
                process: AtomicI32::new(this_process()),
                event: write,
            }),
            kinds: RefCell::default(),
        })
    }

    /// The hub of that reactor.
    fn known(reactor: &Rc<Reactor>) -> io::Result<Option<Rc<Hub>>> {
        let find = |hubs: &RefCell<Vec<Rc<Hub>>>| {
            let hubs = hubs.borrow();
            let is_it = |hub: &&Rc<Hub>| Rc::ptr_eq(&hub.reactor, reactor);
            hubs.iter().find(is_it).cloned()
        };
        HUBS.try_with(find)
            .map_err(|_| io::Error::other("can't listen for a signal on a thread that is ending"))
    }

    /// Makes a listener, at the runtime of this thread.
    #[track_caller]
    pub(super) fn listen(number: c_int) -> io::Result<Listener> {
        let reactor = current::with(Rc::clone);
        if reactor.is_shut_down() {
            return Err(io::Error::other(
                "can't listen for a signal: the runtime has ended",
            ));
        }
        if let Some(hub) = Hub::known(&reactor)? {
            return hub.listener(number);
        }
        let hub = Rc::new(Hub::new(reactor)?);
        // With the feature `console` a subscriber has been called, which may have made a listener.
        if let Some(hub) = Hub::known(&hub.reactor)? {
            return hub.listener(number);
        }
        // A hub without any signal is not kept.
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
        // SAFETY: what runs in the handler is `Handler::raise`, which is async-signal-safe, without
        // a lock, an allocation or a panic; the closure owns what it uses. The registry keeps
        // `errno` as it was.
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

    /// Empties the descriptor, and leaves the waker for the next write to it.
    fn arm(&self) {
        let mut cx = Context::from_waker(&self.waker);
        while let Poll::Ready(Ok(())) = self.event.poll_readable(&mut cx) {
            match self.event.try_read_with(empty) {
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return,
                _ => {}
            }
        }
    }

    /// Wakes the listeners of what has come since the last time, or all at the end of the runtime.
    fn deliver(self: &Rc<Hub>) {
        let over = self.reactor.is_shut_down();
        if over {
            let forget = |hubs: &RefCell<Vec<Rc<Hub>>>| {
                hubs.borrow_mut().retain(|hub| !Rc::ptr_eq(hub, self));
            };
            // A thread that is ending has none.
            let _ = HUBS.try_with(forget);
        } else {
            // Before the counts are read: a write that comes after this wakes once more.
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

/// One listener of one kind of signal.
pub(super) struct Listener {
    hub: Rc<Hub>,
    kind: usize,
    place: usize,
    /// What had been delivered when it last looked.
    seen: usize,
}

impl Listener {
    /// Whether a signal was delivered since the last look.
    fn look(&mut self, kind: &Kind) -> bool {
        let before = self.seen;
        self.seen = kind.delivered;
        self.seen != before
    }

    /// Polls for a signal: `None` if the runtime has ended.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<()>> {
        let hub = self.hub.clone();
        let known = {
            let kind = &hub.kinds.borrow()[self.kind];
            if self.look(kind) {
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
        // Cloning a waker may run anything, also a turn of the loop. So look once more after it.
        let waker = cx.waker().clone();
        let mut kinds = hub.kinds.borrow_mut();
        let kind = &mut kinds[self.kind];
        if kind.delivered != self.seen || hub.reactor.is_shut_down() {
            drop(kinds);
            // Before the signal counts as seen: if this panics, the next poll tells of it.
            drop(waker);
            let heard = self.look(&hub.kinds.borrow()[self.kind]);
            return Poll::Ready(heard.then_some(()));
        }
        let old = kind.listeners.set(self.place, Some(waker));
        drop(kinds);
        drop(old);
        Poll::Pending
    }

    /// Forgets the waker.
    pub(super) fn forget(&mut self) {
        let waker = {
            let mut kinds = self.hub.kinds.borrow_mut();
            kinds[self.kind].listeners.set(self.place, None)
        };
        drop(waker);
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let waker = {
            let mut kinds = self.hub.kinds.borrow_mut();
            kinds[self.kind].listeners.remove(self.place)
        };
        drop(waker);
    }
}

/// Takes what was written. A pipe may hold more than one read gives, so this is done until it is
/// empty.
fn empty(event: &Arc<OwnedFd>) -> io::Result<()> {
    let mut bytes = [0; 64];
    rustix::io::read(event, &mut bytes)?;
    Ok(())
}

/// What the loop reads and what the handlers write: the same descriptor where there is an eventfd.
#[cfg(target_os = "linux")]
fn ends() -> io::Result<(Arc<OwnedFd>, Arc<OwnedFd>)> {
    use rustix::event::{EventfdFlags, eventfd};
    let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
    let both = Arc::new(eventfd(0, flags)?);
    Ok((both.clone(), both))
}

#[cfg(not(target_os = "linux"))]
fn ends() -> io::Result<(Arc<OwnedFd>, Arc<OwnedFd>)> {
    let (read, write) = io::pipe()?;
    let (read, write) = (OwnedFd::from(read), OwnedFd::from(write));
    rustix::io::ioctl_fionbio(&read, true)?;
    rustix::io::ioctl_fionbio(&write, true)?;
    Ok((Arc::new(read), Arc::new(write)))
}
