//! Locks and an event that every action may use, with a record of who holds them.
//!
//! The record is brought up to date before a guard is dropped and after one was returned, so user
//! code that the lock calls meanwhile finds at most as many holders as there are.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use wakeful::sync::{
    Mutex, Notify, OwnedMutexGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard,
    OwnedSemaphorePermit, RwLock, Semaphore,
};
use wakeful::task::coop::unconstrained;

use super::actions::handles::some_waker;
use super::foreign;
use super::places::Place;
use super::world::{World, drop_quietly, take};

const PERMITS: usize = 3;
const READERS: u32 = 2;
/// At a time.
const WAITING: usize = 8;

/// What a future waits for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum What {
    Permits(u32),
    Mutex,
    Read,
    Write,
    Event,
}

#[allow(dead_code, reason = "held until they are dropped")]
enum Guard {
    Permits(OwnedSemaphorePermit),
    Mutex(OwnedMutexGuard<()>),
    Read(OwnedRwLockReadGuard<()>),
    Write(OwnedRwLockWriteGuard<()>),
}

/// A future that waits for a guard, or for the event. `None`: the semaphore is closed.
struct Waiting {
    what: What,
    future: Pin<Box<dyn Future<Output = Option<Guard>>>>,
    polled: bool,
    /// The foreign waker of the last poll, and its wakes before.
    waker: Option<(Arc<foreign::State>, usize)>,
}

impl Waiting {
    /// Whether it was polled, and surely not woken since.
    fn sleeps(&self) -> bool {
        let woken = |(state, wakes): &(Arc<foreign::State>, usize)| state.wakes() > *wakes;
        self.polled && self.waker.as_ref().is_some_and(|it| !woken(it))
    }

    /// Whether the number of its wakes is known.
    fn is_known(&self) -> bool {
        self.polled && self.waker.is_some()
    }
}

pub struct Locks {
    semaphore: Rc<Semaphore>,
    mutex: Rc<Mutex<()>>,
    rwlock: Rc<RwLock<()>>,
    notify: Rc<Notify>,
    /// Permits that there are, held or not.
    permits: Cell<usize>,
    held: Cell<usize>,
    owners: Cell<usize>,
    readers: Cell<usize>,
    writers: Cell<usize>,
    waiting: RefCell<Vec<Waiting>>,
    guards: RefCell<Vec<Guard>>,
}

fn add(cell: &Cell<usize>, difference: isize) {
    cell.set(cell.get().wrapping_add_signed(difference));
}

impl Locks {
    pub fn new() -> Locks {
        Locks {
            semaphore: Rc::new(Semaphore::new(PERMITS)),
            mutex: Rc::default(),
            rwlock: Rc::new(RwLock::with_max_readers((), READERS)),
            notify: Rc::default(),
            permits: Cell::new(PERMITS),
            held: Cell::new(0),
            owners: Cell::new(0),
            readers: Cell::new(0),
            writers: Cell::new(0),
            waiting: RefCell::default(),
            guards: RefCell::default(),
        }
    }

    fn wait(&self, what: What) -> Waiting {
        let future: Pin<Box<dyn Future<Output = Option<Guard>>>> = match what {
            What::Permits(permits) => {
                let semaphore = self.semaphore.clone();
                Box::pin(async move {
                    let permits = semaphore.acquire_many_owned(permits).await.ok()?;
                    Some(Guard::Permits(permits))
                })
            }
            What::Mutex => {
                let mutex = self.mutex.clone();
                Box::pin(async move { Some(Guard::Mutex(mutex.lock_owned().await)) })
            }
            What::Read => {
                let lock = self.rwlock.clone();
                Box::pin(async move { Some(Guard::Read(lock.read_owned().await)) })
            }
            What::Write => {
                let lock = self.rwlock.clone();
                Box::pin(async move { Some(Guard::Write(lock.write_owned().await)) })
            }
            What::Event => {
                let notified = self.notify.clone().notified_owned();
                Box::pin(async move {
                    notified.await;
                    None
                })
            }
        };
        Waiting {
            what,
            future,
            polled: false,
            waker: None,
        }
    }

