//! The same over the sockets and timers of Wakeful.

use std::sync::Arc;

use quinn::{ClientConfig, EndpointConfig, ServerConfig};
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use wakeful_quinn::bind;

use crate::Result;

pub async fn example(files: String) -> Result<String> {
    let (certificate, key) = files.split_once(' ').ok_or("no key")?;
    let certificate = CertificateDer::from_pem_file(certificate)?;
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone())?;
    let key = PrivateKeyDer::from_pem_file(key)?;
    let config = ServerConfig::with_single_cert(vec![certificate], key)?;
    let here = "127.0.0.1:0".parse()?;
    let server = bind(here, EndpointConfig::default(), Some(config))?;
    let mut client = bind(here, EndpointConfig::default(), None)?;
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
