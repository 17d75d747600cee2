//! What people run: hyper, axum and tonic as servers, reqwest as a client. All need the feature
//! `web`. Without it, the cases are listed, and each sample says what is missing.
//!
//! Both runtimes run the same code, except for how a connection is accepted and spawned, and for
//! hyper's executor, timer and stream.

#[cfg(feature = "web")]
mod calls;
#[cfg(feature = "web")]
mod clients;
#[cfg(feature = "web")]
mod servers;

#[cfg(not(feature = "web"))]
mod without;
#[cfg(not(feature = "web"))]
use without::{self as calls, self as clients, self as servers};

pub use calls::check;
pub use clients::{OPTIONS, PACKAGES, reqwest};
pub use servers::serve;

/// A server of these cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// hyper alone.
    Hyper,
    /// axum: a route with a parameter, answered with JSON.
    Axum,
    /// tonic: the standard service for health checks.
    Tonic,
}

/// A path and the body of its answer.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    pub path: &'static str,
    pub body: &'static str,
}

impl What {
    /// Returns what the load requests.
    pub fn page(self) -> Page {
        let (path, body) = match self {
            What::Hyper => ("/", "Hello, World!"),
            What::Axum => ("/hello/ada", "{\"hello\":\"ada\"}"),
            // The answer is a message with its length before it, not a text.
            What::Tonic => ("/grpc.health.v1.Health/Check", ""),
        };
        Page { path, body }
    }
}
