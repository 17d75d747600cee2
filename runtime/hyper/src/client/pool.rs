//! The connections of a client.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use hyper::Uri;
use wakeful_core::Handle;
use wakeful_core::runtime::Id;
use wakeful_core::task::JoinHandle;
use wakeful_core::time::{Instant, sleep_until};

use super::connect::{is_https, port};
use super::host::Host;
use super::options::Options;

/// Runtime, scheme, host and port. The connections of a runtime do nothing while another one runs.
type Key = (Id, bool, String, u16);

/// Number of hosts up to which those without connections are kept.
const KEPT: usize = 64;

pub(super) struct Pool {
    pub(super) options: Options,
    hosts: RefCell<HashMap<Key, Rc<Host>>>,
    /// Number of hosts at which those without connections are forgotten.
    full: Cell<usize>,
    /// The task that closes idle connections, while there are any, and its runtime.
    janitor: RefCell<Option<(Id, JoinHandle<()>)>>,
}

impl Pool {
    pub(super) fn new(options: Options) -> Pool {
        Pool {
            options,
            hosts: RefCell::default(),
            full: Cell::new(KEPT),
            janitor: RefCell::default(),
        }
    }

    /// Returns the connections to the host of a URL.
    pub(super) fn host(&self, uri: &Uri) -> Rc<Host> {
        let is_https = is_https(uri);
        let name = uri.host().unwrap_or_default().to_ascii_lowercase();
        let key = (Handle::current().id(), is_https, name, port(uri));
        if let Some(host) = self.hosts.borrow().get(&key) {
            return host.clone();
        }
        if self.hosts.borrow().len() >= self.full.get() {
            self.forget_unused();
            self.full.set((2 * self.number_of_hosts()).max(KEPT));
        }
        let host = Rc::new(Host::new(&self.options, is_https));
        self.hosts.borrow_mut().insert(key, host.clone());
        host
    }

    /// Forgets hosts without connections, such as those whose requests have all failed.
    fn forget_unused(&self) {
        // The map refers to it, and no request does.
        let is_unused = |_: &Key, host: &mut Rc<Host>| {
            Rc::strong_count(host) == 1 && host.idle_connections() == 0
        };
        let unused: Vec<_> = self.hosts.borrow_mut().extract_if(is_unused).collect();
        // Nothing is borrowed here, as a host may have a connection that is closed.
        drop(unused);
    }

    pub(super) fn number_of_hosts(&self) -> usize {
        self.hosts.borrow().len()
    }

    /// Starts the task that closes idle connections, if it does not run. It is a task of the
    /// runtime that runs, and looks after the connections of all.
    pub(super) fn start_janitor(self: &Rc<Self>) {
        let runtime = Handle::current().id();
        let runs = |(of, task): &(Id, JoinHandle<()>)| *of == runtime && !task.is_finished();
        if self.janitor.borrow().as_ref().is_some_and(runs) {
            return;
        }
        let pool = Rc::downgrade(self);
        let task = wakeful_core::spawn(async move {
            loop {
                let Some(next) = pool.upgrade().and_then(|pool| pool.expire()) else {
                    return;
                };
                sleep_until(next).await;
            }
        });
        let last = self.janitor.borrow_mut().replace((runtime, task));
        if let Some((_, task)) = last {
            task.abort();
        }
    }

    /// Closes connections that have been idle for too long, and returns when the next one will have
    /// been. Forgets hosts without connections.
    fn expire(&self) -> Option<Instant> {
        let expire = |host: Rc<Host>| host.expire(self.options.idle_timeout);
        let next = self.hosts().into_iter().filter_map(expire).min();
        self.forget_unused();
        next
    }

    pub(super) fn close_idle(&self) {
        for host in self.hosts() {
            host.close_idle();
        }
    }

    fn hosts(&self) -> Vec<Rc<Host>> {
        self.hosts.borrow().values().cloned().collect()
    }

    pub(super) fn idle_connections(&self) -> usize {
        let hosts = self.hosts.borrow();
        hosts.values().map(|host| host.idle_connections()).sum()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if let Some((_, janitor)) = self.janitor.take() {
            janitor.abort();
        }
    }
}
