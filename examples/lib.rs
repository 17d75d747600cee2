//! What the servers among the examples share, so that each of them stays a page: arguments, the
//! line that says where a server listens, accepting, and closing without losing the last reply.

mod args;
#[cfg(feature = "hyper")]
mod connection;
mod serving;

pub use args::{Args, check_address};
#[cfg(feature = "hyper")]
pub use connection::{BoxError, serve_connection, with_causes};
pub use serving::{accept, close_gently, listen, raise_descriptor_limit};
