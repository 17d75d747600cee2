//! The simulation: its hosts, its time, and the order in which they run.

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use wakeful_core::Handle;
use wakeful_core::sim::Numbers;

use crate::clock::HostClock;
use crate::control::{Control, Order};
use crate::failure::{Failure, Reason, into_message};
use crate::network::{HostId, Link, Machine, Record, What, nanos};
use crate::outcome::Outcome;
use crate::process::{Main, Process};

/// Turns of one host at one time after which the simulation fails.
const MOST_TURNS: u64 = 20_000;

/// Default of the limit of virtual time.
const LIMIT: Duration = Duration::from_secs(24 * 60 * 60);

/// Builder of a [`Sim`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct Builder {
    seed: u64,
    limit: Duration,
    link: Link,
    in_order: bool,
    records: bool,
}

impl Builder {
    /// Sets the seed, on which all choices of the simulation depend. Default: 0.
    pub fn seed(mut self, seed: u64) -> Builder {
        self.seed = seed;
        self
    }

    /// Sets the virtual time at which the simulation fails if clients have not ended. Default: 24
    /// hours.
    pub fn limit(mut self, limit: Duration) -> Builder {
        self.limit = limit;
        self
    }

    /// Sets the link between hosts for which none is set. Default: [`Link::new`].
    pub fn link(mut self, link: Link) -> Builder {
        self.link = link;
        self
    }

    /// Runs ready tasks and hosts in the order in which they became ready, instead of in an order
    /// that the seed chooses. Default: `false`.
    pub fn first_in_first_out(mut self, in_order: bool) -> Builder {
        self.in_order = in_order;
        self
    }

    /// Records what happens, see [`Sim::take_records`]. Default: `false`.
    pub fn record(mut self, records: bool) -> Builder {
        self.records = records;
        self
    }

    /// Makes the simulation.
    ///
    /// # Panics
    ///
    /// Inside a runtime, as a simulation runs runtimes of its own on this thread.
    #[track_caller]
    pub fn build(self) -> Sim {
        assert!(
            Handle::try_current().is_err(),
            "a simulation can't be made inside a runtime, as it runs the runtimes of its hosts on \
             this thread: make it in a plain function, such as a `#[test]`"
        );
        let control = Control::new(self.seed);
        control.set_default_link(self.link);
        if self.records {
            control.0.network.with(|state| state.start_records());
        }
        Sim {
            // Not the network's sequence, so that a change of one does not change the other.
            numbers: Numbers::new(self.seed ^ 0x686f_7374_7300),
            control,
            seed: self.seed,
            limit: self.limit,
            in_order: self.in_order,
            hosts: Vec::new(),
            crashed: Vec::new(),
            turns: (0, 0),
            failure: None,
        }
    }
}

/// A simulation of hosts and their network: see the [front page](crate).
///
/// Its methods that change the network and the hosts are those of [`Control`].
pub struct Sim {
    control: Control,
    numbers: Numbers,
    seed: u64,
    limit: Duration,
    in_order: bool,
    hosts: Vec<HostState>,
    /// Processes that have crashed: set aside, as none of their code may run.
    crashed: Vec<Process>,
    /// A time, and the number of turns at it.
    turns: (u64, u64),
    failure: Option<Failure>,
}

struct HostState {
    /// Makes the main future of another life. `None`: a client, which has one life.
    make: Option<Rc<dyn Fn() -> Main>>,
    process: Option<Process>,
    clock: HostClock,
    is_paused: bool,
}

impl HostState {
    fn is_client(&self) -> bool {
        self.make.is_none()
    }
}

fn boxed<F>(future: F) -> Main
where
    F: Future + 'static,
    F::Output: Outcome,
{
    Box::pin(async move { future.await.into_result() })
}

impl Sim {
    /// Returns a builder with the defaults, which each method states.
    pub fn builder() -> Builder {
        Builder {
            seed: 0,
            limit: LIMIT,
            link: Link::new(),
            in_order: false,
            records: false,
        }
    }

