//! The options of a client.

use std::fmt;
use std::time::Duration;

use hyper::client::conn::{http1, http2};

use super::stream::Connector;
use super::tls::Tls;
use crate::Executor;

pub(super) struct Options {
    pub(super) connect_timeout: Duration,
    pub(super) timeout: Option<Duration>,
    pub(super) idle_timeout: Duration,
    pub(super) max_connections: usize,
    pub(super) http2_only: bool,
    pub(super) tls: Option<Tls>,
    pub(super) connector: Option<Connector>,
    pub(super) http1: http1::Builder,
    pub(super) http2: http2::Builder<Executor>,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("connect_timeout", &self.connect_timeout)
            .field("timeout", &self.timeout)
            .field("idle_timeout", &self.idle_timeout)
            .field("max_connections_per_host", &self.max_connections)
            .field("http2_only", &self.http2_only)
            .field("tls", &self.tls.is_some())
            .finish_non_exhaustive()
    }
}
