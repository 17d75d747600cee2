//! Faults, and what else may be changed while a simulation runs.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use crate::network::{HostId, Link, Network, Packet, Verdict, nanos};

/// What the simulation does to a host between two turns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Order {
    Crash,
    Restart,
    Pause,
    Resume,
    Drift(i32),
    Jump(u64),
}

/// A closure that runs at a time.
type Action = Box<dyn FnOnce(&Control)>;

pub(crate) struct Shared {
    pub(crate) network: Rc<Network>,
    pub(crate) orders: RefCell<Vec<(HostId, Order)>>,
    /// Closures with their times, the next one last.
    actions: RefCell<Vec<(u64, Action)>>,
}

/// Changes the network and the hosts of a simulation: its clones may be moved into hosts.
///
/// Hosts are named. The methods panic if there is no host of the name, and the message lists the
/// names. What concerns a host takes effect when no host runs: a host that crashes itself runs to
/// its next `.await`.
///
/// ```
/// use std::time::Duration;
/// use wakeful::net::UdpSocket;
/// use wakeful_sim::Sim;
///
/// let mut sim = Sim::builder().seed(7).build();
/// let control = sim.control();
/// sim.client("a", async move {
///     let socket = UdpSocket::bind("0.0.0.0:9").await?;
///     control.partition("a", "b");
///     socket.send_to(b"lost", "b:9").await?;
///     wakeful::time::sleep(Duration::from_secs(1)).await;
///     control.heal("a", "b");
///     socket.send_to(b"hello", "b:9").await.map(drop)
/// });
/// sim.client("b", async {
///     let socket = UdpSocket::bind("0.0.0.0:9").await?;
///     let mut buf = [0; 16];
///     let (n, _) = socket.recv_from(&mut buf).await?;
///     assert_eq!(&buf[..n], b"hello");
///     std::io::Result::Ok(())
/// });
/// sim.run().unwrap();
/// ```
#[derive(Clone)]
pub struct Control(pub(crate) Rc<Shared>);

impl Control {
    pub(crate) fn new(seed: u64) -> Control {
        Control(Rc::new(Shared {
            network: Network::new(seed),
            orders: RefCell::default(),
            actions: RefCell::default(),
        }))
    }

    /// Returns the number of a host.
    #[track_caller]
    pub(crate) fn host(&self, name: &str) -> HostId {
        let Some(host) = self.0.network.host(name) else {
            panic!(
                "the simulation has no host named {name:?}; it has {:?}",
                self.0.network.names()
            )
        };
        host
    }

    /// Returns the virtual time since the beginning.
    pub fn elapsed(&self) -> Duration {
        self.0.network.now()
    }

    /// Sets the link that packets take in both directions between two hosts.
    ///
    /// # Panics
    ///
    /// If there is no host of one of the names.
    #[track_caller]
    pub fn link(&self, one: &str, other: &str, link: Link) {
        self.link_one_way(one, other, link.clone());
        self.link_one_way(other, one, link);
    }

    /// Sets the link that packets take from one host to another.
    ///
    /// # Panics
    ///
    /// If there is no host of one of the names.
    #[track_caller]
    pub fn link_one_way(&self, from: &str, to: &str, link: Link) {
        let (from, to) = (self.host(from), self.host(to));
        self.0.network.with(|state| state.set_link(from, to, link));
    }

    /// Sets the link between hosts for which none was set. Default: [`Link::new`].
    pub fn set_default_link(&self, link: Link) {
        self.0.network.with(|state| state.set_default_link(link));
    }

    /// Cuts both directions between two hosts. Packets that are on their way are lost, also those
    /// for which the link is restored before they would arrive.
    ///
    /// # Panics
    ///
    /// If there is no host of one of the names.
    #[track_caller]
    pub fn partition(&self, one: &str, other: &str) {
        self.partition_one_way(one, other);
        self.partition_one_way(other, one);
    }

    /// Cuts the direction from one host to another. The other direction stays as it is.
    ///
    /// # Panics
    ///
    /// If there is no host of one of the names.
    #[track_caller]
    pub fn partition_one_way(&self, from: &str, to: &str) {
        let (from, to) = (self.host(from), self.host(to));
        self.0.network.with(|state| state.cut(from, to, true));
    }

    /// Restores both directions between two hosts.
    ///
    /// # Panics
    ///
    /// If there is no host of one of the names.
    #[track_caller]
    pub fn heal(&self, one: &str, other: &str) {
        let (one, other) = (self.host(one), self.host(other));
        self.0.network.with(|state| {
            state.cut(one, other, false);
            state.cut(other, one, false);
        });
    }

    /// Restores all directions.
    pub fn heal_all(&self) {
        self.0.network.with(|state| state.heal_all());
    }

