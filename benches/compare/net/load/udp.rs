//! UDP load: each socket has a fixed number of datagrams in flight. If no reply arrives for 50 ms,
//! each socket sends that number again, in place of the lost datagrams.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use super::{Latencies, Load, Poller, would_block};

const SOCKETS: usize = 8;
/// Datagrams in flight for each socket. They fit into the buffer of the socket.
const WINDOW: usize = 8;

pub struct Datagrams {
    poller: Poller,
    sockets: Vec<UdpSocket>,
    size: usize,
    epoch: Instant,
}

impl Datagrams {
    pub fn connect(address: SocketAddr, size: usize) -> io::Result<Datagrams> {
        let poller = Poller::new()?;
        let mut sockets = Vec::new();
        for key in 0..SOCKETS {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
            socket.connect(address)?;
            socket.set_nonblocking(true)?;
            poller.add(&socket, key)?;
            sockets.push(socket);
        }
        let epoch = Instant::now();
        Ok(Datagrams {
            poller,
            sockets,
            size,
            epoch,
        })
    }

    fn now(&self) -> u64 {
        self.epoch.elapsed().as_nanos() as u64
    }

    /// Sends a datagram, which contains the time at which it is sent.
    fn send(&self, key: usize, now: u64) -> io::Result<()> {
        let mut datagram = [0; 2048];
        datagram[..8].copy_from_slice(&now.to_le_bytes());
        would_block(self.sockets[key].send(&datagram[..self.size])).map(drop)
    }

    fn fill(&self) -> io::Result<()> {
        for key in 0..SOCKETS {
            for _ in 0..WINDOW {
                self.send(key, self.now())?;
            }
        }
        Ok(())
    }
}

impl Load for Datagrams {
    fn run(&mut self, time: Duration, latencies: &mut Latencies) -> io::Result<u64> {
        let begin = Instant::now();
        let (mut count, mut lost, mut keys) = (0, 0, Vec::new());
        let mut buffer = [0; 2048];
        self.fill()?;
        loop {
            self.poller.wait(Duration::from_millis(50), &mut keys)?;
            let over = begin.elapsed() >= time;
            if keys.is_empty() {
                // All datagrams in flight were received or are lost.
                if over {
                    return Ok(count);
                }
                lost += 1;
                if lost > 100 {
                    let text = "the server stopped answering datagrams";
                    return Err(io::Error::new(io::ErrorKind::TimedOut, text));
                }
                self.fill()?;
            }
            for &key in &keys {
                while would_block(self.sockets[key].recv(&mut buffer))?.is_some() {
                    let now = self.now();
                    let sent = u64::from_le_bytes(buffer[..8].try_into().expect("8 bytes"));
                    latencies.saturating_record(now - sent);
                    count += 1;
                    if !over {
                        self.send(key, now)?;
                    }
                }
            }
        }
    }
}
