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
    ///
    /// Depend on `futures-rustls` for the configuration: it re-exports rustls, and one of its
    /// features, such as `ring`, chooses the cryptography.
    ///
    /// ```no_run
    /// use futures_rustls::pki_types::{CertificateDer, pem::PemObject};
    /// use futures_rustls::rustls::{ClientConfig, RootCertStore};
    /// use wakeful_hyper::Client;
    ///
    /// # fn example() -> Result<Client, Box<dyn std::error::Error>> {
    /// let mut roots = RootCertStore::empty();
    /// for certificate in CertificateDer::pem_file_iter("/etc/ssl/certs/ca-certificates.crt")? {
    ///     roots.add(certificate?)?;
    /// }
    /// let config = ClientConfig::builder()
    ///     .with_root_certificates(roots)
    ///     .with_no_client_auth();
    /// let client = Client::builder().tls(config).build();
    /// # Ok(client)
    /// # }
    /// ```
    pub fn tls(mut self, config: impl Into<Arc<ClientConfig>>) -> Self {
        self.options.tls = Some(Tls::new(config.into()));
        self
    }
}
