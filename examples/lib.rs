//! Code that the servers among the examples share: arguments, the line with the server's address,
//! accepting, and closing without losing the last reply.

mod args;
#[cfg(feature = "hyper")]
mod connection;
mod serving;

pub use args::{Args, check_address};
#[cfg(feature = "hyper")]
pub use connection::{serve_connection, with_causes};
pub use serving::{accept, close_gently, listen, raise_descriptor_limit};

/// Any error that may cross threads.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