    /// Records a guard that a lock has returned. Others must not contradict it.
    fn took(&self, world: &World, guard: Guard) {
        match &guard {
            Guard::Permits(permits) => add(&self.held, permits.num_permits() as isize),
            Guard::Mutex(_) => add(&self.owners, 1),
            Guard::Read(_) => add(&self.readers, 1),
            Guard::Write(_) => add(&self.writers, 1),
        }
        self.check(world);
        self.guards.borrow_mut().push(guard);
    }

    /// Records that a guard is about to be dropped.
    fn gives_back(&self, guard: &Guard) {
        match guard {
            Guard::Permits(permits) => add(&self.held, -(permits.num_permits() as isize)),
            Guard::Mutex(_) => add(&self.owners, -1),
            Guard::Read(_) => add(&self.readers, -1),
            Guard::Write(_) => add(&self.writers, -1),
        }
    }

    fn check(&self, world: &World) {
        let (held, permits) = (self.held.get(), self.permits.get());
        world.check(held <= permits, || {
            format!("{held} permits of {permits} are held")
        });
        let owners = self.owners.get();
        world.check(owners <= 1, || format!("{owners} tasks hold the mutex"));
        let (readers, writers) = (self.readers.get(), self.writers.get());
        let right = writers == 0 && readers <= READERS as usize || writers == 1 && readers == 0;
        world.check(right, || format!("{readers} readers and {writers} writers"));
    }

    /// Lets a guard go, in one of the ways that there are.
    fn release(&self, world: &World, guard: Guard) {
        match guard {
            Guard::Permits(mut permits) if world.dice.one_in(4) => {
                if let Some(one) = permits.split(1) {
                    self.guards.borrow_mut().push(Guard::Permits(one));
                }
                let rest = Guard::Permits(permits);
                self.gives_back(&rest);
                drop(rest);
            }
            Guard::Permits(permits) if world.dice.one_in(8) => {
                add(&self.held, -(permits.num_permits() as isize));
                add(&self.permits, -(permits.num_permits() as isize));
                permits.forget();
            }
            Guard::Write(writer) if world.dice.one_in(2) => {
                add(&self.writers, -1);
                add(&self.readers, 1);
                let reader = writer.downgrade();
                self.check(world);
                self.guards.borrow_mut().push(Guard::Read(reader));
            }
            guard => {
                self.gives_back(&guard);
                drop(guard);
            }
        }
    }

    fn try_one(&self, world: &World) {
        let guard = match world.dice.below(4) {
            0 => {
                let permits = world.dice.below(3) as u32;
                let taken = self.semaphore.clone().try_acquire_many_owned(permits);
                taken.ok().map(Guard::Permits)
            }
            1 => self.mutex.clone().try_lock_owned().ok().map(Guard::Mutex),
            2 => self.rwlock.clone().try_read_owned().ok().map(Guard::Read),
            _ => self.rwlock.clone().try_write_owned().ok().map(Guard::Write),
        };
        if let Some(guard) = guard {
            self.took(world, guard);
        }
    }

    fn begin(&self, world: &World) {
        if self.waiting.borrow().len() < WAITING {
            let what = match world.dice.below(6) {
                0 | 1 => What::Permits(world.dice.below(4) as u32),
                2 => What::Mutex,
                3 => What::Read,
                4 => What::Write,
                _ => What::Event,
            };
            let waiting = self.wait(what);
            self.waiting.borrow_mut().push(waiting);
        }
    }

    /// Polls a future. One whose poll panics is dropped.
    fn poll(&self, world: &World) {
        let Some(mut waiting) = take(&world.dice, &self.waiting) else {
            return;
        };
        let (state, waker) = some_waker(world);
        let before = state.as_ref().map_or(0, |state| state.wakes());
        let polled = waiting
            .future
            .as_mut()
            .poll(&mut Context::from_waker(&waker));
        match polled {
            Poll::Pending => {
                waiting.polled = true;
                waiting.waker = state.map(|state| (state, before));
                self.waiting.borrow_mut().push(waiting);
            }
            Poll::Ready(Some(guard)) => self.took(world, guard),
            Poll::Ready(None) => {}
        }
        drop(waker);
    }

