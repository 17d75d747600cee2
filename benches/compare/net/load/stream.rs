//! Requests and answers of known length over streams: each connection has one exchange open.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::{Latencies, Load, PATIENCE, Poller, close_by_reset, would_block};
use crate::net::wire::Exchange;

struct Client {
    socket: TcpStream,
    sent: usize,
    received: usize,
    start: Instant,
    open: bool,
}

/// Connections to one server, of which the first `active` send requests.
pub struct Streams {
    poller: Poller,
    clients: Vec<Client>,
    active: usize,
    exchange: Exchange,
    buffer: Vec<u8>,
}

impl Streams {
    /// Connects, and compares the answer of one exchange on each connection byte by byte, so that
    /// all are accepted and warm.
    pub fn connect(
        address: SocketAddr,
        connections: usize,
        active: usize,
        exchange: Exchange,
    ) -> io::Result<Streams> {
        let poller = Poller::new()?;
        let mut clients = Vec::with_capacity(connections);
        for key in 0..connections {
            let socket = greet(address, &exchange)?;
            if key < active {
                poller.add(&socket, key)?;
            }
            clients.push(Client {
                socket,
                sent: 0,
                received: 0,
                start: Instant::now(),
                open: false,
            });
        }
        let buffer = vec![0; 256 * 1024];
        Ok(Streams {
            poller,
            clients,
            active,
            exchange,
            buffer,
        })
    }
}

/// Connects and makes one exchange.
pub fn greet(address: SocketAddr, exchange: &Exchange) -> io::Result<TcpStream> {
    let mut socket = TcpStream::connect(address)?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    close_by_reset(&socket)?;
    socket.write_all(&exchange.request)?;
    let mut reply = vec![0; exchange.reply.len()];
    socket.read_exact(&mut reply)?;
    if reply != exchange.reply {
        let text = format!(
            "the server's answer is wrong: {:?}",
            String::from_utf8_lossy(&reply[..reply.len().min(200)])
        );
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}

impl Client {
    fn begin(&mut self, exchange: &Exchange, now: Instant) -> io::Result<()> {
        (self.sent, self.received, self.start, self.open) = (0, 0, now, true);
        self.send(exchange)
    }

    fn send(&mut self, exchange: &Exchange) -> io::Result<()> {
        let rest = &exchange.request[self.sent..];
        if !rest.is_empty() {
            self.sent += would_block(self.socket.write(rest))?.unwrap_or(0);
        }
        Ok(())
    }

    /// Returns whether the exchange is complete.
    fn advance(&mut self, exchange: &Exchange, buffer: &mut [u8]) -> io::Result<bool> {
        self.send(exchange)?;
        while self.received < exchange.reply.len() {
            match would_block(self.socket.read(buffer))? {
                None => return Ok(false),
                Some(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Some(length) => self.received += length,
            }
            // The server may have waited for space in its send buffer.
            self.send(exchange)?;
        }
        self.open = false;
        Ok(true)
    }
}

impl Load for Streams {
    fn run(&mut self, time: Duration, latencies: &mut Latencies) -> io::Result<u64> {
        let begin = Instant::now();
        for client in &mut self.clients[..self.active] {
            client.begin(&self.exchange, begin)?;
        }
        let (mut open, mut count, mut keys) = (self.active, 0, Vec::new());
        while open > 0 {
            self.poller.wait_or_fail(open, &mut keys)?;
            for &key in &keys {
                let client = &mut self.clients[key];
                if !client.open || !client.advance(&self.exchange, &mut self.buffer)? {
                    continue;
                }
                let now = Instant::now();
                count += self.exchange.count;
                latencies.saturating_record((now - client.start).as_nanos() as u64);
                if now - begin < time {
                    client.begin(&self.exchange, now)?;
                } else {
                    open -= 1;
                }
            }
        }
        Ok(count)
    }
}
