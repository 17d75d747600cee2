//! One connection sends, all receive. The next message is sent when all have received the last one.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::stream::greet;
use super::{Latencies, Load, Poller, would_block};
use crate::net::wire::Exchange;

pub struct Fanout {
    poller: Poller,
    clients: Vec<(TcpStream, usize)>,
    message: Vec<u8>,
}

impl Fanout {
    /// Connects a sender and `receivers` more. The sender receives its own messages, too.
    pub fn connect(address: SocketAddr, receivers: usize, size: usize) -> io::Result<Fanout> {
        let exchange = Exchange::echo(size);
        let mut clients: Vec<(TcpStream, usize)> = Vec::with_capacity(receivers + 1);
        for _ in 0..=receivers {
            // Every connection sends once, so those before it have received that.
            let socket = greet(address, &exchange)?;
            for (other, _) in &mut clients {
                other.set_nonblocking(false)?;
                other.read_exact(&mut vec![0; size])?;
                other.set_nonblocking(true)?;
            }
            clients.push((socket, 0));
        }
        let poller = Poller::new()?;
        for (key, (socket, _)) in clients.iter().enumerate() {
            poller.add(socket, key)?;
        }
        Ok(Fanout {
            poller,
            clients,
            message: exchange.request,
        })
    }
}

impl Load for Fanout {
    /// Counts received messages. A latency is that of the last receiver.
    fn run(&mut self, time: Duration, latencies: &mut Latencies) -> io::Result<u64> {
        let begin = Instant::now();
        let (mut count, mut keys) = (0, Vec::new());
        let mut buffer = vec![0; 2 * self.message.len()];
        while begin.elapsed() < time {
            let start = Instant::now();
            self.clients[0].0.write_all(&self.message)?;
            let mut open = self.clients.len();
            while open > 0 {
                self.poller.wait_or_fail(open, &mut keys)?;
                for &key in &keys {
                    let (socket, heard) = &mut self.clients[key];
                    if let Some(length) = would_block(socket.read(&mut buffer))? {
                        *heard += length;
                    }
                    if *heard >= self.message.len() {
                        *heard -= self.message.len();
                        open -= 1;
                    }
                }
            }
            latencies.saturating_record(start.elapsed().as_nanos() as u64);
            count += self.clients.len() as u64;
        }
        Ok(count)
    }
}
