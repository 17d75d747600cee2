//! The checks of the final states.

use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::thread;

use wakeful::task::JoinError;
use wakeful::task::coop::unconstrained;

use super::actions::channel::look_at_channels;
use super::body::{End, Output, Record};
use super::foreign;
use super::world::{self, Blast, Count, World, drop_quietly};

impl World {
    /// Checks that the output of a handle is that of its task.
    pub fn joined(&self, record: &Record, result: Result<Output, JoinError>) {
        let name = record.name();
        let end = record.end.get();
        match result {
            Ok(output) => {
                let number = output.number;
                let right = number == record.number && end == Some(End::Returned);
                self.check(right && !record.threw.get(), || {
                    format!(
                        "{name} gave {number}, but {end:?}, threw: {}",
                        record.threw.get()
                    )
                });
                drop(output);
            }
            Err(error) => self.failed(record, error),
        }
    }

    fn failed(&self, record: &Record, error: JoinError) {
        let name = record.name();
        let end = record.end.get();
        if let Some(id) = record.id.get() {
            self.check(error.id() == id, || {
                format!("{name} is {id}, its error says {}", error.id())
            });
        }
        if error.is_cancelled() {
            self.check(end == Some(End::Dropped) && !record.threw.get(), || {
                format!(
                    "{name} was cancelled, but {end:?}, threw: {}",
                    record.threw.get()
                )
            });
            return;
        }
        let payload = error.into_panic();
        let ours = payload.is::<Blast>() || payload.is::<world::Second>();
        // The hook checks the texts of panics.
        let text = payload.is::<String>() || payload.is::<&str>();
        self.check(ours || text, || {
            format!("{name} panicked with something else")
        });
        self.check(end.is_some(), || format!("{name} panicked and goes on"));
        drop(payload);
    }

