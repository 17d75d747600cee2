//! The load: hand-written with epoll, on the core that the server does not use, the same for all
//! peers.

use std::io;
use std::net::TcpStream;
use std::time::Duration;

use hdrhistogram::Histogram;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::fd::{AsFd, OwnedFd};

pub mod accept;
pub mod fanout;
pub mod h2load;
pub mod open;
pub mod stream;
pub mod udp;
pub mod wrk;

/// Latencies in nanoseconds.
pub type Latencies = Histogram<u64>;

pub fn latencies() -> Latencies {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("valid bounds")
}

/// Sends requests to a server.
pub trait Load {
    /// Sends for `time`, then waits for the last answer. Returns the number of answered requests.
    fn run(&mut self, time: Duration, latencies: &mut Latencies) -> io::Result<u64>;
}

/// The time without an answer after which a server counts as failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// An edge-triggered epoll instance.
struct Poller {
    epoll: OwnedFd,
    events: Vec<Event>,
}

impl Poller {
    fn new() -> io::Result<Poller> {
        Ok(Poller {
            epoll: epoll::create(CreateFlags::CLOEXEC)?,
            events: Vec::with_capacity(1024),
        })
    }

    fn add(&self, socket: impl AsFd, key: usize) -> io::Result<()> {
        let edges = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        let data = EventData::new_u64(key as u64);
        Ok(epoll::add(&self.epoll, socket, data, edges)?)
    }

    /// Returns the keys of the ready descriptors; none if there was no event within `patience`.
    fn wait(&mut self, patience: Duration, keys: &mut Vec<usize>) -> io::Result<()> {
        self.events.clear();
        let timeout = patience.try_into().expect("seconds");
        match epoll::wait(
            &self.epoll,
            spare_capacity(&mut self.events),
            Some(&timeout),
        ) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        keys.clear();
        keys.extend(self.events.iter().map(|event| event.data.u64() as usize));
        Ok(())
    }

    /// Like `wait`, but returns an error if there was no event.
    fn wait_or_fail(&mut self, open: usize, keys: &mut Vec<usize>) -> io::Result<()> {
        self.wait(PATIENCE, keys)?;
        if keys.is_empty() {
            let text = format!("the server left {open} requests unanswered for {PATIENCE:?}");
            return Err(io::Error::new(io::ErrorKind::TimedOut, text));
        }
        Ok(())
    }
}

/// Closes with a reset, so that thousands of closed connections do not keep ports for a minute.
fn close_by_reset(socket: &TcpStream) -> io::Result<()> {
    socket2::SockRef::from(socket).set_linger(Some(Duration::ZERO))
}

fn would_block<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}
