//! An HTTPS server with HTTP/1.1 and HTTP/2: `cargo run --example tls --features tls --
//! --save-ca ca.pem`, then `curl --cacert ca.pem https://localhost:7443/`.

use std::future::ready;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use futures_rustls::TlsAcceptor;
use futures_rustls::pki_types::pem::PemObject;
use futures_rustls::pki_types::{CertificateDer, PrivateKeyDer};
use futures_rustls::rustls::ServerConfig;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use wakeful::net::TcpStream;
use wakeful::time::timeout;
use wakeful_examples::with_causes;
use wakeful_examples::{Args, BoxError, accept, listen, raise_descriptor_limit, serve_connection};

const USAGE: &str = "\
usage: tls [ADDRESS] [--cert FILE --key FILE] [--name NAME] [--save-ca FILE]

Listens at ADDRESS (127.0.0.1:7443) for HTTPS. Without --cert and --key, which are PEM files, it
makes an authority and a certificate for NAME (localhost) and 127.0.0.1; --save-ca writes the
authority's certificate into FILE, for clients to trust.";

/// The longest time for a handshake.
const PATIENCE: Duration = Duration::from_secs(10);

/// The chain of a server's certificate, and its key.
type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

#[wakeful::main]
async fn main() -> ExitCode {
    let mut args = Args::from_env(USAGE);
    let [cert, key, ca] =
        ["--cert", "--key", "--save-ca"].map(|name| args.option(name, String::new()));
    let name = args.option("--name", "localhost".to_string());
    let address = args.address("ADDRESS", "127.0.0.1:7443");
    args.finish();
    raise_descriptor_limit();
    let identity = match (&*cert, &*key) {
        ("", "") => made(&name, &ca),
        _ => given(&cert, &key),
    };
    match identity.and_then(acceptor) {
        Ok(acceptor) => serve(&address, acceptor).await,
        Err(error) => {
            eprintln!("{}", with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

/// Reads a certificate and its key from files.
fn given(cert: &str, key: &str) -> Result<Identity, BoxError> {
    let read =
        |file: &str| fs::read(file).map_err(|error| format!("cannot read '{file}': {error}"));
    let chain = CertificateDer::pem_slice_iter(&read(cert)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("'{cert}' is not a certificate in PEM: {error}"))?;
    let key = PrivateKeyDer::from_pem_slice(&read(key)?)
        .map_err(|error| format!("'{key}' is not a private key in PEM: {error}"))?;
    Ok((chain, key))
}

/// Creates a certificate and its authority.
fn made(name: &str, save_ca: &str) -> Result<Identity, BoxError> {
    let mut params = CertificateParams::new(Vec::new())?;
    // The two names must differ, or a client may take the certificate for a self-signed one.
    let common_name = DnType::CommonName;
    params
        .distinguished_name
        .push(common_name.clone(), "authority of an example");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    if !save_ca.is_empty() {
        fs::write(save_ca, authority.pem())
            .map_err(|error| format!("cannot write '{save_ca}': {error}"))?;
    }
    let key = KeyPair::generate()?;
    let names = [name.to_string(), "127.0.0.1".to_string()];
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(common_name, name);
    let certificate = params.signed_by(&key, &authority)?;
    let chain = vec![certificate.der().clone()];
    Ok((chain, PrivateKeyDer::Pkcs8(key.serialize_der().into())))
}

fn acceptor((chain, key): Identity) -> Result<TlsAcceptor, BoxError> {
    let config = ServerConfig::builder().with_no_client_auth();
    let mut config = config
        .with_single_cert(chain, key)
        .map_err(|error| format!("the certificate cannot be used with the key: {error}"))?;
    // In the order of preference.
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn serve(address: &str, acceptor: TlsAcceptor) -> ! {
    let listener = listen(address).await;
    loop {
        let (stream, peer) = accept(&listener).await;
        let acceptor = acceptor.clone();
        wakeful::spawn(async move {
            if let Err(error) = talk(stream, peer, acceptor).await {
                eprintln!("{peer}: no TLS connection: {error}");
            }
        });
    }
}

async fn talk(stream: TcpStream, peer: SocketAddr, acceptor: TlsAcceptor) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let stream = timeout(PATIENCE, acceptor.accept(stream)).await??;
    let session = stream.get_ref().1;
    let alpn = session.alpn_protocol().map(String::from_utf8_lossy);
    let greeting = format!(
        "hello over {:?}, ALPN {}",
        session.protocol_version().expect("the handshake is done"),
        alpn.as_deref().unwrap_or("none"),
    );
    let service = service_fn(move |request: Request<Incoming>| {
        let text = format!("{greeting}, {:?}\n", request.version());
        ready(Ok::<_, BoxError>(Response::new(text)))
    });
    serve_connection(stream, peer, service).await;
    Ok(())
}