    /// Runs the tasks without further actions until none is ready, and checks that no wake was
    /// lost.
    pub fn settle(&self) {
        self.still.set(true);
        if let Some(elsewhere) = &*self.elsewhere.borrow() {
            elsewhere.wait();
        }
        let guests = self.bag.runtimes.borrow().clone();
        let (mut quiet, mut rounds) = (0, 0);
        while quiet < 6 && rounds < 20_000 {
            let before = self.polls.get();
            let mut busy = false;
            for guest in &guests {
                let mut failed = false;
                drop_quietly(
                    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| guest.turn(self)))
                        .inspect_err(|_| failed = true),
                );
                // It waits for the pool, and for timers.
                busy |= failed || guest.runtime().next_timeout().is_some();
            }
            busy |= self.polls.get() != before;
            quiet = if busy { 0 } else { quiet + 1 };
            rounds += 1;
            if rounds > 200 {
                thread::yield_now();
            }
        }
        self.check(quiet >= 6, || "the tasks are always ready".to_owned());
        let settled: Vec<_> = guests.iter().map(|guest| guest.number).collect();
        drop_quietly(guests);
        for record in self.records.borrow().iter() {
            if record.runtime.get().is_some_and(|it| settled.contains(&it)) {
                self.check_future(record);
            }
        }
        self.check_waiters();
        self.locks.settled(self);
        look_at_channels(self);
        self.still.set(false);
    }

    /// Checks a future while nothing runs: if it is alive, it waits for an event that has not
    /// happened.
    fn check_future(&self, record: &Record) {
        if record.is_over() || record.drops.get() > 0 {
            return;
        }
        let name = record.name();
        self.check(record.polls.get() > 0, || {
            format!("{name} was never polled")
        });
        self.check(!record.woken.load(Ordering::SeqCst), || {
            format!("a wake of {name} is lost")
        });
        self.check(!record.aborted.get(), || {
            format!("an abort of {name} is lost")
        });
        if let Some(pipe) = &*record.listens.borrow() {
            self.check(pipe.queued.get() == 0, || {
                format!("{name} was not woken for a message of {}", pipe.name())
            });
        }
        if let Some(awaited) = &*record.awaits.borrow() {
            self.check(!awaited.is_over(), || {
                format!("{name} waits for {}, which is over", awaited.name())
            });
        }
    }

    /// Checks that a foreign waker was woken if the future that it polled has ended.
    fn check_waiters(&self) {
        let slept = |waiting: &Option<(Arc<foreign::State>, usize)>| {
            waiting
                .as_ref()
                .is_some_and(|(state, wakes)| state.wakes() == *wakes)
        };
        for joiner in self.bag.joiners.borrow().iter() {
            let lost = joiner.handle.is_finished() && slept(&joiner.waiting);
            self.check(!lost, || {
                format!("the waiter of {} was not woken", joiner.record.name())
            });
        }
        for remote in self.bag.remotes.borrow().iter() {
            let lost = remote.handle.is_finished() && slept(&remote.waiting);
            self.check(!lost, || {
                "the waiter of a remote task was not woken".to_owned()
            });
        }
        let mut sets = self.bag.sets.take();
        for set in &mut sets {
            let waiting = slept(&set.waiting);
            if let Some(result) = set.set.try_join_next() {
                self.check(!waiting, || "the waiter of a set was not woken".to_owned());
                set.waiting = None;
                self.member(result);
            }
        }
        self.bag.sets.borrow_mut().extend(sets);
    }

    /// Checks a member of a set that has ended.
    pub fn member(&self, result: Result<Output, JoinError>) {
        match result {
            Ok(output) => {
                let record = self.records.borrow()[output.number].clone();
                self.joined(&record, Ok(output));
            }
            Err(error) => {
                let records = self.records.borrow();
                let of = |record: &&Rc<Record>| record.id.get() == Some(error.id());
                let record = records.iter().find(of).cloned();
                drop(records);
                match record {
                    Some(record) => self.failed(&record, error),
                    None => drop(error),
                }
            }
        }
    }

    /// Drops all objects, and those that their drops create.
    pub fn empty(&self) {
        loop {
            let mut any = false;
            any |= self.drop_one_by_one(self.bag.runtimes.take());
            any |= self.drop_one_by_one(self.bag.sleeps.take());
            any |= self.locks.empty();
            any |= self.drop_one_by_one(self.bag.descriptors.take());
            any |= self.drop_one_by_one(self.bag.peers.take());
            let channels = &self.bag.channels;
            any |= self.drop_one_by_one(channels.waits.take());
            any |= self.drop_one_by_one(channels.oneshots.take());
            any |= self.drop_one_by_one(channels.watches.take());
            any |= self.drop_one_by_one(channels.watchers.take());
            any |= self.drop_one_by_one(channels.broadcasts.take());
            any |= self.drop_one_by_one(channels.listeners.take());
            any |= self.drop_one_by_one(channels.tokens.take());
            any |= self.drop_one_by_one(self.bag.blocking.take());
            any |= self.drop_one_by_one(self.bag.aborts.take());
            any |= self.drop_one_by_one(self.bag.wakers.take());
            any |= self.drop_one_by_one(self.bag.handles.take());
            any |= self.drop_one_by_one(self.bag.spawners.take());
            any |= self.drop_one_by_one(self.bag.classes.take());
            any |= self.drop_one_by_one(self.bag.permits.take());
            any |= self.drop_one_by_one(self.bag.sendings.take());
            any |= self.drop_one_by_one(self.bag.inboxes.take());
            any |= self.drop_one_by_one(self.bag.outboxes.take());
            #[cfg(feature = "trace")]
            {
                any |= self.drop_one_by_one(self.bag.spans.take());
            }
            if !any {
                return;
            }
        }
    }

    fn drop_one_by_one<T>(&self, all: Vec<T>) -> bool {
        let any = !all.is_empty();
        all.into_iter().for_each(drop_quietly);
        any
    }

    /// Checks after the end of all runtimes: handles return the expected results, and nothing is
    /// left.
    pub fn close(self: Rc<World>) -> Rc<World> {
        self.empty();
        if let Some(elsewhere) = self.elsewhere.take() {
            elsewhere.end();
        }
        let (made, dropped) = self.tally.runtimes.both();
        self.check(made == dropped, || {
            format!("{dropped} of {made} runtimes have ended")
        });
        let id = wakeful::task::try_id();
        self.check(id.is_none(), || format!("after all, task {id:?} runs"));
        let inside = wakeful::Handle::try_current().is_ok();
        self.check(!inside, || {
            "a runtime is still entered at the end".to_owned()
        });
        self.still.set(true);
        self.last_joins();
        self.empty();
        self.locks.close(&self);
        for record in self.records.borrow().iter() {
            self.check(record.drops.get() == 1, || {
                format!("{} was dropped {} times", record.name(), record.drops.get())
            });
            record.awaits.take();
            record.listens.take();
        }
        let tally = &self.tally;
        let check = |what: &str, count: &Count| {
            let (made, dropped) = count.both();
            self.check(made == dropped, || {
                format!("{dropped} of {made} {what} were dropped")
            });
        };
        check("futures", &tally.futures);
        check("outputs", &tally.outputs);
        check("payloads", &tally.payloads);
        check("wakers", &tally.wakers);
        check("closures", &tally.closures);
        check("locals", &tally.locals);
        check("orders", &tally.orders);
        check("descriptors", &tally.descriptors);
        check("messages", &tally.messages);
        self
    }

    fn last_joins(&self) {
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            let joiner = self.bag.joiners.borrow_mut().pop();
            if let Some(mut joiner) = joiner {
                self.attempt(|| {
                    match pin!(unconstrained(Pin::new(&mut joiner.handle))).poll(&mut cx) {
                        Poll::Ready(result) => self.joined(&joiner.record, result),
                        Poll::Pending => self.check(false, || {
                            format!("the handle of {} waits forever", joiner.record.name())
                        }),
                    }
                });
                drop_quietly(joiner);
                continue;
            }
            let remote = self.bag.remotes.borrow_mut().pop();
            if let Some(mut remote) = remote {
                self.attempt(|| {
                    match pin!(unconstrained(Pin::new(&mut remote.handle))).poll(&mut cx) {
                        Poll::Ready(result) => drop(result),
                        Poll::Pending => {
                            self.check(false, || "a remote handle waits forever".to_owned())
                        }
                    }
                });
                drop_quietly(remote);
                continue;
            }
            let set = self.bag.sets.borrow_mut().pop();
            let Some(mut set) = set else {
                return;
            };
            while !set.set.is_empty() {
                let before = set.set.len();
                self.attempt(|| {
                    if let Some(result) = set.set.try_join_next() {
                        self.member(result);
                    }
                });
                if set.set.len() == before {
                    self.check(false, || format!("{before} members of a set never end"));
                    break;
                }
            }
            drop_quietly(set);
        }
    }
}
