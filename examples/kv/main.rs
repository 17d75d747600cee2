//! A key-value server that speaks the Redis protocol.
//!
//! ```text
//! cargo run --release --example kv
//! redis-cli -p 6379 set greeting hello
//! redis-benchmark -p 6379 -t set,get -P 16 -c 50 -n 200000 -q
//! ```
//!
//! One thread serves all clients, so the store is a plain map in a `RefCell`: commands run one
//! after the other. All requests that arrive together cost one read and one write, and an idle
//! client has no buffer. Nothing is written to disk.
//!
//! `resp` parses requests, `session` is one client without its socket, `commands` (with `strings`
//! and `keys`) executes them on the `store`, and `reply` writes the replies.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::Duration;

use wakeful::net::{TcpListener, TcpStream};
use wakeful::time::{Instant, interval, sleep_until};
use wakeful_examples::{Args, accept, close_gently, listen, raise_descriptor_limit};

mod commands;
mod glob;
mod keys;
#[cfg(test)]
mod limits;
mod reply;
mod resp;
mod session;
mod store;
mod strings;
#[cfg(test)]
mod tests;

use commands::{Client, Server};
use resp::Limits;
use session::{Next, Session};
use store::Millis;

const USAGE: &str = "\
usage: kv [ADDRESS] [--max-bulk BYTES] [--max-clients N] [--idle SECONDS]

Serves a key-value store in the Redis protocol at ADDRESS (127.0.0.1:6379).
  --max-bulk BYTES   the longest key or value (67108864, which is 64 MiB)
  --max-clients N    the most clients at a time (10000)
  --idle SECONDS     a client that completes no request for so long is let go (300)";

/// The largest number of bytes in one read.
const READ_SIZE: usize = 64 * 1024;
/// The capacity of a buffer for replies that is kept for the next batch.
const KEEP_OUTPUT: usize = 256 * 1024;
/// How often expired keys are freed; each time at most `SWEEP_LIMIT` of them.
const SWEEP_EVERY: Duration = Duration::from_millis(100);
const SWEEP_LIMIT: usize = 10_000;

#[wakeful::main]
async fn main() {
    let mut args = Args::from_env(USAGE);
    let max_bulk = args.option("--max-bulk", 64 * 1024 * 1024);
    let max_clients = args.option("--max-clients", 10_000);
    let idle = Duration::from_secs(args.option("--idle", 300_u32).into());
    let address = args.address("ADDRESS", "127.0.0.1:6379");
    args.finish();
    raise_descriptor_limit();
    let policy = Policy {
        max_bulk,
        max_clients,
        idle,
    };
    serve(listen(&address).await, policy).await;
}

/// The limits of the requests of a client.
pub(crate) struct Policy {
    /// Bytes in one key or value.
    pub(crate) max_bulk: usize,
    pub(crate) max_clients: usize,
    /// The longest time in which a client completes no request, or reads no reply.
    pub(crate) idle: Duration,
}

/// Serves clients until the future is dropped.
pub(crate) async fn serve(listener: TcpListener, policy: Policy) {
    let limits = Limits::with_max_bulk(policy.max_bulk);
    let mut server = Server::new(limits, policy.max_clients);
    server.port = listener.local_addr().map_or(0, |address| address.port());
    let shared = Rc::new(Shared {
        server: RefCell::new(server),
        start: Instant::now(),
        idle: policy.idle,
        input: Cell::default(),
        output: Cell::default(),
    });
    wakeful::spawn(sweep(shared.clone()));
    loop {
        let (stream, _) = accept(&listener).await;
        let shared = shared.clone();
        wakeful::spawn(async move {
            // An error of one connection does not affect the others.
            let _ = shared.serve_client(&stream).await;
        });
    }
}

async fn sweep(shared: Rc<Shared>) {
    let mut interval = interval(SWEEP_EVERY);
    loop {
        interval.tick().await;
        let now = shared.now();
        shared.server.borrow_mut().store.sweep(now, SWEEP_LIMIT);
    }
}

struct Shared {
    server: RefCell<Server>,
    start: Instant,
    idle: Duration,
    /// The buffers that all clients use in turn: a client takes one for a batch and puts it back.
    /// If another client has it, the `Vec` here is empty.
    input: Cell<Vec<u8>>,
    output: Cell<Vec<u8>>,
}

impl Shared {
    fn now(&self) -> Millis {
        self.start.elapsed().as_millis() as Millis
    }

    async fn serve_client(&self, stream: &TcpStream) -> io::Result<()> {
        let Some((_seat, session)) = self.sit_down() else {
            let refusal = b"-ERR max number of clients reached\r\n";
            stream.write_all(refusal).await?;
            return close_gently(stream).await;
        };
        stream.set_nodelay(true)?;
        let progress = Cell::new(Instant::now());
        wakeful::select! {
            biased;
            done = self.talk(stream, session, &progress) => done,
            // Redis sends nothing either: the client would take a text for a reply.
            () = self.without(&progress) => Ok(()),
        }
    }

    /// Ends after `limit` without progress. Uses one timer for each client, which is armed again
    /// only when it fires.
    async fn without(&self, progress: &Cell<Instant>) {
        loop {
            let deadline = progress.get() + self.idle;
            if Instant::now() >= deadline {
                return;
            }
            sleep_until(deadline).await;
        }
    }

    async fn talk(
        &self,
        stream: &TcpStream,
        mut session: Session,
        progress: &Cell<Instant>,
    ) -> io::Result<()> {
        loop {
            stream.readable().await?;
            let mut replies = self.output.take();
            let mut next = match self.read(stream, &mut session, &mut replies) {
                Ok(next) => next,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Next::Read,
                Err(error) => return Err(error),
            };
            loop {
                if !replies.is_empty() {
                    progress.set(Instant::now());
                    stream.write_all(&replies).await?;
                    replies.clear();
                }
                if next != Next::Resume {
                    break;
                }
                let server = &mut self.server.borrow_mut();
                next = session.feed(&[], server, self.now(), &mut replies);
            }
            replies.shrink_to(KEEP_OUTPUT);
            self.output.set(replies);
            if next == Next::Close {
                return close_gently(stream).await;
            }
        }
    }

    /// Reads the received bytes and executes their requests.
    fn read(
        &self,
        stream: &TcpStream,
        session: &mut Session,
        replies: &mut Vec<u8>,
    ) -> io::Result<Next> {
        let mut input = self.input.take();
        input.resize(READ_SIZE, 0);
        let result = stream.try_read(&mut input).map(|length| match length {
            0 => Next::Close,
            length => {
                let server = &mut self.server.borrow_mut();
                session.feed(&input[..length], server, self.now(), replies)
            }
        });
        self.input.set(input);
        result
    }

    /// Returns a place for one more client, if one is free. The place is free again when it is
    /// dropped.
    fn sit_down(&self) -> Option<(Seat<'_>, Session)> {
        let mut server = self.server.borrow_mut();
        if server.clients >= server.max_clients {
            return None;
        }
        server.clients += 1;
        server.connections += 1;
        let client = Client {
            id: server.connections,
            name: Vec::new(),
        };
        Some((Seat(self), Session::new(server.limits, client)))
    }
}

/// A place among the served clients, which is free again when it is dropped.
struct Seat<'a>(&'a Shared);

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.0.server.borrow_mut().clients -= 1;
    }
}
