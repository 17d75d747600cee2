//! `tower::buffer` spawns a task of tokio, so the inner service must be `Send`.

use std::convert::Infallible;

use tower::buffer::Buffer;
use tower::{ServiceExt, service_fn};

use crate::Result;

pub async fn example(_: String) -> Result<String> {
    let double = service_fn(async |number: u32| Ok::<_, Infallible>(2 * number));
    let buffered = Buffer::new(double, 8);
    let doubled = buffered.oneshot(21).await?;
    Ok(doubled.to_string())
}
