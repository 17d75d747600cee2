//! A DNS client, without the blocking pool. The server is dnsmasq.

use std::net::SocketAddr;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;

use crate::Result;

pub async fn example(server: String) -> Result<String> {
    let server: SocketAddr = server.parse()?;
    let mut udp = NameServerConfig::udp(server.ip());
    udp.connections[0].port = server.port();
    let config = ResolverConfig::from_parts(None, vec![], vec![udp]);
    let provider = TokioRuntimeProvider::default();
    let resolver = TokioResolver::builder_with_config(config, provider).build()?;
    let found = resolver.lookup_ip("wakeful.test.").await?;
    let address = found.iter().next().ok_or("no address")?;
    Ok(address.to_string())
}
