//! Traits, helpers and standard streams, at tokio's paths.
//!
//! The traits, helpers and buffers are tokio's own, from its feature `io-util`. The standard streams
//! and descriptors are Wakeful's.

pub use tokio::io::*;
pub use wakeful::io::{Interest, Ready, Stderr, Stdin, Stdout, stderr, stdin, stdout};

/// Descriptors of any kind.
pub mod unix {
    pub use wakeful::io::unix::*;
}
