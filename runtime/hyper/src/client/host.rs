//! The connections to one host.

use std::cell::{Cell, RefCell};
use std::mem;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use hyper::Uri;
use hyper::client::conn::{http1, http2};
use wakeful_core::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use wakeful_core::time::{Instant, timeout};

use super::body::LocalBody;
use super::connect::{Sender, connect};
use super::error::{ErrorKind, Failure};
use super::options::Options;

/// The connections to one host and port.
///
/// A connection of HTTP/1 is idle, or it has a permit. A permit is taken before a connection, and
/// an idle connection is preferred to a new one. So there are at most as many connections as
/// permits.
pub(super) struct Host {
    permits: Rc<Semaphore>,
    /// Held while the first connection is made, which shows the protocol, and while a connection of
    /// HTTP/2 is made, of which one suffices.
    first: Mutex<()>,
    protocol: Cell<Protocol>,
    idle: RefCell<Vec<Idle>>,
    shared: RefCell<Option<Shared>>,
}

#[derive(Clone, Copy, PartialEq)]
enum Protocol {
    Unknown,
    Http1,
    Http2,
}

/// An idle connection of HTTP/1.
struct Idle {
    sender: http1::SendRequest<LocalBody>,
    since: Instant,
}

/// The connection of HTTP/2.
struct Shared {
    sender: http2::SendRequest<LocalBody>,
    /// Cloned by each stream.
    streams: Arc<()>,
    used: Instant,
}

/// The right to send one request.
pub(super) struct Lease {
    pub(super) connection: Leased,
    /// Whether the connection has been used before, so that the server may have closed it.
    pub(super) is_used: bool,
}

pub(super) enum Leased {
    Http1(http1::SendRequest<LocalBody>, OwnedSemaphorePermit),
    Http2(http2::SendRequest<LocalBody>, Arc<()>),
}

impl Host {
    pub(super) fn new(options: &Options, is_https: bool) -> Host {
        let protocol = match (options.http2_only, is_https) {
            (true, _) => Protocol::Http2,
            (false, true) => Protocol::Unknown,
            (false, false) => Protocol::Http1,
        };
        Host {
            permits: Rc::new(Semaphore::new(options.max_connections)),
            first: Mutex::new(()),
            protocol: Cell::new(protocol),
            idle: RefCell::default(),
            shared: RefCell::default(),
        }
    }

    /// Takes a connection, or makes one.
    pub(super) async fn lease(&self, options: &Options, uri: &Uri) -> Result<Lease, Failure> {
        loop {
            if let Some(lease) = self.take_shared() {
                return Ok(lease);
            }
            if self.protocol.get() == Protocol::Http1 {
                let permit = self.permit().await;
                if let Some(sender) = self.take_idle(options.idle_timeout) {
                    return Ok(Lease {
                        connection: Leased::Http1(sender, permit),
                        is_used: true,
                    });
                }
                return Ok(self.accept(connect(options, uri).await?, permit));
            }
            // Within the same limit as a connect: if the host does not answer, waiting for the
            // attempts of all requests before this one would take long.
            let first = timeout(options.connect_timeout, self.first.lock()).await;
            let _first = first.map_err(|_| (ErrorKind::ConnectTimeout, None))?;
            if self.protocol.get() == Protocol::Http1 || self.has_shared() {
                continue;
            }
            let permit = self.permit().await;
            return Ok(self.accept(connect(options, uri).await?, permit));
        }
    }

    async fn permit(&self) -> OwnedSemaphorePermit {
        let permit = self.permits.clone().acquire_owned().await;
        permit.expect("the semaphore is never closed")
    }

    /// Leases a new connection.
    fn accept(&self, sender: Sender, permit: OwnedSemaphorePermit) -> Lease {
        let connection = match sender {
            Sender::Http1(sender) => {
                self.protocol.set(Protocol::Http1);
                Leased::Http1(sender, permit)
            }
            Sender::Http2(sender) => {
                self.protocol.set(Protocol::Http2);
                let streams = Arc::new(());
                let shared = Shared {
                    sender: sender.clone(),
                    streams: streams.clone(),
                    used: Instant::now(),
                };
                let old = self.shared.replace(Some(shared));
                drop(old);
                Leased::Http2(sender, streams)
            }
        };
        Lease {
            connection,
            is_used: false,
        }
    }

