//! Adapter to [hickory-resolver](https://docs.rs/hickory-resolver) 0.26: [`WakefulProvider`] gives
//! its queries the sockets, timers and tasks of the [wakeful](https://docs.rs/wakeful) runtime.
//!
//! Depend on `hickory-resolver` without default features, which would bring tokio's runtime;
//! `system-config` reads `/etc/resolv.conf`. A program that only needs `getaddrinfo` has it in
//! `wakeful::net::lookup_host`, on the blocking pool.
//!
//! ```no_run
//! use hickory_resolver::Resolver;
//! use wakeful_hickory::WakefulProvider;
//!
//! # async fn example() -> Result<(), hickory_resolver::net::NetError> {
//! let resolver = Resolver::builder(WakefulProvider::new())?.build()?;
//! for address in resolver.lookup_ip("localhost").await?.iter() {
//!     println!("{address}");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Threads
//!
//! A lookup must be polled inside a Wakeful runtime; outside it panics. A resolver is `Send`, as
//! hickory requires, but a TCP connection belongs to the loop of the lookup that opened it. So make
//! one resolver for each loop.
//!
//! # Cancel safety
//!
//! A lookup may be dropped at any time. Its sockets are closed; a connection that other lookups
//! share stays open.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(missing_debug_implementations)]

mod socket;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use async_trait::async_trait;
use hickory_net::runtime::{RuntimeProvider, Spawn, Time};
use wakeful_core::{ThreadBound, group, time};
use wakeful_net::TcpSocket;

pub use socket::{Tcp, Udp};

/// The time that hickory's own runtimes allow for a TCP connection, if the resolver sets none.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

type Opening<T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send>>;

/// Wakeful as a runtime of hickory. A value stands for the runtime in which it is used.
#[derive(Clone, Copy, Debug, Default)]
pub struct WakefulProvider {
    _private: (),
}

impl WakefulProvider {
    /// Returns a provider for the runtime in which it is used.
    pub fn new() -> WakefulProvider {
        WakefulProvider::default()
    }
}

impl RuntimeProvider for WakefulProvider {
    type Handle = Spawner;
    type Timer = Timer;
    type Udp = Udp;
    type Tcp = Tcp;

    fn create_handle(&self) -> Spawner {
        Spawner { _private: () }
    }

    fn connect_tcp(
        &self,
        server: SocketAddr,
        from: Option<SocketAddr>,
        limit: Option<Duration>,
    ) -> Opening<Tcp> {
        Box::pin(async move {
            let limit = limit.unwrap_or(CONNECT_TIMEOUT);
            // Bound at the first poll: the thread that makes this future may be another one.
            let connecting = ThreadBound::new(time::timeout(limit, connect(server, from)));
            connecting.await.unwrap_or_else(|_| {
                let text = format!("no TCP connection to {server} within {limit:?}");
                Err(io::Error::new(io::ErrorKind::TimedOut, text))
            })
        })
    }

    fn bind_udp(&self, local: SocketAddr, _server: SocketAddr) -> Opening<Udp> {
        Box::pin(async move {
            let binding = ThreadBound::new(wakeful_net::UdpSocket::bind(local));
            Ok(Udp::new(binding.await?))
        })
    }
}

async fn connect(server: SocketAddr, from: Option<SocketAddr>) -> io::Result<Tcp> {
    let socket = match server {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    if let Some(from) = from {
        socket.bind(from)?;
    }
    socket.set_nodelay(true)?;
    Ok(Tcp::new(socket.connect(server).await?))
}

/// Starts the background tasks of a resolver, which read from its connections. They belong to no
/// task group, and end with the resolver.
#[derive(Clone, Copy, Debug)]
pub struct Spawner {
    _private: (),
}

impl Spawn for Spawner {
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    fn spawn_bg(&mut self, future: impl Future<Output = ()> + Send + 'static) {
        group::spawn_background(future);
    }
}

/// The timer of a resolver, with the clock of the runtime in which it is used, which a test can
/// [`pause`](wakeful_core::time::pause).
#[derive(Clone, Copy, Debug)]
pub struct Timer {
    _private: (),
}

#[async_trait]
impl Time for Timer {
    async fn delay_for(duration: Duration) {
        ThreadBound::new(time::sleep(duration)).await;
    }

    async fn timeout<F: 'static + Future + Send>(
        duration: Duration,
        future: F,
    ) -> io::Result<F::Output> {
        let limited = ThreadBound::new(time::timeout(duration, future));
        limited.await.map_err(|_| {
            let text = format!("the DNS server did not answer within {duration:?}");
            io::Error::new(io::ErrorKind::TimedOut, text)
        })
    }
}
