//! TLS of a client.

use std::io;
use std::sync::Arc;

use futures_rustls::TlsConnector;
use futures_rustls::pki_types::ServerName;
use futures_rustls::rustls::ClientConfig;

use super::stream::Stream;

/// The configuration for `https`.
pub(super) struct Tls {
    connector: TlsConnector,
}

impl Tls {
    /// Offers HTTP/2 and HTTP/1.1, unless the configuration names protocols.
    pub(super) fn new(mut config: Arc<ClientConfig>) -> Tls {
        if config.alpn_protocols.is_empty() {
            let protocols = ["h2", "http/1.1"].map(|name| name.as_bytes().to_vec());
            Arc::make_mut(&mut config).alpn_protocols = protocols.to_vec();
        }
        Tls {
            connector: config.into(),
        }
    }

    /// Makes the handshake. Also returns whether the server has chosen HTTP/2.
    pub(super) async fn connect(&self, host: &str, stream: Stream) -> io::Result<(Stream, bool)> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let stream = self.connector.connect(name, stream).await?;
        let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        Ok((Box::new(stream), is_http2))
    }
}