    fn notify(&self, world: &World) {
        match world.dice.below(4) {
            0 | 1 => self.notify.notify_one(),
            2 => self.notify.notify_last(),
            _ => self.notify.notify_waiters(),
        }
    }

    fn change_permits(&self, world: &World) {
        match world.dice.below(8) {
            0..4 if self.permits.get() < 2 * PERMITS => {
                add(&self.permits, 1);
                self.semaphore.add_permits(1);
            }
            0..7 => {
                let removed = self.semaphore.forget_permits(1);
                add(&self.permits, -(removed as isize));
            }
            _ if world.dice.one_in(4) => self.semaphore.close(),
            _ => {}
        }
    }

    /// Nothing runs. If a lock is free, the first waiter has been woken.
    pub fn settled(&self, world: &World) {
        self.check(world);
        let waiting = self.waiting.borrow();
        let asleep = |of: fn(What) -> bool| {
            let mut all = waiting.iter().filter(|it| it.polled && of(it.what));
            let any = all.clone().next().is_some();
            any && all.clone().all(Waiting::is_known) && all.all(Waiting::sleeps)
        };
        let lost = self.owners.get() == 0 && asleep(|it| it == What::Mutex);
        world.check(!lost, || "the mutex is free, and its waiters sleep".into());
        let free = self.readers.get() + self.writers.get() == 0;
        let lost = free && asleep(|it| matches!(it, What::Read | What::Write));
        world.check(!lost, || "the rwlock is free, and its waiters sleep".into());
        let enough = self.held.get() == 0 && self.permits.get() >= 3;
        let lost = enough && asleep(|it| matches!(it, What::Permits(_)));
        world.check(!lost, || {
            "the permits are free, and the waiters sleep".into()
        });
        let closed = self.semaphore.is_closed();
        for it in waiting.iter() {
            let lost = closed && matches!(it.what, What::Permits(_)) && it.sleeps();
            world.check(!lost, || "a waiter sleeps though it is closed".into());
        }
    }

    /// Drops all guards and waiters. `true`: there were some.
    pub fn empty(&self) -> bool {
        let (guards, waiting) = (self.guards.take(), self.waiting.take());
        let any = !guards.is_empty() || !waiting.is_empty();
        for guard in guards {
            self.gives_back(&guard);
            drop_quietly(guard);
        }
        waiting.into_iter().for_each(drop_quietly);
        any
    }

    /// Everything is over: each permit is back.
    pub fn close(&self, world: &World) {
        let (available, permits) = (self.semaphore.available_permits(), self.permits.get());
        world.check(available == permits, || {
            format!("{available} of {permits} permits are left")
        });
        let free = self.mutex.try_lock().is_ok();
        world.check(free, || "the mutex is never released".into());
        let free = self.rwlock.try_write().is_ok();
        world.check(free, || "the rwlock is never released".into());
        let mut waiting = self.wait(What::Event);
        self.notify.notify_waiters();
        let mut cx = Context::from_waker(Waker::noop());
        let polled = Pin::new(&mut unconstrained(waiting.future.as_mut())).poll(&mut cx);
        world.check(polled.is_ready(), || "an event is lost".into());
    }
}

/// Takes an action on one of the locks.
pub fn act(world: &World, place: Place) {
    let dice = &world.dice;
    let how = dice.below(12);
    world.tell(|| format!("{place}: lock {how}"));
    let locks = &world.locks;
    match how {
        0 | 1 => locks.begin(world),
        2..5 => locks.poll(world),
        5 => drop(take(dice, &locks.waiting)),
        6 => locks.try_one(world),
        7..9 => {
            if let Some(guard) = take(dice, &locks.guards) {
                locks.release(world, guard);
            }
        }
        9 | 10 => locks.notify(world),
        _ => locks.change_permits(world),
    }
}
