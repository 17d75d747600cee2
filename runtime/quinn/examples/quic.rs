//! A QUIC server and a client on one loop: `cargo run -p wakeful-quinn --example quic`.
//!
//! The certificate is made when the program starts, and the client knows it. A server for others
//! reads its own from a file.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;

use quinn::rustls::RootCertStore;
use quinn::rustls::pki_types::PrivateKeyDer;
use quinn::{ClientConfig, Endpoint, EndpointConfig, Incoming, ServerConfig, VarInt};
use wakeful_quinn::bind;

#[wakeful::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let made = rcgen::generate_simple_self_signed(["localhost".into()])?;
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())?;
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone())?;

    let config = ServerConfig::with_single_cert(vec![made.cert.into()], key)?;
    let here: SocketAddr = "127.0.0.1:0".parse()?;
    let server = bind(here, EndpointConfig::default(), Some(config))?;
    let address = server.local_addr()?;
    wakeful::spawn(serve(server));

    let mut client = bind(here, EndpointConfig::default(), None)?;
    client.set_default_client_config(ClientConfig::with_root_certificates(Arc::new(roots))?);
    let connection = client.connect(address, "localhost")?.await?;
    for name in ["ada", "grace"] {
        let (mut send, mut receive) = connection.open_bi().await?;
        send.write_all(name.as_bytes()).await?;
        send.finish()?;
        let answer = receive.read_to_end(1024).await?;
        println!("{}", String::from_utf8(answer)?);
    }
    connection.close(VarInt::from_u32(0), b"done");
    client.wait_idle().await;
    Ok(())
}

async fn serve(server: Endpoint) {
    while let Some(incoming) = server.accept().await {
        wakeful::spawn(async move {
            if let Err(error) = answer(incoming).await {
                println!("the connection has ended: {error}");
            }
        });
    }
}

/// Answers each stream of a connection. The client ends it, which is an error here.
async fn answer(incoming: Incoming) -> Result<(), Box<dyn Error>> {
    let connection = incoming.await?;
    loop {
        let (mut send, mut receive) = connection.accept_bi().await?;
        let name = String::from_utf8(receive.read_to_end(1024).await?)?;
        send.write_all(format!("hello, {name}").as_bytes()).await?;
        send.finish()?;
    }
}
