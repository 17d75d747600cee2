//! Connects, waits for the end of the stream, and connects again.

use std::io::{self, Read};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::{Latencies, Load, Poller, close_by_reset, would_block};

/// The number of connections that are open at the same time.
const WIDTH: usize = 16;

pub struct Connects {
    poller: Poller,
    address: SocketAddr,
}

impl Connects {
    pub fn new(address: SocketAddr) -> io::Result<Connects> {
        let poller = Poller::new()?;
        Ok(Connects { poller, address })
    }

    fn connect(&self, key: usize) -> io::Result<(TcpStream, Instant)> {
        let start = Instant::now();
        let socket = TcpStream::connect(self.address)?;
        close_by_reset(&socket)?;
        socket.set_nonblocking(true)?;
        self.poller.add(&socket, key)?;
        Ok((socket, start))
    }
}

impl Load for Connects {
    fn run(&mut self, time: Duration, latencies: &mut Latencies) -> io::Result<u64> {
        let begin = Instant::now();
        let mut clients = Vec::new();
        for key in 0..WIDTH {
            clients.push(Some(self.connect(key)?));
        }
        let (mut open, mut count, mut keys) = (WIDTH, 0, Vec::new());
        while open > 0 {
            self.poller.wait_or_fail(open, &mut keys)?;
            for &key in &keys {
                let Some((socket, start)) = &mut clients[key] else {
                    continue;
                };
                if would_block(socket.read(&mut [0]))? != Some(0) {
                    continue;
                }
                latencies.saturating_record(start.elapsed().as_nanos() as u64);
                count += 1;
                clients[key] = None;
                if begin.elapsed() < time {
                    clients[key] = Some(self.connect(key)?);
                } else {
                    open -= 1;
                }
            }
        }
        Ok(count)
    }
}
