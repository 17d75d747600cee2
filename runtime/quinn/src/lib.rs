//! Adapter to [quinn](https://docs.rs/quinn) 0.11: [`WakefulRuntime`] is a [`Runtime`] for QUIC on
//! the [wakeful](https://docs.rs/wakeful) runtime.
//!
//! [`bind`] makes an endpoint, in place of `Endpoint::client` and `Endpoint::server`, which know
//! only the runtimes of quinn's features. Depend on `quinn` without default features, and with one
//! for its cryptography, such as `rustls-ring`.
//!
//! ```no_run
//! # async fn example(tls: quinn::ServerConfig) -> std::io::Result<()> {
//! use quinn::EndpointConfig;
//!
//! let address = "127.0.0.1:7000".parse().unwrap();
//! let endpoint = wakeful_quinn::bind(address, EndpointConfig::default(), Some(tls))?;
//! while let Some(incoming) = endpoint.accept().await {
//!     wakeful::spawn(async move {
//!         let connection = incoming.await?;
//!         while let Ok((mut send, mut receive)) = connection.accept_bi().await {
//!             let request = receive.read_to_end(64 * 1024).await.unwrap_or_default();
//!             let _ = send.write_all(&request).await;
//!             let _ = send.finish();
//!         }
//!         Ok::<_, quinn::ConnectionError>(())
//!     });
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Threads
//!
//! The drivers of an endpoint and of its connections are tasks of the loop in which the
//! [`WakefulRuntime`] was made, and the socket and the timers belong to that loop. The handles of
//! quinn are `Send`: `Endpoint`, `Connection` and the streams also work on other threads, and in
//! other runtimes.
//!
//! # Datagrams in one system call
//!
//! The socket uses segmentation offload (GSO, GRO) and the other options of `quinn-udp` where the
//! system has them, as quinn's own sockets do.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(missing_debug_implementations)]

mod socket;
mod timer;

use std::future::Future;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use quinn::{AsyncTimer, AsyncUdpSocket, Endpoint, EndpointConfig, Runtime, ServerConfig};
use socket2::{Domain, Protocol, Socket, Type};
use wakeful_core::{Handle, ThreadBound, group, time};

use crate::timer::Timer;

/// Creates an endpoint at an address, with this thread's runtime. Port 0 lets the system choose. It
/// accepts connections only with a `ServerConfig`; for a client, see
/// `Endpoint::set_default_client_config`.
///
/// An IPv6 address also takes IPv4, where the system allows it.
///
/// # Errors
///
/// Errors of the system; the text names the address.
///
/// # Panics
///
/// Outside a runtime.
#[track_caller]
pub fn bind(
    address: SocketAddr,
    config: EndpointConfig,
    server: Option<ServerConfig>,
) -> io::Result<Endpoint> {
    let runtime = Arc::new(WakefulRuntime::new());
    let socket = bound(address).map_err(|error| {
        io::Error::new(error.kind(), format!("can't bind to {address}: {error}"))
    })?;
    Endpoint::new(config, server, socket, runtime)
}

fn bound(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    if address.is_ipv6() {
        // Not every system allows it, and IPv6 works without.
        let _ = socket.set_only_v6(false);
    }
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// Wakeful as a runtime of quinn. It stands for the Wakeful runtime in which it was made, and may
/// be used on other threads.
#[derive(Debug)]
pub struct WakefulRuntime {
    handle: Handle,
    /// Tells whether this is the thread of the runtime.
    thread: ThreadBound<()>,
}

impl WakefulRuntime {
    /// Returns this thread's runtime.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn new() -> WakefulRuntime {
        WakefulRuntime {
            handle: Handle::current(),
            thread: ThreadBound::new(()),
        }
    }

    /// Whether the caller is inside of the runtime.
    fn is_current(&self) -> bool {
        self.thread.is_accessible()
            && Handle::try_current().is_ok_and(|handle| handle.id() == self.handle.id())
    }
}

impl Default for WakefulRuntime {
    /// As [`new`](WakefulRuntime::new).
    #[track_caller]
    fn default() -> WakefulRuntime {
        WakefulRuntime::new()
    }
}

impl Runtime for WakefulRuntime {
    fn new_timer(&self, deadline: Instant) -> Pin<Box<dyn AsyncTimer>> {
        Box::pin(Timer::new(deadline))
    }

    /// Starts a task that belongs to no task group, as the driver of a connection ends after it.
    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        if self.is_current() {
            group::spawn_background(future);
        } else {
            self.handle.spawn(future);
        }
    }

    /// # Panics
    ///
    /// Outside the runtime: the socket is registered with its reactor.
    #[track_caller]
    fn wrap_udp_socket(&self, socket: UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        assert!(
            self.is_current(),
            "a socket of quinn was wrapped outside of the Wakeful runtime of its endpoint: create \
             or rebind the endpoint inside of it, for example by `Handle::spawn_with`"
        );
        Ok(Arc::new(socket::Socket::new(socket)?))
    }

    /// Returns the time of the runtime's clock, which a test can pause. On other threads it is the
    /// system's.
    fn now(&self) -> Instant {
        time::Instant::now().into_std()
    }
}
