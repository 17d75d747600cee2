//! TLS of a client.

use std::io;
use std::sync::Arc;

use futures_rustls::TlsConnector;
use futures_rustls::pki_types::ServerName;
use futures_rustls::rustls::ClientConfig;

use super::stream::Stream;

/// The configuration for `https`.
pub(super) struct Tls {
    both: TlsConnector,
    /// For a client that uses HTTP/2 only.
    http2: TlsConnector,
}

impl Tls {
    /// Offers HTTP/2 and HTTP/1.1, unless the configuration names protocols.
    pub(super) fn new(config: Arc<ClientConfig>) -> Tls {
        Tls {
            both: offer(config.clone(), &["h2", "http/1.1"]),
            http2: offer(config, &["h2"]),
        }
    }

    /// Makes the handshake. Also returns whether the server has chosen HTTP/2.
    pub(super) async fn connect(
        &self,
        host: &str,
        stream: Stream,
        http2_only: bool,
    ) -> io::Result<(Stream, bool)> {
        let connector = if http2_only { &self.http2 } else { &self.both };
        let name = ServerName::try_from(host.to_owned())
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let stream = connector.connect(name, stream).await?;
        let is_http2 = match stream.get_ref().1.alpn_protocol() {
            Some(b"h2") => true,
            Some(other) if http2_only => {
                let other = String::from_utf8_lossy(other);
                let text = format!(
                    "the server has chosen {other:?}, but the client is for HTTP/2 only: offer \
                     only \"h2\" in `alpn_protocols`, or do without `http2_only`"
                );
                return Err(io::Error::new(io::ErrorKind::Unsupported, text));
            }
            _ => false,
        };
        Ok((Box::new(stream), is_http2))
    }
}

/// Sets the protocols, unless the configuration names some.
fn offer(mut config: Arc<ClientConfig>, protocols: &[&str]) -> TlsConnector {
    if config.alpn_protocols.is_empty() {
        let protocols = protocols.iter().map(|name| name.as_bytes().to_vec());
        Arc::make_mut(&mut config).alpn_protocols = protocols.collect();
    }
    config.into()
}
