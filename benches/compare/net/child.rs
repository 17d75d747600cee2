//! A server as the driver uses it: a child process that is killed when its value is dropped.

use std::io::{self, BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};

use super::peers::Peer;
use super::server::{self, Service};

pub struct Server {
    child: Child,
    out: BufReader<ChildStdout>,
    pub address: SocketAddr,
}

/// The answer of a server about its memory.
#[derive(Clone, Copy)]
pub struct Memory {
    /// Allocated bytes.
    pub in_use: i64,
    /// Bytes of the future of a connection, which belongs to the program, not to the runtime.
    pub future: i64,
}

impl Server {
    /// Starts this program again, as a server with buffers of `size` bytes.
    pub fn start(peer: Peer, service: Service, size: usize) -> io::Result<Server> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args([server::FLAG, peer.name(), service.name(), &size.to_string()]);
        Server::spawn(command)
    }

    /// Starts a server that answers queries about its memory.
    pub fn start_for_memory(peer: Peer, service: Service, size: usize) -> io::Result<Server> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args([server::FLAG, peer.name(), service.name(), &size.to_string()]);
        command.env(server::ASK_MEMORY, "1");
        Server::spawn(command)
    }

    fn spawn(mut command: Command) -> io::Result<Server> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut out = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        let read = out.read_line(&mut line);
        match (read, line.trim().parse()) {
            (Ok(_), Ok(address)) => Ok(Server {
                child,
                out,
                address,
            }),
            (read, _) => {
                let _ = child.kill();
                let _ = child.wait();
                read?;
                Err(io::Error::other(
                    "the server ended before it printed its address",
                ))
            }
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn memory(&mut self) -> io::Result<Memory> {
        self.child
            .stdin
            .as_mut()
            .expect("it is piped")
            .write_all(b"idle\n")?;
        let mut line = String::new();
        self.out.read_line(&mut line)?;
        let told = line
            .split_whitespace()
            .map(str::parse)
            .collect::<Result<Vec<i64>, _>>();
        match told.as_deref() {
            Ok(&[in_use, future]) => Ok(Memory { in_use, future }),
            _ => Err(io::Error::other(format!(
                "the server answered {line:?} to the query about its memory"
            ))),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
