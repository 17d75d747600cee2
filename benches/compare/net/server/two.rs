//! Echo and `kv` on two cores: Wakeful's shards, tokio's multi-threaded runtime, two runtimes of
//! monoio. Each has two threads, pinned to a core each; the load shares one of the cores.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use socket2::{Domain, Socket, Type};
use wakeful::Shards;
use wakeful::net::shard::{Acceptor, Balance};

use super::{announce, echo, pipelined};
use crate::net::machine;
use crate::net::peers::{self, Peer, Result};
use crate::net::wire::kv::Kv;

/// The service. All connections of `kv` have one store, behind a lock that is taken once for 16
/// commands, the same for all peers.
#[derive(Clone)]
pub enum What {
    Echo,
    Kv(Kv),
}

const CORES: [usize; 2] = [machine::SERVER_CORE, machine::LOAD_CORE];

pub fn serve(peer: Peer, what: What, size: usize) -> Result {
    machine::pin_to(&CORES);
    match peer {
        Peer::Wakeful => wakeful(what, size),
        Peer::Tokio => tokio(what, size),
        Peer::Monoio => monoio(what, size),
        _ => Err(io::Error::other("this peer has no service on two cores")),
    }
}

fn wakeful(what: What, size: usize) -> Result {
    // In turn, so that each shard has half of the connections.
    let acceptor = Acceptor::bind((Ipv4Addr::LOCALHOST, 0), CORES.len(), Balance::RoundRobin)?;
    announce(acceptor.local_addr())?;
    let shards = Shards::builder().shards(CORES.len()).pin(true).build()?;
    shards.try_on_each(move |shard| {
        let incoming = acceptor.join(&shard);
        let what = what.clone();
        async move {
            let mut incoming = incoming?;
            while let Some(accepted) = incoming.accept().await {
                let (stream, open) = accepted?.0.into_parts();
                // The number of connections of each shard is not needed.
                drop(open);
                stream.set_nodelay(true)?;
                match &what {
                    What::Echo => drop(wakeful::spawn(echo::wakeful_echo(stream, size, || ()))),
                    What::Kv(kv) => {
                        let session = pipelined::wakeful_session(stream, size, kv.clone());
                        drop(wakeful::spawn(session));
                    }
                }
            }
            Ok::<_, io::Error>(())
        }
    });
    Ok(shards.join()?)
}

fn tokio(what: What, size: usize) -> Result {
    let next = AtomicUsize::new(0);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(CORES.len())
        .on_thread_start(move || machine::pin(CORES[next.fetch_add(1, Ordering::Relaxed) % 2]))
        .enable_all()
        .build()?;
    let listener = super::listen()?;
    announce(listener.local_addr()?)?;
    runtime.block_on(async move {
        // The loop that accepts is a task on a worker as well.
        let accepting = match what {
            What::Echo => tokio::spawn(echo::tokio_main(listener, size)),
            What::Kv(kv) => tokio::spawn(pipelined::tokio_main(listener, size, kv)),
        };
        accepting.await.map_err(io::Error::other)?
    })
}

/// Creates a listener with `SO_REUSEPORT` for each runtime: monoio has no other way.
fn monoio(what: What, size: usize) -> Result {
    let first = listen_beside((Ipv4Addr::LOCALHOST, 0).into())?;
    let address = first.local_addr()?;
    let listeners = [first, listen_beside(address)?];
    announce(address)?;
    let threads = CORES.into_iter().zip(listeners).map(|(core, listener)| {
        let what = what.clone();
        thread::spawn(move || {
            machine::pin(core);
            let main: Pin<Box<dyn Future<Output = Result>>> = match what {
                What::Echo => Box::pin(echo::monoio_main(listener, size)),
                What::Kv(kv) => Box::pin(pipelined::monoio_main(listener, size, kv)),
            };
            peers::monoio(main)
        })
    });
    for thread in threads.collect::<Vec<_>>() {
        thread.join().expect("it does not panic")?;
    }
    Ok(())
}

fn listen_beside(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM.nonblocking(), None)?;
    socket.set_reuse_port(true)?;
    socket.bind(&address.into())?;
    socket.listen(4096)?;
    Ok(socket.into())
}
