//! Sends requests at a fixed rate, whether or not the earlier ones have been answered. A latency
//! counts from the time at which the request was due: a server that is late for one request is also
//! late for the next ones, and a load that waits for answers would not measure that (coordinated
//! omission).

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::stream::greet;
use super::{Latencies, Load, PATIENCE, Poller, would_block};
use crate::net::wire::Exchange;

struct Client {
    socket: TcpStream,
    /// The number of bytes to be sent.
    unsent: usize,
    /// The number of received bytes of the oldest answer.
    received: usize,
    /// The times at which the open requests were due.
    due: VecDeque<Instant>,
}

/// Connections that send in turn.
pub struct Open {
    poller: Poller,
    clients: Vec<Client>,
    exchange: Exchange,
    /// The time between two requests.
    every: Duration,
    buffer: Vec<u8>,
}

impl Open {
    /// Connects. `rate` is the number of requests a second of all connections together.
    pub fn connect(
        address: SocketAddr,
        connections: usize,
        rate: u32,
        exchange: Exchange,
    ) -> io::Result<Open> {
        let poller = Poller::new()?;
        let mut clients = Vec::with_capacity(connections);
        for key in 0..connections {
            let socket = greet(address, &exchange)?;
            poller.add(&socket, key)?;
            clients.push(Client {
                socket,
                unsent: 0,
                received: 0,
                due: VecDeque::new(),
            });
        }
        Ok(Open {
            poller,
            clients,
            exchange,
            every: Duration::from_secs(1) / rate,
            buffer: vec![0; 64 * 1024],
        })
    }
}

impl Client {
    fn send(&mut self, exchange: &Exchange) -> io::Result<()> {
        let request = &exchange.request;
        while self.unsent > 0 {
            let at = request.len() - 1 - (self.unsent - 1) % request.len();
            match would_block(self.socket.write(&request[at..]))? {
                None => break,
                Some(length) => self.unsent -= length,
            }
        }
        Ok(())
    }

    /// Returns the number of answers that arrived.
    fn receive(
        &mut self,
        exchange: &Exchange,
        buffer: &mut [u8],
        latencies: &mut Latencies,
    ) -> io::Result<usize> {
        let mut answers = 0;
        while let Some(length) = would_block(self.socket.read(buffer))? {
            if length == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let now = Instant::now();
            self.received += length;
            while self.received >= exchange.reply.len() {
                self.received -= exchange.reply.len();
                let due = self.due.pop_front().expect("one answer to a request");
                latencies.saturating_record((now - due).as_nanos() as u64);
                answers += 1;
            }
            if length < buffer.len() {
                break;
            }
        }
        Ok(answers)
    }
}

impl Load for Open {
    fn run(&mut self, time: Duration, latencies: &mut Latencies) -> io::Result<u64> {
        let begin = Instant::now();
        let (mut sent, mut answered, mut keys) = (0_u32, 0, Vec::new());
        loop {
            let now = Instant::now();
            let mut due = begin + self.every * sent;
            while due <= now && due - begin < time {
                let turn = sent as usize % self.clients.len();
                let client = &mut self.clients[turn];
                client.due.push_back(due);
                client.unsent += self.exchange.request.len();
                client.send(&self.exchange)?;
                sent += 1;
                due = begin + self.every * sent;
            }
            // It does not sleep, as it would wake late for the next request.
            self.poller.wait(Duration::ZERO, &mut keys)?;
            for &key in &keys {
                let client = &mut self.clients[key];
                client.send(&self.exchange)?;
                answered += client.receive(&self.exchange, &mut self.buffer, latencies)?;
            }
            if now - begin >= time && answered == sent as usize {
                return Ok(answered as u64);
            }
            if now - begin > time + PATIENCE {
                let text = format!("{answered} of {sent} requests were answered");
                return Err(io::Error::new(io::ErrorKind::TimedOut, text));
            }
        }
    }
}
