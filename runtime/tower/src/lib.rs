//! The parts of [tower](https://docs.rs/tower) that need a runtime, on the
//! [wakeful](https://docs.rs/wakeful) runtime. tower's own use the timers and the tasks of tokio,
//! and panic elsewhere with "there is no reactor running, must be called from the context of a
//! Tokio 1.x runtime".
//!
//! | tower | here |
//! | --- | --- |
//! | `tower::timeout` | [`TimeoutLayer`], [`Timeout`] |
//! | `tower::limit::rate` | [`RateLimitLayer`], [`RateLimit`] |
//! | `tower::buffer` | [`BufferLayer`], [`Buffer`] |
//! | `tower::retry::backoff` | [`Backoff`], for a `Policy` of yours |
//!
//! Services, requests and futures need not be `Send`. The clock is that of the runtime, which a
//! test can pause. The other layers of tower, such as `limit::ConcurrencyLimit`, `load_shed`,
//! `filter` and `retry::Retry`, need no runtime.
//!
//! ```
//! use std::time::Duration;
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//! use wakeful::time::{pause, sleep};
//! use wakeful_tower::{RateLimitLayer, TimeoutLayer};
//!
//! wakeful::block_on(async {
//!     pause();
//!     let service = ServiceBuilder::new()
//!         .layer(RateLimitLayer::new(100, Duration::from_secs(1)))
//!         .layer(TimeoutLayer::new(Duration::from_secs(5)))
//!         .service(service_fn(async |seconds: u64| {
//!             sleep(Duration::from_secs(seconds)).await;
//!             Ok::<_, std::io::Error>("done")
//!         }));
//!     let error = service.oneshot(60).await.unwrap_err();
//!     assert!(error.is::<wakeful::time::Elapsed>());
//! });
//! ```
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(missing_debug_implementations)]

mod backoff;
pub mod buffer;
mod rate;
pub mod timeout;

use std::error::Error;

pub use backoff::Backoff;
pub use buffer::{Buffer, BufferLayer};
pub use rate::{RateLimit, RateLimitLayer};
pub use timeout::{Timeout, TimeoutLayer};

/// The error of services that add errors of their own, as `tower::BoxError`.
pub type BoxError = Box<dyn Error + Send + Sync>;
