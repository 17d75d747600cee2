//! The simulated network: hosts, links, sockets, and the packets that are on their way.
//!
//! Each operation of a socket changes the state at once, and may leave packets in the outbox. When
//! the operation has ended, the packets pass the rules, with nothing borrowed, and get the time of
//! their arrival. Nothing here calls user code but the rules: a socket that becomes ready raises
//! the signal of its host's reactor, and the host's next turn wakes the task.

mod connection;
mod datagrams;
mod endpoint;
mod link;
mod node;
mod packet;
mod record;
mod socket;
mod tcp;
mod udp;

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use wakeful_core::sim::Numbers;

pub(crate) use endpoint::Machine;
pub use link::Link;
use node::Node;
use packet::{Body, InFlight};
pub use packet::{Packet, Protocol, Verdict};
pub use record::{Record, What};
use socket::Sockets;

/// Index of a host.
pub(crate) type HostId = usize;

/// Number of a socket. None is given out twice.
type SockId = usize;

/// Converts a duration to nanoseconds, of which there are enough for 584 years.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A rule for packets, which the user gives.
type Rule = Rc<dyn Fn(&Packet) -> Verdict>;

/// The network of a simulation.
pub(crate) struct Network {
    state: RefCell<State>,
    rules: RefCell<Vec<Rule>>,
    /// The payload of a rule that has panicked.
    rule_panic: Cell<Option<Box<dyn Any + Send>>>,
    /// Whether a packet passes the rules: a rule that sends packets must not call itself.
    in_rules: Cell<bool>,
}

/// What happens at a time.
enum Event {
    /// A packet arrives.
    Arrival(Box<InFlight>),
    /// A timer of a socket is due.
    Timer(SockId),
}

/// An entry of the heap, in the order of time and, at one time, of its making.
struct Scheduled {
    at: u64,
    number: u64,
    event: Event,
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.number) == (other.at, other.number)
    }
}

impl Eq for Scheduled {}

impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Scheduled {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

/// One direction between two hosts.
#[derive(Default)]
struct Line {
    /// `None`: as the default link.
    link: Option<Link>,
    is_cut: bool,
    /// When the packets that were sent before have left, for the bandwidth.
    busy_until: u64,
}

/// All that changes.
pub(crate) struct State {
    /// Nanoseconds since the beginning.
    now: u64,
    numbers: Numbers,
    scheduled: BinaryHeap<Reverse<Scheduled>>,
    made: u64,
    nodes: Vec<Node>,
    names: BTreeMap<String, HostId>,
    sockets: Sockets,
    lines: BTreeMap<(HostId, HostId), Line>,
    default_link: Link,
    outbox: Vec<InFlight>,
    records: Option<Vec<Record>>,
}

impl Network {
    pub(crate) fn new(seed: u64) -> Rc<Network> {
        Rc::new(Network {
            state: RefCell::new(State {
                now: 0,
                numbers: Numbers::new(seed),
                scheduled: BinaryHeap::new(),
                made: 0,
                nodes: Vec::new(),
                names: BTreeMap::new(),
                sockets: Sockets::default(),
                lines: BTreeMap::new(),
                default_link: Link::new(),
                outbox: Vec::new(),
                records: None,
            }),
            rules: RefCell::default(),
            rule_panic: Cell::new(None),
            in_rules: Cell::new(false),
        })
    }

    /// Calls `f` with the state, then sends the packets that it has left. `f` runs no user code.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut State) -> R) -> R {
        let result = f(&mut self.state.borrow_mut());
        self.send_outbox();
        result
    }

    /// Passes the packets of the outbox through the rules, and schedules their arrival.
    fn send_outbox(&self) {
        // A rule that uses a socket leaves packets for the loop below.
        if self.in_rules.get() {
            return;
        }
        loop {
            let packets = std::mem::take(&mut self.state.borrow_mut().outbox);
            if packets.is_empty() {
                return;
            }
            for packet in packets {
                let verdict = self.verdict(&packet);
                self.state.borrow_mut().transmit(packet, verdict);
            }
        }
    }

    /// Asks the rules, in their order, until one does not deliver the packet as usual.
    fn verdict(&self, packet: &InFlight) -> Verdict {
        let rules = self.rules.borrow();
        if rules.is_empty() {
            return Verdict::Deliver;
        }
        let rules = rules.clone();
        let shown = self.state.borrow().show(packet);
        self.in_rules.set(true);
        let verdict = catch_unwind(AssertUnwindSafe(|| {
            let mut verdicts = rules.iter().map(|rule| rule(&shown));
            verdicts.find(|verdict| *verdict != Verdict::Deliver)
        }));
        self.in_rules.set(false);
        match verdict {
            Ok(verdict) => verdict.unwrap_or(Verdict::Deliver),
            Err(payload) => {
                // The simulation fails; until then this packet is lost.
                let before = self.rule_panic.replace(Some(payload));
                std::mem::forget(before);
                Verdict::Drop
            }
        }
    }

    pub(crate) fn add_rule(&self, rule: Rule) {
        self.rules.borrow_mut().push(rule);
    }

    /// Takes the payload of a rule that has panicked.
    pub(crate) fn take_rule_panic(&self) -> Option<Box<dyn Any + Send>> {
        self.rule_panic.take()
    }

    pub(crate) fn now(&self) -> Duration {
        Duration::from_nanos(self.state.borrow().now)
    }

    /// Returns when the next packet arrives or the next timer of a socket is due.
    pub(crate) fn next(&self) -> Option<u64> {
        let state = self.state.borrow();
        state.scheduled.peek().map(|Reverse(next)| next.at)
    }

    /// Moves the time forward, and handles what is due.
    pub(crate) fn advance(&self, to: u64) {
        self.state.borrow_mut().now = to;
        loop {
            let due = {
                let mut state = self.state.borrow_mut();
                match state.scheduled.peek() {
                    Some(Reverse(next)) if next.at <= to => state.scheduled.pop(),
                    _ => None,
                }
            };
            let Some(Reverse(due)) = due else { break };
            self.with(|state| match due.event {
                Event::Arrival(packet) => state.arrive(*packet),
                Event::Timer(id) => state.socket_timer(id),
            });
        }
    }

    /// Returns the host of a name.
    pub(crate) fn host(&self, name: &str) -> Option<HostId> {
        self.state.borrow().names.get(name).copied()
    }

    /// Returns the names of all hosts.
    pub(crate) fn names(&self) -> Vec<String> {
        self.state.borrow().names.keys().cloned().collect()
    }

    /// Returns what was recorded since the last call.
    pub(crate) fn take_records(&self) -> Vec<Record> {
        let mut state = self.state.borrow_mut();
        state
            .records
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default()
    }
}

impl State {
    /// Adds a host. Returns `None` if the name is taken.
    pub(crate) fn add_host(&mut self, name: &str) -> Option<HostId> {
        if self.names.contains_key(name) {
            return None;
        }
        let id = self.nodes.len();
        self.nodes.push(Node::new(name, id));
        self.names.insert(name.to_owned(), id);
        Some(id)
    }

    pub(crate) fn name(&self, host: HostId) -> &str {
        &self.nodes[host].name
    }

    pub(crate) fn ips(&self, host: HostId) -> [IpAddr; 2] {
        self.nodes[host].ips
    }

    pub(crate) fn set_default_link(&mut self, link: Link) {
        self.default_link = link;
    }

    fn line(&mut self, from: HostId, to: HostId) -> &mut Line {
        self.lines.entry((from, to)).or_default()
    }

    pub(crate) fn set_link(&mut self, from: HostId, to: HostId, link: Link) {
        self.line(from, to).link = Some(link);
    }

    /// Cuts a direction, or restores it. Packets that are on their way when it is cut are lost.
    pub(crate) fn cut(&mut self, from: HostId, to: HostId, is_cut: bool) {
        self.line(from, to).is_cut = is_cut;
        let what = if is_cut { What::Cut } else { What::Healed };
        let to = self.nodes[to].name.clone();
        self.record(from, what(to));
    }

    pub(crate) fn heal_all(&mut self) {
        let cut: Vec<_> = self.lines.iter().filter(|(_, line)| line.is_cut).collect();
        let cut: Vec<_> = cut.into_iter().map(|(ends, _)| *ends).collect();
        for (from, to) in cut {
            self.cut(from, to, false);
        }
    }

