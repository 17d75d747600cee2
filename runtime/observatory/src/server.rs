//! The server: options, listening, accepting.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use wakeful::net::{TcpListener, TcpStream, lookup_host};
use wakeful::task::{self, JoinHandle, JoinSet};
use wakeful::time::sleep;
use wakeful::trace::{self, Level};

use super::connection::Connection;
use super::guard::{self, Guard};
use super::live::Watchers;
use super::reply::{self, close_gently};
use super::site::{Actions, Site};
use super::{LEVEL, OWN, RATE};

/// The largest number of connections at the same time.
const MAX_CONNECTIONS: usize = 100;
/// Options of the page.
///
/// ```
/// use wakeful::trace::Level;
/// use wakeful_observatory::Observatory;
///
/// # wakeful::block_on(async {
/// let observatory = Observatory::new().level(Level::Wakes).rate(10_000);
/// let server = observatory.serve("127.0.0.1:0").await.unwrap();
/// # server.stop();
/// # });
/// ```
pub struct Observatory {
    level: Level,
    rate: u32,
    actions: Actions,
}

impl Default for Observatory {
    fn default() -> Observatory {
        Observatory::new()
    }
}

impl fmt::Debug for Observatory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observatory")
            .field("level", &self.level)
            .field("rate", &self.rate)
            .field("actions", &self.actions.targets)
            .finish()
    }
}

impl Observatory {
    /// Returns the defaults, which each method states.
    pub fn new() -> Observatory {
        Observatory {
            level: LEVEL,
            rate: RATE,
            actions: Actions::new(&[], |_| async { None }),
        }
    }

    /// Sets the level of the trace. Default: [`Level::Clones`]. If the runtime records at a higher
    /// level already, that level stays.
    #[must_use]
    pub fn level(mut self, level: Level) -> Observatory {
        self.level = level;
        self
    }

    /// Sets the [largest number of events](wakeful::trace::set_rate) that are recorded in a second;
    /// 0 for no limit. Default: 2,000, of which a page draws 10 s without effort.
    #[must_use]
    pub fn rate(mut self, events_per_second: u32) -> Observatory {
        self.rate = events_per_second;
        self
    }

    /// Adds buttons to the page that call `handler` on the loop. Default: none.
    ///
    /// Each target is a path, perhaps with a query: `/slow?ms=500`. Requests for its path with
    /// another query reach the handler as well. Each call is a task, named after its target. `None`
    /// becomes a response of status 404, and a panic one of status 500.
    ///
    /// ```
    /// # wakeful::block_on(async {
    /// let observatory = wakeful_observatory::Observatory::new()
    ///     .actions(&["/hello?name=you"], |target| async move { Some(format!("{target}\n")) });
    /// # observatory.serve("127.0.0.1:0").await.unwrap();
    /// # });
    /// ```
    #[must_use]
    pub fn actions<F>(
        mut self,
        targets: &[&str],
        handler: impl Fn(String) -> F + 'static,
    ) -> Observatory
    where
        F: Future<Output = Option<String>> + 'static,
    {
        self.actions = Actions::new(targets, handler);
        self
    }

    /// Listens, sets level and limit of the trace, and serves the page in a task, for as long as
    /// the runtime exists or until [`Server::stop`].
    ///
    /// # Errors
    ///
    /// If the address is not one of loopback, or can't be listened on.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: nothing is served before the future is ready.
    pub async fn serve(self, address: &str) -> Result<Server, Error> {
        let found = lookup_host(address).await;
        let found: Vec<SocketAddr> = found
            .map_err(|error| Error::unknown(address, error))?
            .collect();
        let at = guard::loopback(address, &found).map_err(Error::refused)?;
        let failed = |error| Error::cannot_listen(at, error);
        let listener = TcpListener::bind(at).await.map_err(failed)?;
        let bound = listener.local_addr().map_err(failed)?;
        trace::set_level(self.level.max(trace::level()));
        trace::set_rate(self.rate);
        let site = Rc::new(Site {
            guard: Guard::new(bound),
            open: Cell::new(0),
            watchers: Watchers::default(),
            actions: self.actions,
        });
        let name = format!("{OWN}accept");
        let task = task::Builder::new()
            .name(name)
            .spawn(accept(listener, site));
        Ok(Server {
            address: bound,
            task,
        })
    }
}

/// A page that is served. Dropping it changes nothing: see [`stop`](Self::stop).
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Server {
    /// Returns the address at which the page is served.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the address for a browser.
    ///
    /// ```
    /// # wakeful::block_on(async {
    /// let server = wakeful_observatory::serve("127.0.0.1:0").await.unwrap();
    /// assert!(server.url().starts_with("http://127.0.0.1:"));
    /// # });
    /// ```
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Ends the server and all its connections. The trace is still recorded: see
    /// [`trace::set_level`](wakeful::trace::set_level).
    pub fn stop(self) {
        self.task.abort();
    }
}

/// Why the page can't be served. It prints as a sentence that says what to do.
#[derive(Debug)]
pub struct Error {
    sentence: String,
    source: Option<io::Error>,
}

impl Error {
    fn unknown(asked: &str, error: io::Error) -> Error {
        Error {
            sentence: format!("cannot look up '{asked}': {error}; give 127.0.0.1:7070"),
            source: Some(error),
        }
    }

    fn refused(sentence: String) -> Error {
        Error {
            sentence,
            source: None,
        }
    }

    fn cannot_listen(at: SocketAddr, error: io::Error) -> Error {
        let advice = match error.kind() {
            io::ErrorKind::AddrInUse => "the port is in use; give another one, or 0",
            io::ErrorKind::PermissionDenied => "give a port above 1023",
            _ => "give an address of this machine, such as 127.0.0.1:0",
        };
        Error {
            sentence: format!("cannot listen on {at}: {error}: {advice}"),
            source: Some(error),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let source = self.source.as_ref()?;
        Some(source)
    }
}

/// Accepts connections until the task is aborted, which ends the connections as well.
async fn accept(listener: TcpListener, site: Rc<Site>) {
    let mut connections = JoinSet::new();
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // The listener waits by itself while no descriptor is left. Any other failure must
                // not end the program that is observed.
                eprintln!("observatory: cannot accept a connection: {error}; trying again in 1 s");
                sleep(Duration::from_secs(1)).await;
                continue;
            }
        };
        while connections.try_join_next().is_some() {}
        let site = site.clone();
        let builder = connections.build_task().name(format!("{OWN}connection"));
        builder.spawn(async move {
            let _open = Open::new(&site);
            // An error of one connection does not affect the others.
            let _ = if site.open.get() > MAX_CONNECTIONS {
                turn_away(stream).await
            } else {
                Connection::new(stream, &site).run().await
            };
        });
    }
}

async fn turn_away(stream: TcpStream) -> io::Result<()> {
    let mut refusal = Vec::new();
    let text = "503 Service Unavailable: there are too many connections; close some\n";
    reply::text(&mut refusal, "503 Service Unavailable", text, false);
    // The socket is new, so its send buffer has space for these bytes.
    stream.write(&refusal).await?;
    close_gently(&stream).await
}

/// Counts a connection until it is dropped.
struct Open<'a>(&'a Cell<usize>);

impl Open<'_> {
    fn new(site: &Site) -> Open<'_> {
        site.open.set(site.open.get() + 1);
        Open(&site.open)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}