    /// Adds a host. Its main future is made by `main`, in its first turn and after each
    /// [restart](Control::restart). The simulation does not wait for its end.
    ///
    /// A host has the addresses 10.0.0.n and fd00::n, where the first one has n = 1, and 127.0.0.1.
    /// Its name is known to the others.
    ///
    /// # Panics
    ///
    /// If a host has this name already, or the name is empty or looks like an address.
    #[track_caller]
    pub fn host<F>(&mut self, name: &str, main: impl Fn() -> F + 'static)
    where
        F: Future + 'static,
        F::Output: Outcome,
    {
        let host = self.add(name);
        let make: Rc<dyn Fn() -> Main> = Rc::new(move || boxed(main()));
        self.hosts[host].make = Some(make.clone());
        self.start(host, move || make());
    }

    /// Adds a host with one life, for whose end the simulation waits.
    ///
    /// # Panics
    ///
    /// As [`host`](Self::host).
    #[track_caller]
    pub fn client<F>(&mut self, name: &str, main: F)
    where
        F: Future + 'static,
        F::Output: Outcome,
    {
        let host = self.add(name);
        self.start(host, move || boxed(main));
    }

    #[track_caller]
    fn add(&mut self, name: &str) -> HostId {
        assert!(
            !name.trim().is_empty()
                && !name.contains(':')
                && name.parse::<std::net::IpAddr>().is_err(),
            "the name of a host is {name:?}: give a name that is neither empty nor an address"
        );
        let added = self.control.0.network.with(|state| state.add_host(name));
        let Some(host) = added else {
            panic!("the simulation has a host named {name:?} already: give each its own name");
        };
        self.hosts.push(HostState {
            make: None,
            process: None,
            clock: HostClock::new(),
            is_paused: false,
        });
        host
    }

    #[track_caller]
    fn start(&mut self, host: HostId, main: impl FnOnce() -> Main + 'static) {
        let network = self.control.0.network.clone();
        let machine = Rc::new(Machine::new(network, host));
        let started = Process::start(machine, self.numbers.next(), self.in_order, main);
        match started {
            Ok(process) => self.hosts[host].process = Some(process),
            Err(error) => panic!("can't make the runtime of a simulated host: {error}"),
        }
        self.record(host, What::Started);
    }

    fn record(&self, host: HostId, what: What) {
        self.control
            .0
            .network
            .with(|state| state.record(host, what));
    }

    /// Returns what changes the network and the hosts, to be moved into a host.
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// Returns the seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Sets the virtual time at which the simulation fails if clients have not ended.
    pub fn set_limit(&mut self, limit: Duration) {
        self.limit = limit;
    }

    /// Begins to record what happens, as [`Builder::record`] does.
    pub fn start_records(&self) {
        self.control.0.network.with(|state| state.start_records());
    }

    /// Returns what has happened since the last call, in its order. Two runs with the same seed
    /// have the same records: a test that compares them finds what is not deterministic, and where
    /// it begins. Empty unless [`Builder::record`] was set.
    pub fn take_records(&self) -> Vec<Record> {
        self.control.0.network.take_records()
    }

    /// Returns the addresses of a host, IPv4 and IPv6.
    ///
    /// # Panics
    ///
    /// If there is no host of this name.
    #[track_caller]
    pub fn ips(&self, host: &str) -> [std::net::IpAddr; 2] {
        let host = self.control.host(host);
        self.control.0.network.with(|state| state.ips(host))
    }

    /// Whether a host runs: it has been started, and has neither ended nor crashed.
    ///
    /// # Panics
    ///
    /// If there is no host of this name.
    #[track_caller]
    pub fn is_running(&self, host: &str) -> bool {
        self.hosts[self.control.host(host)].process.is_some()
    }

    /// Runs until all clients have ended.
    ///
    /// # Errors
    ///
    /// The [`Failure`] says what has failed.
    pub fn run(&mut self) -> Result<(), Failure> {
        self.apply_orders();
        while self.has_clients() {
            if !self.step()? {
                let failure = self.failed(None, Reason::Stuck(self.clients()));
                return Err(failure);
            }
        }
        Ok(())
    }

    /// Runs for this much virtual time. The clients need not have ended.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run), except that it is no failure if nothing is left to happen.
    pub fn run_for(&mut self, duration: Duration) -> Result<(), Failure> {
        let until = self.now().saturating_add(nanos(duration));
        loop {
            self.apply_orders();
            let next = match self.any_ready() {
                true => Some(self.now()),
                false => self.next(),
            };
            if next.is_none_or(|next| next > until) {
                break;
            }
            self.step()?;
        }
        self.control.0.network.advance(until);
        Ok(())
    }

    /// Runs one turn of one host or, if none is ready, moves the time to what happens next. Returns
    /// whether there was something to do.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run). After a failure it returns that again.
    pub fn step(&mut self) -> Result<bool, Failure> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        self.run_actions()?;
        self.apply_orders();
        let ready = self.ready();
        if let Some(host) = self.choose(&ready) {
            self.turn(host)?;
            self.check_rules()?;
            return Ok(true);
        }
        let Some(next) = self.next() else {
            return Ok(false);
        };
        if next > nanos(self.limit) {
            return Err(self.failed(None, Reason::Limit));
        }
        self.control.0.network.advance(next);
        self.check_rules()?;
        Ok(true)
    }

