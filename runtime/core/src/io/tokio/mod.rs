//! tokio's I/O traits, which Wakeful's streams implement, and with the feature `tokio-io-util`
//! tokio's helpers for them.
//!
//! All items are those of `tokio::io`. They are here so that programs that use nothing else of
//! tokio need no dependency on it, with a version and features of its own.

#[doc(no_inline)]
pub use ::tokio::io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};

#[cfg(feature = "tokio-io-util")]
mod util;
#[cfg(feature = "tokio-io-util")]
pub use util::*;