    fn is_cut(&self, from: HostId, to: HostId) -> bool {
        let line = self.lines.get(&(from, to));
        line.is_some_and(|line| line.is_cut)
    }

    /// Begins to record what happens.
    pub(crate) fn start_records(&mut self) {
        self.records.get_or_insert_default();
    }

    pub(crate) fn record(&mut self, host: HostId, what: What) {
        if let Some(records) = &mut self.records {
            let at = Duration::from_nanos(self.now);
            let host: Rc<str> = self.nodes[host].name.clone();
            records.push(Record::new(at, host, what));
        }
    }

    fn schedule(&mut self, at: u64, event: Event) {
        self.made += 1;
        let number = self.made;
        self.scheduled
            .push(Reverse(Scheduled { at, number, event }));
    }

    /// Returns the host that has an address, seen from a host.
    fn route(&self, from: HostId, to: IpAddr) -> Option<HostId> {
        if to.is_loopback() || to.is_unspecified() {
            return Some(from);
        }
        node::host_of(to).filter(|host| *host < self.nodes.len())
    }

    /// Puts a packet of `from` into the outbox.
    fn post(&mut self, from: HostId, source: SocketAddr, target: SocketAddr, body: Body) {
        let Some(to) = self.route(from, target.ip()) else {
            return;
        };
        self.outbox.push(InFlight {
            from,
            to,
            source,
            target,
            body,
        });
    }

    /// Sends a packet on its way, unless it is lost at once.
    fn transmit(&mut self, packet: InFlight, verdict: Verdict) {
        let (from, to) = (packet.from, packet.to);
        self.record(from, What::Sent(packet.summary()));
        let delay = match verdict {
            Verdict::Deliver => 0,
            Verdict::Delay(delay) => nanos(delay),
            Verdict::Drop => return self.record(from, What::Lost(packet.summary())),
        };
        let link = match self
            .lines
            .get(&(from, to))
            .and_then(|line| line.link.clone())
        {
            Some(link) => link,
            None if from == to => Link::loopback(),
            None => self.default_link.clone(),
        };
        if self.is_cut(from, to) || link.loses(&self.numbers) {
            return self.record(from, What::Lost(packet.summary()));
        }
        let mut leaves = self.now;
        let transmission = link.transmission(packet.body.size());
        if transmission > 0 {
            let line = self.line(from, to);
            leaves = leaves.max(line.busy_until).saturating_add(transmission);
            line.busy_until = leaves;
        }
        let mut at = leaves
            .saturating_add(link.travel(&self.numbers))
            .saturating_add(delay);
        match packet.body {
            // The packets of a connection keep their order.
            Body::Segment(ref segment) => at = self.sockets.in_order(segment, at),
            Body::Datagram(ref data) => {
                if link.duplicates(&self.numbers) {
                    let twin = InFlight {
                        body: Body::Datagram(data.clone()),
                        ..packet
                    };
                    let travel = link.travel(&self.numbers);
                    self.schedule(
                        leaves.saturating_add(travel).saturating_add(delay),
                        Event::Arrival(Box::new(twin)),
                    );
                }
            }
            Body::Refusal => {}
        }
        let mut packet = packet;
        if let Body::Datagram(data) = &mut packet.body
            && !data.is_empty()
            && link.corrupts(&self.numbers)
        {
            let bit = self.numbers.below(data.len() as u64 * 8);
            data[(bit / 8) as usize] ^= 1 << (bit % 8);
        }
        self.schedule(at, Event::Arrival(Box::new(packet)));
    }

    /// Handles a packet that has arrived.
    fn arrive(&mut self, packet: InFlight) {
        if self.is_cut(packet.from, packet.to) {
            return self.record(packet.to, What::Lost(packet.summary()));
        }
        self.record(packet.to, What::Received(packet.summary()));
        let InFlight {
            to, source, target, ..
        } = packet;
        match packet.body {
            Body::Segment(segment) => self.segment_arrives(to, source, target, *segment),
            Body::Datagram(data) => self.datagram_arrives(to, source, target, data),
            Body::Refusal => self.refusal_arrives(to, source, target),
        }
    }

    fn show(&self, packet: &InFlight) -> Packet {
        packet.show(|host| self.nodes[host].name.clone())
    }
}
