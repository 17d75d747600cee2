//! Socket addresses and name lookup.

use std::io;
use std::iter::Chain;
use std::net::{self, IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::{option, vec};

use crate::error::tried;
use crate::sim;

/// Conversion into socket addresses: from addresses, and from names with a port, which are looked
/// up on the blocking pool. Literal addresses in strings are not looked up.
///
/// The trait is sealed: other crates can't implement it.
///
/// ```
/// use std::net::{Ipv4Addr, SocketAddr};
/// use wakeful::net::UdpSocket;
///
/// # fn main() -> std::io::Result<()> {
/// wakeful::block_on(async {
///     UdpSocket::bind("127.0.0.1:0").await?;
///     UdpSocket::bind(("localhost", 0)).await?;
///     UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
///     UdpSocket::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
///     Ok(())
/// })
/// # }
/// ```
pub trait ToSocketAddrs: sealed::Lookup {}

mod sealed {
    use super::Query;

    pub trait Lookup {
        #[doc(hidden)]
        fn query(&self) -> Query;
    }
}

/// Resolved addresses. A single address needs no allocation, for senders of datagrams.
#[doc(hidden)]
#[derive(Debug)]
pub enum Addrs {
    One(SocketAddr),
    Many(Vec<SocketAddr>),
    /// Addresses of a name, in the resolver's order.
    Found(Vec<SocketAddr>),
}

impl Addrs {
    pub(crate) fn first(&self) -> Option<SocketAddr> {
        match self {
            Addrs::One(addr) => Some(*addr),
            Addrs::Many(addrs) | Addrs::Found(addrs) => addrs.first().copied(),
        }
    }
}

impl IntoIterator for Addrs {
    type Item = SocketAddr;
    type IntoIter = Chain<option::IntoIter<SocketAddr>, vec::IntoIter<SocketAddr>>;

    fn into_iter(self) -> Self::IntoIter {
        let (one, many) = match self {
            Addrs::One(addr) => (Some(addr), Vec::new()),
            Addrs::Many(addrs) | Addrs::Found(addrs) => (None, addrs),
        };
        one.into_iter().chain(many)
    }
}

/// Addresses, or a name to be looked up.
#[doc(hidden)]
#[derive(Debug)]
pub enum Query {
    Known(Addrs),
    Name(String, u16),
    /// Neither an address nor a name with a port.
    Malformed(String),
}

use sealed::Lookup;

macro_rules! known {
    ($($type:ty: $self:ident => $addrs:expr;)*) => {$(
        impl ToSocketAddrs for $type {}

        impl Lookup for $type {
            fn query(&$self) -> Query {
                Query::Known($addrs)
            }
        }
    )*};
}

known! {
    SocketAddr: self => Addrs::One(*self);
    SocketAddrV4: self => Addrs::One(SocketAddr::V4(*self));
    SocketAddrV6: self => Addrs::One(SocketAddr::V6(*self));
    (IpAddr, u16): self => Addrs::One(SocketAddr::from(*self));
    (Ipv4Addr, u16): self => Addrs::One(SocketAddr::from(*self));
    (Ipv6Addr, u16): self => Addrs::One(SocketAddr::from(*self));
    [SocketAddr]: self => Addrs::Many(self.to_vec());
    Vec<SocketAddr>: self => Addrs::Many(self.clone());
}

impl<const N: usize> ToSocketAddrs for [SocketAddr; N] {}

impl<const N: usize> Lookup for [SocketAddr; N] {
    fn query(&self) -> Query {
        self[..].query()
    }
}

impl ToSocketAddrs for (&str, u16) {}

impl Lookup for (&str, u16) {
    fn query(&self) -> Query {
        match self.0.parse::<IpAddr>() {
            Ok(ip) => Query::Known(Addrs::One(SocketAddr::new(ip, self.1))),
            Err(_) => Query::Name(self.0.to_owned(), self.1),
        }
    }
}

impl ToSocketAddrs for (String, u16) {}

impl Lookup for (String, u16) {
    fn query(&self) -> Query {
        (self.0.as_str(), self.1).query()
    }
}

impl ToSocketAddrs for str {}

impl Lookup for str {
    fn query(&self) -> Query {
        if let Ok(addr) = self.parse() {
            return Query::Known(Addrs::One(addr));
        }
        match self
            .rsplit_once(':')
            .map(|(host, port)| (host, port.parse()))
        {
            Some((host, Ok(port))) => Query::Name(host.to_owned(), port),
            _ => Query::Malformed(self.to_owned()),
        }
    }
}

impl ToSocketAddrs for String {}

impl Lookup for String {
    fn query(&self) -> Query {
        self.as_str().query()
    }
}

impl<T: ToSocketAddrs + ?Sized> ToSocketAddrs for &T {}

impl<T: Lookup + ?Sized> Lookup for &T {
    fn query(&self) -> Query {
        (**self).query()
    }
}

/// Looks up a name, on a thread of the blocking pool, as the resolver of the system blocks.
///
/// The resolver's own limit is often ten seconds or more: put a `wakeful::time::timeout` around it.
/// A hanging lookup occupies one of the `wakeful::Builder::max_blocking_threads` threads, and
/// delays shutdown for at most `wakeful::Builder::blocking_shutdown_timeout`.
///
/// # Errors
///
/// Returns an error if the name is not known, if the string is not `host:port`, or if there is no
/// thread for the lookup.
///
/// # Panics
///
/// Outside a runtime, unless `host` is an address.
///
/// # Cancel safety
///
/// Cancel-safe; the thread continues until the resolver has an answer.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// wakeful::block_on(async {
///     let mut addrs = wakeful::net::lookup_host("127.0.0.1:80").await?;
///     assert_eq!(addrs.next(), Some("127.0.0.1:80".parse().unwrap()));
///
///     // By name, with a limit.
///     let limit = std::time::Duration::from_secs(5);
///     let addrs: Vec<_> = wakeful::time::timeout(limit, wakeful::net::lookup_host("localhost:80"))
///         .await??
///         .collect();
///     assert!(addrs.iter().all(|addr| addr.port() == 80));
///     Ok(())
/// })
/// # }
/// ```
pub async fn lookup_host<A: ToSocketAddrs>(
    host: A,
) -> io::Result<impl Iterator<Item = SocketAddr>> {
    resolve(&host).await.map(Addrs::into_iter)
}

fn malformed(text: &str) -> io::Error {
    let mut why = format!("`{text}` is not an address: write `host:port`, as in `127.0.0.1:80`");
    if let Some((_, port)) = text.rsplit_once(':') {
        why += &format!(
            "; `{port}` is not a port, which is a number up to {}",
            u16::MAX
        );
    }
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

pub(crate) async fn resolve<A: ToSocketAddrs + ?Sized>(host: &A) -> io::Result<Addrs> {
    match host.query() {
        Query::Known(addrs) => Ok(addrs),
        Query::Malformed(text) => Err(malformed(&text)),
        Query::Name(host, port) => {
            if let Some(found) = sim::lookup(&host) {
                let found = found.map_err(tried("look up", &host))?;
                let with_port = |ip| SocketAddr::new(ip, port);
                return Ok(Addrs::Found(found.into_iter().map(with_port).collect()));
            }
            let name = host.clone();
            let lookup = move || net::ToSocketAddrs::to_socket_addrs(&(host.as_str(), port));
            let addrs = match wakeful_core::try_spawn_blocking(lookup) {
                Ok(addrs) => addrs.await.map_err(io::Error::from)?,
                Err(error) => Err(error),
            };
            let addrs = addrs.map_err(tried("look up", name))?;
            Ok(Addrs::Found(addrs.collect()))
        }
    }
}

/// Tries an operation with each address in turn. Returns the last error if all fail.
pub(crate) async fn each<A, T, F>(
    addrs: &A,
    what: &str,
    mut f: impl FnMut(SocketAddr) -> F,
) -> io::Result<T>
where
    A: ToSocketAddrs + ?Sized,
    F: Future<Output = io::Result<T>>,
{
    let mut last = None;
    for addr in resolve(addrs).await? {
        match f(addr).await {
            Ok(value) => return Ok(value),
            Err(error) => last = Some(tried(what, addr)(error)),
        }
    }
    Err(last.unwrap_or_else(|| none_to_try(what)))
}

/// Returns the error for a name without an address.
pub(crate) fn none_to_try(what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("{what}: there is no address to try"),
    )
}
