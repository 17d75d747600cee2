//! Forwards TCP connections: `cargo run --example proxy 127.0.0.1:7002 127.0.0.1:8080`.
//!
//! The two directions of a connection end separately: when one side has sent the end of its stream,
//! the proxy shuts down its writing half to the other side, which may still answer. So a client
//! that sends a request and shuts down its writing half gets its reply.

use std::cell::Cell;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use wakeful::net::{TcpListener, TcpStream};
use wakeful::time::{Instant, sleep_until, timeout};
use wakeful_examples::{Args, accept, listen, raise_descriptor_limit};

const USAGE: &str = "\
usage: proxy [LISTEN] [UPSTREAM] [IDLE]

Forwards connections to LISTEN (127.0.0.1:7002) to UPSTREAM (127.0.0.1:8080), and closes those
on which nothing has moved for IDLE seconds (60).";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const BUFFER: usize = 16 * 1024;

#[wakeful::main]
async fn main() {
    let mut args = Args::from_env(USAGE);
    let address = args.address("LISTEN", "127.0.0.1:7002");
    let upstream = args.address("UPSTREAM", "127.0.0.1:8080");
    let idle = args.next("IDLE", 60_u32);
    args.finish();
    raise_descriptor_limit();
    let idle = Duration::from_secs(idle.into());
    serve(listen(&address).await, upstream, idle).await;
}

/// Serves clients until the future is dropped.
pub(crate) async fn serve(listener: TcpListener, upstream: String, idle: Duration) {
    let upstream = Rc::new(upstream);
    loop {
        let (client, peer) = accept(&listener).await;
        let upstream = upstream.clone();
        wakeful::spawn(async move {
            if let Err(error) = forward(&client, &upstream, idle).await {
                report(peer, &upstream, &error);
            }
        });
    }
}

fn report(peer: SocketAddr, upstream: &str, error: &io::Error) {
    eprintln!("{peer} -> {upstream}: {error}");
}

async fn forward(client: &TcpStream, upstream: &str, idle: Duration) -> io::Result<()> {
    let Ok(server) = timeout(CONNECT_TIMEOUT, TcpStream::connect(upstream)).await else {
        return Err(timed_out("no connection", CONNECT_TIMEOUT));
    };
    let server = server?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;

    let last_move = Cell::new(Instant::now());
    let both = async {
        let there = copy(client, &server, &last_move);
        let back = copy(&server, client, &last_move);
        // An error in one direction ends both; the end of a stream ends only its direction.
        wakeful::try_join!(there, back).map(|_| ())
    };
    wakeful::select! {
        biased;
        done = both => done,
        () = idle_for(idle, &last_move) => Err(timed_out("nothing moved", idle)),
    }
}

/// Copies until the end of `from`, then shuts down the writing half of `to`.
async fn copy(from: &TcpStream, to: &TcpStream, last_move: &Cell<Instant>) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        let length = from.read(&mut buffer).await?;
        last_move.set(Instant::now());
        if length == 0 {
            return match to.shutdown(Shutdown::Write) {
                // The peer has closed the connection; an error appears in the other direction.
                Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
                done => done,
            };
        }
        let mut rest = &buffer[..length];
        while !rest.is_empty() {
            match to.write(rest).await? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                written => rest = &rest[written..],
            }
            last_move.set(Instant::now());
        }
    }
}

/// Ends after `limit` without a byte. Uses one timer for both directions, which is armed again only
/// when it fires: a transfer stores the time, and does not touch the timer.
async fn idle_for(idle: Duration, last_move: &Cell<Instant>) {
    loop {
        let deadline = last_move.get() + idle;
        if Instant::now() >= deadline {
            return;
        }
        sleep_until(deadline).await;
    }
}

fn timed_out(what: &str, after: Duration) -> io::Error {
    io::Error::new(
        io::ErrorKind::TimedOut,
        format!("{what} for {} seconds", after.as_secs_f32()),
    )
}
