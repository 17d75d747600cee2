//! QUIC: a client and a server, in one thread.

use std::sync::Arc;

use quinn::{ClientConfig, Endpoint, ServerConfig};
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

use crate::Result;

pub async fn example(files: String) -> Result<String> {
    let (certificate, key) = files.split_once(' ').ok_or("no key")?;
    let certificate = CertificateDer::from_pem_file(certificate)?;
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone())?;
    let key = PrivateKeyDer::from_pem_file(key)?;
    let config = ServerConfig::with_single_cert(vec![certificate], key)?;
    let server = Endpoint::server(config, "127.0.0.1:0".parse()?)?;
    let mut client = Endpoint::client("127.0.0.1:0".parse()?)?;
    client.set_default_client_config(ClientConfig::with_root_certificates(Arc::new(roots))?);
    let connecting = client.connect(server.local_addr()?, "localhost")?;
    let accepting = async { server.accept().await.expect("it is open").await };
    let (sender, receiver) = wakeful::try_join!(connecting, accepting)?;
    let mut sent = sender.open_uni().await?;
    sent.write_all(b"hello").await?;
    sent.finish()?;
    let received = receiver.accept_uni().await?.read_to_end(100).await?;
    Ok(String::from_utf8(received)?)
}
