//! The hand-written epoll loop: a program without a runtime, which is the limit for all peers.
//!
//! Edge-triggered; each descriptor is registered once, and a request allocates nothing.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};

const LISTENER: u64 = u64::MAX;

/// The accepted connections. A slot is used again when its connection has ended.
pub type Slots<C> = Vec<Option<C>>;

/// Serves forever. Calls `ready` for each edge of a connection. The flag means that the peer sends
/// no more, so that a short read does not mean an empty socket. An error ends the connection.
pub fn serve<C>(
    listener: TcpListener,
    mut open: impl FnMut(TcpStream) -> io::Result<C>,
    mut ready: impl FnMut(&mut Slots<C>, usize, bool) -> io::Result<()>,
) -> io::Result<()>
where
    C: AsFd,
{
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    let data = EventData::new_u64(LISTENER);
    epoll::add(&epoll, &listener, data, EventFlags::IN)?;
    let mut slots: Slots<C> = Vec::new();
    let mut free = Vec::new();
    let mut events: Vec<Event> = Vec::with_capacity(1024);
    loop {
        events.clear();
        match epoll::wait(&epoll, spare_capacity(&mut events), None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in &events {
            let key = event.data.u64();
            if key == LISTENER {
                accept(&listener, |socket| {
                    let slot = free.pop().unwrap_or_else(|| {
                        slots.push(None);
                        slots.len() - 1
                    });
                    let connection = open(socket)?;
                    let edges =
                        EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
                    let data = EventData::new_u64(slot as u64);
                    epoll::add(&epoll, &connection, data, edges)?;
                    slots[slot] = Some(connection);
                    Ok(())
                })?;
                continue;
            }
            let slot = key as usize;
            let last = EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR;
            let flags = event.flags;
            if slots[slot].is_some() && ready(&mut slots, slot, flags.intersects(last)).is_err() {
                slots[slot] = None;
                free.push(slot);
            }
        }
    }
}

/// Accepts all waiting connections.
pub fn accept(
    listener: &TcpListener,
    mut open: impl FnMut(TcpStream) -> io::Result<()>,
) -> io::Result<()> {
    use rustix::net::SocketFlags;
    loop {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        match rustix::net::accept_with(listener, flags) {
            Ok(socket) => open(TcpStream::from(socket))?,
            Err(rustix::io::Errno::AGAIN) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

/// A connection, and the bytes that the socket has not accepted yet.
pub struct Connection {
    pub socket: TcpStream,
    pub unsent: Vec<u8>,
}

impl AsFd for Connection {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Connection {
    pub fn new(socket: TcpStream) -> io::Result<Connection> {
        socket.set_nodelay(true)?;
        let unsent = Vec::new();
        Ok(Connection { socket, unsent })
    }

    /// Returns `None` if there are no bytes yet. The end of the stream is an error.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match (&self.socket).read(buffer) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(length) => Ok(Some(length)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes, and stores the rest. Returns false if it has to wait until the socket is writable.
    pub fn write(&mut self, data: &[u8]) -> io::Result<bool> {
        let sent = if self.unsent.is_empty() {
            self.send(data)?
        } else {
            0
        };
        self.unsent.extend_from_slice(&data[sent..]);
        Ok(self.unsent.is_empty())
    }

    /// Writes the stored bytes. Returns false if some are left.
    pub fn flush(&mut self) -> io::Result<bool> {
        if self.unsent.is_empty() {
            return Ok(true);
        }
        let sent = self.send(&self.unsent)?;
        self.unsent.drain(..sent);
        Ok(self.unsent.is_empty())
    }

    fn send(&self, data: &[u8]) -> io::Result<usize> {
        match (&self.socket).write(data) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            result => result,
        }
    }
}
