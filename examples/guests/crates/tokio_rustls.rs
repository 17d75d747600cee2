//! TLS over a socket of Wakeful, which has tokio's I/O traits by the feature `tokio-io`.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::{CertificateDer, pem::PemObject};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::Result;

pub async fn example(server: String) -> Result<String> {
    let (address, certificate) = server.split_once(' ').ok_or("no certificate")?;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate)?)?;
    let config = ClientConfig::builder().with_root_certificates(roots);
    let connector = TlsConnector::from(Arc::new(config.with_no_client_auth()));
    let tcp = wakeful::net::TcpStream::connect(address).await?;
    let mut stream = connector.connect("localhost".try_into()?, tcp).await?;
    let request = b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(request).await?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await?;
    let (_, body) = reply.split_once("\r\n\r\n").ok_or("no body")?;
    Ok(body.to_owned())
}