    fn now(&self) -> u64 {
        nanos(self.control.elapsed())
    }

    fn has_clients(&self) -> bool {
        let mut hosts = self.hosts.iter();
        hosts.any(|host| host.is_client() && host.process.is_some())
    }

    /// Returns the names of the clients that have not ended.
    fn clients(&self) -> Vec<String> {
        let hosts = self.hosts.iter().enumerate();
        let clients = hosts.filter(|(_, host)| host.is_client() && host.process.is_some());
        self.control.0.network.with(|state| {
            let names = clients.map(|(id, _)| state.name(id).to_owned());
            names.collect()
        })
    }

    /// Whether a turn of this host has something to do at this time.
    fn is_ready(host: &HostState, now: u64) -> bool {
        let Some(process) = host.process.as_ref().filter(|_| !host.is_paused) else {
            return false;
        };
        let due = |timer| host.clock.when(nanos(timer)) <= now;
        process.is_ready() || process.next_timer().is_some_and(due)
    }

    fn any_ready(&self) -> bool {
        let now = self.now();
        self.hosts.iter().any(|host| Sim::is_ready(host, now))
    }

    /// Returns the hosts that have something to do now.
    fn ready(&self) -> Vec<HostId> {
        let now = self.now();
        let hosts = self.hosts.iter().enumerate();
        hosts
            .filter(|(_, host)| Sim::is_ready(host, now))
            .map(|(id, _)| id)
            .collect()
    }

    fn choose(&self, ready: &[HostId]) -> Option<HostId> {
        match ready {
            [] => None,
            [only] => Some(*only),
            [first, ..] if self.in_order => Some(*first),
            _ => Some(ready[self.numbers.below(ready.len() as u64) as usize]),
        }
    }

    /// Returns the time of what happens next.
    fn next(&self) -> Option<u64> {
        let timers = self.hosts.iter().filter(|host| !host.is_paused);
        let timers = timers.filter_map(|host| {
            let timer = host.process.as_ref()?.next_timer()?;
            Some(host.clock.when(nanos(timer)))
        });
        let network = self.control.0.network.next();
        let action = self.control.next_action();
        let next = timers.chain(network).chain(action).min()?;
        Some(next.max(self.now()))
    }

