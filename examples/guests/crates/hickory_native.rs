//! The same over the sockets and timers of Wakeful.

use std::net::SocketAddr;

use hickory_resolver::Resolver;
use hickory_resolver::config::{NameServerConfig, ResolverConfig};
use wakeful_hickory::WakefulProvider;

use crate::Result;

pub async fn example(server: String) -> Result<String> {
    let server: SocketAddr = server.parse()?;
    let mut udp = NameServerConfig::udp(server.ip());
    udp.connections[0].port = server.port();
    let config = ResolverConfig::from_parts(None, vec![], vec![udp]);
    let resolver = Resolver::builder_with_config(config, WakefulProvider::new()).build()?;
    let found = resolver.lookup_ip("wakeful.test.").await?;
    let address = found.iter().next().ok_or("no address")?;
    Ok(address.to_string())
}
