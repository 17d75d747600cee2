//! An HTTPS client that trusts a given authority:
//! `cargo run --example tls_client --features tls -- --ca ca.pem localhost:7443`.

use std::fs;
use std::process::ExitCode;
use std::sync::Arc;

use bytes::Bytes;
use futures_rustls::TlsConnector;
use futures_rustls::client::TlsStream;
use futures_rustls::pki_types::pem::PemObject;
use futures_rustls::pki_types::{CertificateDer, ServerName};
use futures_rustls::rustls::{ClientConfig, RootCertStore};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::{http1, http2};
use hyper::header::HOST;
use hyper::{Request, Version};
use wakeful::net::TcpStream;
use wakeful_examples::{Args, BoxError, with_causes};
use wakeful_hyper::{Executor, Io, Timer};

const USAGE: &str = "\
usage: tls_client [ADDRESS] --ca FILE [--name NAME] [--http VERSION]

Fetches / from the HTTPS server at ADDRESS (localhost:7443), which must have a certificate for NAME
(the host of ADDRESS) from an authority in the PEM file FILE. Over HTTP/2 or 1.1, as the server
prefers, or with `--http 1` over HTTP/1.1.";

#[wakeful::main]
async fn main() -> ExitCode {
    let mut args = Args::from_env(USAGE);
    let ca = args.option("--ca", String::new());
    let name = args.option("--name", String::new());
    let version: u8 = args.option("--http", 2);
    let address = args.address("ADDRESS", "localhost:7443");
    args.finish();
    let host = address.rsplit_once(':').map_or(&*address, |(host, _)| host);
    let name = if name.is_empty() { host } else { &name };
    match fetch(&address, name, &ca, version).await {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("cannot fetch from {address}: {}", with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn fetch(address: &str, name: &str, ca: &str, version: u8) -> Result<String, BoxError> {
    let connector = connector(ca, version)?;
    let server = ServerName::try_from(name.to_string())
        .map_err(|_| format!("'{name}' is not a name of a server"))?;
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let stream = connector.connect(server, stream).await.map_err(|error| {
        format!(
            "no TLS connection to '{name}': {error}; the server needs a certificate for that name \
                 from an authority in '{ca}'"
        )
    })?;
    request(stream, name).await
}

/// Returns a connector that trusts only the authorities in the file.
fn connector(ca: &str, version: u8) -> Result<TlsConnector, BoxError> {
    if ca.is_empty() {
        return Err("name the file of the authority to trust with --ca FILE".into());
    }
    let pem = fs::read(ca).map_err(|error| format!("cannot read '{ca}': {error}"))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        roots.add(certificate?)?;
    }
    if roots.is_empty() {
        return Err(format!("there is no certificate in '{ca}'").into());
    }
    let config = ClientConfig::builder().with_root_certificates(roots);
    let mut config = config.with_no_client_auth();
    config.alpn_protocols = match version {
        1 => vec![b"http/1.1".to_vec()],
        2 => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        other => return Err(format!("--http {other}: give 1 or 2").into()),
    };
    Ok(TlsConnector::from(Arc::new(config)))
}

async fn request(stream: TlsStream<TcpStream>, name: &str) -> Result<String, BoxError> {
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let io = Io::new(stream);
    let body = Empty::<Bytes>::new();
    let response = if is_http2 {
        let mut builder = http2::Builder::new(Executor::new());
        builder.timer(Timer::new());
        let (mut sender, connection) = builder.handshake(io).await?;
        wakeful::spawn(connection);
        let request = Request::get(format!("https://{name}/")).version(Version::HTTP_2);
        sender.send_request(request.body(body)?).await?
    } else {
        let (mut sender, connection) = http1::handshake(io).await?;
        wakeful::spawn(connection);
        let request = Request::get("/").header(HOST, name);
        sender.send_request(request.body(body)?).await?
    };
    let bytes = response.into_body().collect().await?.to_bytes();
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