    fn turn(&mut self, id: HostId) -> Result<(), Failure> {
        let now = self.now();
        if self.turns.0 != now {
            self.turns = (now, 0);
        }
        self.turns.1 += 1;
        if self.turns.1 > MOST_TURNS {
            return Err(self.failed(Some(id), Reason::Spins(MOST_TURNS)));
        }
        let host = &mut self.hosts[id];
        let Some(process) = &mut host.process else {
            return Ok(());
        };
        process.turn(Duration::from_nanos(host.clock.at(now)));
        let polls = process.polls();
        let ended = process.ended();
        self.record(id, What::Turned(polls));
        match ended {
            None => Ok(()),
            Some(Ok(())) => {
                self.record(id, What::Ended);
                // As at the end of `main`: the futures of the other tasks are dropped.
                self.hosts[id].process = None;
                self.control.0.network.with(|state| state.kill(id));
                Ok(())
            }
            Some(Err(reason)) => Err(self.failed(Some(id), reason)),
        }
    }

    /// Returns a failure, and keeps it, as the simulation does not go on.
    fn name(&self, host: HostId) -> String {
        let network = &self.control.0.network;
        network.with(|state| state.name(host).to_owned())
    }

    fn failed(&mut self, host: Option<HostId>, reason: Reason) -> Failure {
        let name = host.map(|host| self.name(host));
        let at = self.control.elapsed();
        let failure = Failure::new(self.seed, at, name, reason);
        self.failure = Some(failure.clone());
        failure
    }

    /// Fails if a rule has panicked.
    fn check_rules(&mut self) -> Result<(), Failure> {
        match self.control.0.network.take_rule_panic() {
            None => Ok(()),
            Some(payload) => Err(self.failed(None, Reason::RulePanicked(into_message(payload)))),
        }
    }

    /// Runs the closures that are due.
    fn run_actions(&mut self) -> Result<(), Failure> {
        while let Some(action) = self.control.take_action(self.now()) {
            let control = self.control.clone();
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| action(&control))) {
                return Err(self.failed(None, Reason::RulePanicked(into_message(payload))));
            }
            self.apply_orders();
        }
        Ok(())
    }

    /// Does what was ordered since the last turn.
    #[track_caller]
    fn apply_orders(&mut self) {
        loop {
            let orders = self.control.0.orders.take();
            if orders.is_empty() {
                return;
            }
            for (host, order) in orders {
                self.apply(host, order);
            }
        }
    }

    #[track_caller]
    fn apply(&mut self, id: HostId, order: Order) {
        let now = self.now();
        let host = &mut self.hosts[id];
        match order {
            Order::Crash => self.crash_now(id),
            Order::Restart => {
                let Some(make) = host.make.clone() else {
                    let name = self.name(id);
                    panic!(
                        "`restart` of {name:?}, which is a client: its future can't be made again; \
                         add it by `host`, with a closure that makes the future"
                    );
                };
                self.crash_now(id);
                self.start(id, move || make());
            }
            Order::Pause => {
                host.is_paused = true;
                self.record(id, What::Paused);
            }
            Order::Resume => {
                host.is_paused = false;
                self.record(id, What::Resumed);
            }
            Order::Drift(drift) => host.clock.set_drift(now, drift),
            Order::Jump(by) => host.clock.jump(now, by),
        }
    }

    fn crash_now(&mut self, id: HostId) {
        let host = &mut self.hosts[id];
        host.is_paused = false;
        if let Some(process) = host.process.take() {
            self.crashed.push(process);
            self.control.0.network.with(|state| state.kill(id));
            self.record(id, What::Crashed);
        }
    }
}

impl Deref for Sim {
    type Target = Control;

    fn deref(&self) -> &Control {
        &self.control
    }
}

impl Drop for Sim {
    /// Drops what the hosts own. What their drops do has no effect on anything simulated.
    fn drop(&mut self) {
        for host in 0..self.hosts.len() {
            self.control.0.network.with(|state| state.kill(host));
        }
        for host in &mut self.hosts {
            host.process = None;
        }
        self.crashed.clear();
    }
}

impl fmt::Debug for Sim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sim")
            .field("seed", &self.seed)
            .field("elapsed", &self.control.elapsed())
            .field("hosts", &self.hosts.len())
            .finish_non_exhaustive()
    }
}
