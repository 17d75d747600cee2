//! A WebSocket client: `cargo run --example websocket_client --features websocket,tls --
//! wss://localhost:7443/ hello --ca ca.pem`.
//!
//! `async-tungstenite` has a `connect_async` for each runtime that it knows. The function `connect`
//! here does the same: it connects the socket, with TLS for `wss`, and makes the handshake.

use std::sync::Arc;

use async_tungstenite::tungstenite::Message;
use async_tungstenite::tungstenite::client::IntoClientRequest;
use async_tungstenite::tungstenite::protocol::CloseFrame;
use async_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use async_tungstenite::{WebSocketStream, client_async};
use futures_rustls::TlsConnector;
use futures_rustls::pki_types::pem::PemObject;
use futures_rustls::pki_types::{CertificateDer, ServerName};
use futures_rustls::rustls::{ClientConfig, RootCertStore};
use futures_util::StreamExt;
use futures_util::future::Either;
use futures_util::io::{AsyncRead, AsyncWrite};
use wakeful::net::TcpStream;
use wakeful_examples::{Args, BoxError};

const USAGE: &str = "\
usage: websocket_client [URL] [MESSAGE] [--ca FILE]

Sends MESSAGE (hello) to the WebSocket server at URL (ws://127.0.0.1:7000/), and prints its answer. With `wss` the
server needs a certificate from an authority in the PEM file FILE.";

#[wakeful::main]
async fn main() -> Result<(), BoxError> {
    let mut args = Args::from_env(USAGE);
    let ca = args.option("--ca", String::new());
    let url = args.next("URL", "ws://127.0.0.1:7000/".to_string());
    let message = args.next("MESSAGE", "hello".to_string());
    args.finish();
    let mut roots = RootCertStore::empty();
    if !ca.is_empty() {
        for certificate in CertificateDer::pem_file_iter(&ca)? {
            roots.add(certificate?)?;
        }
    }
    let config = ClientConfig::builder().with_root_certificates(roots);
    let tls = TlsConnector::from(Arc::new(config.with_no_client_auth()));

    let mut socket = connect(&url, &tls).await?;
    socket.send(Message::text(message)).await?;
    if let Some(answer) = socket.next().await {
        println!("{}", answer?.into_text()?);
    }
    let (code, reason) = (CloseCode::Normal, "".into());
    socket.close(Some(CloseFrame { code, reason })).await?;
    // The server's part of the end.
    while let Some(Ok(_)) = socket.next().await {}
    Ok(())
}

/// Opens a WebSocket, over TLS if the URL begins with `wss`.
async fn connect(
    url: &str,
    tls: &TlsConnector,
) -> Result<WebSocketStream<impl AsyncRead + AsyncWrite + Unpin>, BoxError> {
    let request = url.into_client_request()?;
    let host = request
        .uri()
        .host()
        .ok_or("the URL has no host")?
        .to_string();
    let is_secure = request.uri().scheme_str() == Some("wss");
    let port = request
        .uri()
        .port_u16()
        .unwrap_or(if is_secure { 443 } else { 80 });
    let stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await?;
    stream.set_nodelay(true)?;
    let stream = match is_secure {
        true => Either::Left(tls.connect(ServerName::try_from(host)?, stream).await?),
        false => Either::Right(stream),
    };
    let (socket, _response) = client_async(request, stream).await?;
    Ok(socket)
}