    fn has_shared(&self) -> bool {
        let shared = self.shared.borrow();
        shared
            .as_ref()
            .is_some_and(|shared| !shared.sender.is_closed())
    }

    fn take_shared(&self) -> Option<Lease> {
        if !self.has_shared() {
            // Dropped with nothing borrowed, as that wakes the connection's task.
            let closed = self.shared.take();
            drop(closed);
            return None;
        }
        let mut shared = self.shared.borrow_mut();
        let shared = shared.as_mut()?;
        shared.used = Instant::now();
        Some(Lease {
            connection: Leased::Http2(shared.sender.clone(), shared.streams.clone()),
            is_used: true,
        })
    }

    /// Uses a connection of HTTP/2 no more, as it takes no more streams. Those that have begun go
    /// on.
    pub(super) fn forget(&self, streams: &Arc<()>) {
        let is_same = |shared: &mut Shared| Arc::ptr_eq(&shared.streams, streams);
        let closed = self.shared.borrow_mut().take_if(is_same);
        // Dropped with nothing borrowed, as above.
        drop(closed);
    }

    /// Takes the idle connection that was used last, and drops those that can't be used.
    fn take_idle(&self, idle_timeout: Duration) -> Option<http1::SendRequest<LocalBody>> {
        loop {
            let last = self.idle.borrow_mut().pop()?;
            if last.sender.is_ready() && last.since.elapsed() < idle_timeout {
                return Some(last.sender);
            }
        }
    }

    fn put_idle(&self, sender: http1::SendRequest<LocalBody>) {
        self.idle.borrow_mut().push(Idle {
            sender,
            since: Instant::now(),
        });
    }

    /// Closes connections that have been idle for some time. Returns when the next one will have
    /// been, if there is any.
    pub(super) fn expire(&self, idle_timeout: Duration) -> Option<Instant> {
        let now = Instant::now();
        let is_fresh = |since: Instant| now.duration_since(since) < idle_timeout;
        let is_expired = |idle: &mut Idle| !is_fresh(idle.since) || idle.sender.is_closed();
        let expired: Vec<_> = self.idle.borrow_mut().extract_if(.., is_expired).collect();
        let shared = self.shared.borrow_mut().take_if(|shared| {
            if Arc::strong_count(&shared.streams) > 1 {
                shared.used = now;
            }
            !is_fresh(shared.used) || shared.sender.is_closed()
        });
        // Nothing is borrowed here: dropping a connection wakes its task.
        drop((expired, shared));
        let idle = self.idle.borrow().iter().map(|idle| idle.since).min();
        let used = self.shared.borrow().as_ref().map(|shared| shared.used);
        let oldest = idle.into_iter().chain(used).min();
        oldest.map(|since| since + idle_timeout)
    }

    /// Closes the connections that are not in use.
    pub(super) fn close_idle(&self) {
        let idle = mem::take(&mut *self.idle.borrow_mut());
        let is_idle = |shared: &mut Shared| Arc::strong_count(&shared.streams) == 1;
        let shared = self.shared.borrow_mut().take_if(is_idle);
        // Nothing is borrowed here, as above.
        drop((idle, shared));
    }

    pub(super) fn idle_connections(&self) -> usize {
        self.idle.borrow().len() + usize::from(self.has_shared())
    }
}

/// Returns a connection of HTTP/1 to its host as soon as its response has been read. Until then it
/// keeps its permit.
pub(super) fn give_back(
    host: &Rc<Host>,
    mut sender: http1::SendRequest<LocalBody>,
    permit: OwnedSemaphorePermit,
    then: impl FnOnce() + 'static,
) {
    if sender.is_ready() {
        host.put_idle(sender);
        drop(permit);
        return then();
    }
    let host = host.clone();
    wakeful_core::spawn(async move {
        // An error means that the connection is closed.
        if sender.ready().await.is_ok() {
            host.put_idle(sender);
        }
        // After the connection is idle, so that a waiting request takes it.
        drop(permit);
        drop(host);
        then();
    });
}
