//! Descriptors of any kind, at tokio's path. They are described in [`reactor`](crate::reactor).

pub use crate::reactor::{
    AsyncFd, AsyncFdReadyGuard, AsyncFdReadyMutGuard, AsyncFdRegisterError, AsyncFdTryNewError,
    TryIoError,
};