    /// Adds a rule, which is asked about each packet before it is sent, also those that TCP sends
    /// itself. Rules are asked in the order in which they were added. If one panics, the simulation
    /// fails.
    ///
    /// ```
    /// use wakeful_sim::{Sim, Verdict};
    ///
    /// let sim = Sim::builder().build();
    /// sim.rule(|packet| match packet.target.port() {
    ///     53 => Verdict::Drop,
    ///     _ => Verdict::Deliver,
    /// });
    /// ```
    pub fn rule(&self, rule: impl Fn(&Packet) -> Verdict + 'static) {
        self.0.network.add_rule(Rc::new(rule));
    }

    /// Ends a host as `kill -9` does: nothing of its code runs any more, not even drops. Its system
    /// closes its sockets, so its peers read the end of the stream or a reset. What it owned is
    /// dropped when the simulation is. A crash of the whole machine, of which the peers learn
    /// nothing, is a [`partition`](Self::partition) before the crash.
    ///
    /// A client that has crashed counts as ended. A host that does not run is left as it is.
    ///
    /// # Panics
    ///
    /// If there is no host of this name.
    #[track_caller]
    pub fn crash(&self, host: &str) {
        self.order(host, Order::Crash);
    }

    /// Starts a host again: after a [`crash`](Self::crash), after its end, or, if it runs, after a
    /// crash now.
    ///
    /// # Panics
    ///
    /// If there is no host of this name. If the host is a client, `run` panics, as its future can't
    /// be made again.
    #[track_caller]
    pub fn restart(&self, host: &str) {
        self.order(host, Order::Restart);
    }

    /// Stops a host, as SIGSTOP does: its code does not run, but its clock goes on, and its system
    /// receives packets.
    ///
    /// # Panics
    ///
    /// If there is no host of this name.
    #[track_caller]
    pub fn pause(&self, host: &str) {
        self.order(host, Order::Pause);
    }

    /// Lets a host go on after a [`pause`](Self::pause).
    ///
    /// # Panics
    ///
    /// If there is no host of this name.
    #[track_caller]
    pub fn resume(&self, host: &str) {
        self.order(host, Order::Resume);
    }

    /// Sets how much faster than real the clock of a host runs from here on, in parts of a million;
    /// a negative number is slower. Default: 0.
    ///
    /// # Panics
    ///
    /// If there is no host of this name, or if the number is below -999,999: the clock would stop.
    #[track_caller]
    pub fn set_clock_drift(&self, host: &str, parts_of_a_million: i32) {
        assert!(
            parts_of_a_million >= -999_999,
            "the drift of a clock is {parts_of_a_million} parts of a million: give at least \
             -999999, or the clock would stop"
        );
        self.order(host, Order::Drift(parts_of_a_million));
    }

    /// Moves the clock of a host forward, so that its timers are due earlier. It can't go back, as
    /// a monotonic clock never does.
    ///
    /// # Panics
    ///
    /// If there is no host of this name.
    #[track_caller]
    pub fn jump_clock(&self, host: &str, by: Duration) {
        self.order(host, Order::Jump(nanos(by)));
    }

    /// Calls a closure at a virtual time, or at the next step if that has passed. Closures of one
    /// time run in the order in which they were added. If one panics, the simulation fails.
    ///
    /// ```
    /// use std::time::Duration;
    /// use wakeful_sim::Sim;
    ///
    /// let mut sim = Sim::builder().build();
    /// sim.host("a", std::future::pending::<()>);
    /// sim.at(Duration::from_millis(3200), |control| control.crash("a"));
    /// sim.at(Duration::from_secs(4), |control| control.restart("a"));
    /// sim.run_for(Duration::from_secs(5)).unwrap();
    /// ```
    pub fn at(&self, time: Duration, action: impl FnOnce(&Control) + 'static) {
        let at = nanos(time);
        let mut actions = self.0.actions.borrow_mut();
        // Behind those of the same time, which are taken from the end.
        let place = actions.partition_point(|(other, _)| *other > at);
        actions.insert(place, (at, Box::new(action)));
    }

    /// Returns the time of the next action.
    pub(crate) fn next_action(&self) -> Option<u64> {
        self.0.actions.borrow().last().map(|(at, _)| *at)
    }

    /// Takes the next action, if it is due.
    pub(crate) fn take_action(&self, now: u64) -> Option<Action> {
        let mut actions = self.0.actions.borrow_mut();
        if actions.last()?.0 > now {
            return None;
        }
        actions.pop().map(|(_, action)| action)
    }

    #[track_caller]
    fn order(&self, host: &str, order: Order) {
        let host = self.host(host);
        self.0.orders.borrow_mut().push((host, order));
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control")
            .field("elapsed", &self.elapsed())
            .finish_non_exhaustive()
    }
}
