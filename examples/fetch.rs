//! Fetches a URL with a pooled client: `cargo run --example fetch --features fetch --
//! http://127.0.0.1:7000/`.

use std::fs;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use futures_rustls::pki_types::CertificateDer;
use futures_rustls::pki_types::pem::PemObject;
use futures_rustls::rustls::{ClientConfig, RootCertStore};
use futures_util::future::join_all;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use tower::ServiceExt;
use tower_http::follow_redirect::FollowRedirect;
use wakeful_examples::{Args, BoxError};
use wakeful_hyper::Client;

const USAGE: &str = "\
usage: fetch [URL] [--times N] [--connections N] [--http VERSION] [--timeout MS] [--ca FILE]

Fetches URL (http://127.0.0.1:7000/) N times (1) at once, over at most N connections (10), and
follows redirects. The bodies go to standard output, versions and statuses to standard error.
`--http 2` uses HTTP/2 without asking the server. An answer may take MS milliseconds (10000). FILE
(/etc/ssl/certs/ca-certificates.crt) has the certificates to trust, in PEM.";

#[wakeful::main]
async fn main() -> ExitCode {
    let mut args = Args::from_env(USAGE);
    let times: usize = args.option("--times", 1);
    let connections: usize = args.option("--connections", 10);
    let version: u8 = args.option("--http", 1);
    let timeout = Duration::from_millis(args.option("--timeout", 10_000));
    let ca = args.option("--ca", "/etc/ssl/certs/ca-certificates.crt".to_string());
    let url = args.next("URL", "http://127.0.0.1:7000/".to_string());
    args.finish();

    let mut builder = Client::builder()
        .timeout(timeout)
        .max_connections_per_host(connections.max(1));
    if version == 2 {
        builder = builder.http2_only();
    }
    if url.starts_with("https:") {
        match trusting(&ca) {
            Ok(config) => builder = builder.tls(config),
            Err(error) => {
                eprintln!("cannot read the certificates in '{ca}': {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    let client = FollowRedirect::new(builder.build());
    let answers = join_all((0..times).map(|_| fetch(&client, &url))).await;
    let mut code = ExitCode::SUCCESS;
    for answer in answers {
        let written = answer.and_then(|body| Ok(std::io::stdout().write_all(&body)?));
        if let Err(error) = written {
            eprintln!("{error}");
            code = ExitCode::FAILURE;
        }
    }
    code
}

/// Fetches a URL, and returns the body.
async fn fetch(client: &FollowRedirect<Client>, url: &str) -> Result<Bytes, BoxError> {
    let request = Request::get(url).body(Empty::<Bytes>::new())?;
    let response = client.clone().oneshot(request).await?;
    eprintln!("{:?} {}", response.version(), response.status());
    Ok(response.into_body().collect().await?.to_bytes())
}

/// Returns a configuration that trusts the certificates of a file.
fn trusting(file: &str) -> Result<ClientConfig, BoxError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&fs::read(file)?) {
        // Some systems have certificates that rustls does not accept.
        let _ = roots.add(certificate?);
    }
    let config = ClientConfig::builder().with_root_certificates(roots);
    Ok(config.with_no_client_auth())
}
