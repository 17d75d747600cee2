//! The layer `tower::timeout` sets a timer of tokio.

use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;

use tower::timeout::Timeout;
use tower::{ServiceExt, service_fn};

use crate::Result;

pub async fn example(_: String) -> Result<String> {
    let slow = service_fn(|()| pending::<std::result::Result<(), Infallible>>());
    let limited = Timeout::new(slow, Duration::from_millis(10));
    match limited.oneshot(()).await {
        Ok(()) => Err("it has not waited".into()),
        Err(error) => Ok(error.to_string()),
    }
}
