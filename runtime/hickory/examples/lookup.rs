//! Asks a DNS server: `cargo run -p wakeful-hickory --example lookup -- 127.0.0.1:53 localhost A`.

use std::error::Error;
use std::net::SocketAddr;

use hickory_resolver::Resolver;
use hickory_resolver::config::{NameServerConfig, ResolverConfig};
use wakeful_hickory::WakefulProvider;

const USAGE: &str = "usage: lookup SERVER:PORT NAME TYPE";

#[wakeful::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let server: SocketAddr = args.next().ok_or(USAGE)?.parse()?;
    let name = args.next().ok_or(USAGE)?;
    let record_type = args.next().ok_or(USAGE)?.parse()?;

    let mut servers = NameServerConfig::udp_and_tcp(server.ip());
    for connection in &mut servers.connections {
        connection.port = server.port();
    }
    let config = ResolverConfig::from_parts(None, Vec::new(), vec![servers]);
    let resolver = Resolver::builder_with_config(config, WakefulProvider::new()).build()?;
    for record in resolver.lookup(name, record_type).await?.answers() {
        println!("{record}");
    }
    Ok(())
}
