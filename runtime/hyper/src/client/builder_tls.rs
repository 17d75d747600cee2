//! The option of a client for TLS.

use std::sync::Arc;

use futures_rustls::rustls::ClientConfig;

use super::builder::ClientBuilder;
use super::tls::Tls;

impl ClientBuilder {
    /// Allows `https` URLs, with a configuration of rustls. It names the certificates to trust.
    ///
    /// Unless it names protocols for ALPN, HTTP/2 and HTTP/1.1 are offered, and with
    /// [`http2_only`](Self::http2_only) only HTTP/2.
    pub fn tls(mut self, config: impl Into<Arc<ClientConfig>>) -> Self {
        self.options.tls = Some(Tls::new(config.into()));
        self
    }
}
